import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { buildPack } from "../../src/pack/index.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

const GTC = join(ROOT, "src/cli/main.ts");
const run = promisify(execFile);

/** A directory with a bundle of two tenants; the first has the fixture's flows and a token. */
async function makeDirectory(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-mcp-"));
  const { bytes } = await buildPack(join(ROOT, "test/conformance/mcp-pack"), { probeComponent });
  writeFileSync(join(dir, "fixture.gtpack"), bytes);
  writeFileSync(join(dir, "greentic.toml"), "[security]\nreject_unsigned = false\n[mcp]\nserve = true\n");
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    "tenant: acme\nproviders:\n  chat: { type: webchat, tenant: globex }\napps:\n  fixture: { pack: fixture.gtpack }\n",
  );
  return dir;
}

const gtc = (dir: string, ...args: string[]): Promise<{ readonly stdout: string }> =>
  run(process.execPath, [GTC, ...args], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" },
  });

test("a host serves every tenant's flows behind the tenant's own token", { timeout: 180_000 }, async () => {
  verifies("mcp.serve.mounted");
  const dir = await makeDirectory();
  await gtc(dir, "secrets", "set", "mcp_token", "--category", "mcp", "--tenant", "acme", "--value", "t0ken");
  const host = await startHostProcess(".", { args: ["--port", "0", "--data", join(dir, ".greentic")], cwd: dir });
  try {
    const url = (tenant: string): string => `${host.url}/v1/mcp/${tenant}`;
    const refusals = await Promise.all(
      (
        [
          ["acme", {}],
          ["acme", { authorization: "Bearer wrong" }],
          // No token is set for this one, and the last doesn't exist: nobody can tell.
          ["globex", { authorization: "Bearer t0ken" }],
          ["nobody", { authorization: "Bearer t0ken" }],
        ] as const
      ).map(async ([tenant, headers]) => {
        const response = await fetch(url(tenant), { method: "POST", headers, body: "{}" });
        return [response.status, await response.text()];
      }),
    );
    expect(refusals[0]?.[0]).toBe(401);
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
    const client = new Client({ name: "test", version: "1.0.0" });
    const headers = { authorization: "Bearer t0ken" };
    await client.connect(new StreamableHTTPClientTransport(new URL(url("acme")), { requestInit: { headers } }));
    const told: number[] = [];
    const result = await client.callTool(
      { name: "test_tool_with_progress", arguments: {} },
      { onprogress: ({ progress }) => told.push(progress) },
    );
    expect(result.content).toEqual([{ type: "text", text: "Steps taken: 3" }]);
    expect(told).toEqual([1, 2, 3, 4]);
    await client.close();
  } finally {
    expect(await host.stop()).toBe(0);
  }
});

test("gtc mcp serve listens beyond this machine only with a token", { timeout: 180_000 }, async () => {
  verifies("mcp.serve.http");
  const dir = await makeDirectory();
  const failed = await gtc(dir, "mcp", "serve", "--http", "--port", "0", "--host", "0.0.0.0").catch(
    (error: { readonly code?: number; readonly stderr?: string }) => error,
  );
  expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining("MCP_TOKEN_MISSING") as string });
});
