import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { buildPack } from "../../src/pack/index.ts";
import { verifies } from "../verifies.ts";
import { ROOT } from "./shell.ts";

const GTC = join(ROOT, "src/cli/main.ts");
const BUNDLE = "examples/weather-demo";
let meteo: StandIn;
const data = mkdtempSync(join(tmpdir(), "greentic-mcp-"));

beforeAll(async () => {
  meteo = await startOpenMeteoStandIn();
});
afterAll(() => meteo[Symbol.asyncDispose]());

/** The official client with `gtc mcp serve` as its child, as programs configure it. */
async function open(
  served: { readonly args: readonly string[]; readonly cwd: string; readonly env?: Record<string, string> },
  answer?: (message: string) => Record<string, string> | "decline",
): Promise<Client> {
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { capabilities: answer === undefined ? {} : { elicitation: {} } },
  );
  if (answer !== undefined) {
    client.setRequestHandler("elicitation/create", ({ params }) => {
      const content = answer(params.message);
      return content === "decline" ? { action: "decline" } : { action: "accept", content };
    });
  }
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [GTC, "mcp", "serve", ...served.args],
      cwd: served.cwd,
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...served.env },
      stderr: "ignore",
    }),
  );
  return client;
}

/** A client of the weather demo. */
function connect(answer?: Parameters<typeof open>[1]): Promise<Client> {
  const rewrite = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"]
    .map((origin) => `${origin}=${meteo.url}`)
    .join(",");
  return open({ args: [BUNDLE, "--data", data], cwd: ROOT, env: { GREENTIC_HTTP_REWRITE: rewrite } }, answer);
}

const sessionIn = ({ _meta }: { readonly _meta?: Record<string, unknown> | undefined }): string =>
  (_meta?.["greentic.ai/session"] as { readonly session?: string } | undefined)?.session ?? "";
const textIn = (result: unknown): string =>
  ((result as { content?: readonly { text?: string }[] }).content ?? []).map(({ text = "" }) => text).join("\n");

test.skipIf(!existsSync(join(ROOT, BUNDLE, "dist/weather-demo-1.0.0.gtpack")))(
  "the official client calls the weather flow, is asked for what is missing, and goes on after a restart",
  { timeout: 180_000 },
  async () => {
    verifies("mcp.serve.tools", "mcp.serve.elicitation", "mcp.serve.restart");
    const asked: string[] = [];
    const asking = await connect((message) => {
      asked.push(message);
      return asked.length === 3 ? "decline" : { city: "Jakarta", date: "tomorrow" };
    });
    const { tools } = await asking.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["weather", "continue_session"]);
    expect(tools[0]).toMatchObject({
      title: "Weather forecast",
      inputSchema: { type: "object", properties: { city: { type: "string" } } },
      annotations: { readOnlyHint: true },
    });
    const full = await asking.callTool({ name: "weather", arguments: { city: "Jakarta", date: "tomorrow" } });
    expect(asked).toEqual([]);
    expect(textIn(full)).toMatch(/Jakarta, Indonesia/);
    expect(textIn(await asking.callTool({ name: "weather", arguments: { date: "tomorrow" } }))).toMatch(/Jakarta/);
    expect(asked).toEqual(["Which city?"]);
    // One form asks for everything that is missing.
    expect(textIn(await asking.callTool({ name: "weather", arguments: {} }))).toMatch(/Jakarta/);
    expect(asked).toHaveLength(2);
    const declined = await asking.callTool({ name: "weather", arguments: {} });
    expect(declined.isError).toBeUndefined();
    expect(textIn(declined)).not.toMatch(/Jakarta/);
    const wrong = await asking.callTool({ name: "weather", arguments: { town: "Jakarta" } });
    expect(wrong.isError).toBe(true);
    expect(textIn(wrong)).toMatch(/MCP_INPUT_INVALID/);
    await asking.close();

    const spanish = await open({ args: [BUNDLE, "--locale", "es", "--data", data], cwd: ROOT });
    expect(textIn(await spanish.callTool({ name: "weather", arguments: {} }))).toMatch(/^¿/);
    await spanish.close();

    // A client that can't ask gets a handle, and goes on with it in another process.
    const plain = await connect();
    const waiting = await plain.callTool({ name: "weather", arguments: { date: "tomorrow" } });
    expect(textIn(waiting)).toMatch(/Which city\?[\s\S]*continue_session/);
    const session = sessionIn(waiting);
    await plain.close();
    const later = await connect();
    const go = { name: "continue_session", arguments: { session, answers: { city: "Jakarta" } } };
    const done = await later.callTool(go);
    expect(textIn(done)).toMatch(/Jakarta, Indonesia/);
    // The same answer again is the same call, which has been answered.
    expect(textIn(await later.callTool(go))).toBe(textIn(done));
    const forged = await later.callTool({
      name: "continue_session",
      arguments: { session: `${session.slice(0, -3)}abc` },
    });
    expect(textIn(forged)).toMatch(/MCP_SESSION_INVALID/);
    await later.close();
  },
);

test(
  "a pack that is registered while the server runs is offered, and clients are told",
  { timeout: 180_000 },
  async () => {
    verifies("mcp.serve.reload");
    const dir = mkdtempSync(join(tmpdir(), "greentic-mcp-"));
    const own = ["--tenant", "acme", "--data", join(dir, "data")];
    const client = await open({ args: own, cwd: dir });
    const told = new Promise<void>((resolve) =>
      client.setNotificationHandler("notifications/tools/list_changed", () => resolve()),
    );
    expect((await client.listTools()).tools).toEqual([]);
    const { bytes } = await buildPack(join(ROOT, "test/conformance/mcp-pack"), { probeComponent });
    writeFileSync(join(dir, "fixture.gtpack"), bytes);
    const load = ["runner", "load", "--pack", join(dir, "fixture.gtpack"), "--allow-unsigned", ...own];
    await promisify(execFile)(process.execPath, [GTC, ...load], { cwd: dir });
    await told;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("test_simple_text");
    expect(textIn(await client.callTool({ name: "test_simple_text", arguments: {} }))).toBe(
      "This is a simple text response for testing.",
    );
    await client.close();
  },
);
