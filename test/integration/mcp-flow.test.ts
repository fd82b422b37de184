import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { makePack, openTestRuntime, TestWorld } from "../../src/runner/runtime-fixture.ts";
import type { TestRuntime } from "../../src/runner/runtime-fixture.ts";
import { createMachineWorld } from "../../src/runner/index.ts";
import { openMemoryStore } from "../../src/session/index.ts";
import { ROOT } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";
import { nodeServer, EVERYTHING } from "../stand-ins/mcp-tools.ts";

const flow = (tool: string, input: string, rest = ""): string => `
id: call
type: messaging
start: call
nodes:
  call:
    tool.invoke: { tool: ${tool}, input: ${input} }
${rest}
    routing: [{ on: error, to: failed }, { status: cancelled, to: cancelled }, { to: done }]
  done: { message.send: { text: "{{json call.result}}" }, routing: out }
  cancelled: { message.send: { text: "cancelled {{json call.result}}" }, routing: out }
  failed: { message.send: { text: "failed {{call.error.code}}" }, routing: out }
`;
const TOOLS = ["echo", "trigger-elicitation-request", "trigger-url-elicitation", "trigger-long-running-operation"];
const TOOL_MAP = JSON.stringify({
  tools: TOOLS.map((entry) => ({ name: entry, server: "everything", entry, timeout_ms: 10_000 })),
});

/** The machine's time, since the servers live in it. */
class RealWorld extends TestWorld {
  readonly #world = createMachineWorld();
  override nowMs(): number {
    return this.#world.nowMs();
  }
  override monotonicMs(): number {
    return this.#world.monotonicMs();
  }
  override schedule(delayMs: number, task: () => void): () => void {
    return this.#world.schedule(delayMs, task);
  }
}

async function open(
  source: string,
  extra: { store?: TestRuntime["store"]; world?: TestWorld } = {},
): Promise<TestRuntime> {
  const pack = await makePack({ flows: { call: source }, assets: { "toolmap.json": TOOL_MAP } });
  const mcp = { servers: [nodeServer("everything", [EVERYTHING, "stdio"])] };
  return openTestRuntime({ pack, mcp, world: new RealWorld(), ...extra });
}

test("a flow calls a tool of a server that is a process", async () => {
  await using opened = await open(flow("echo", '{ message: "{{in.text}}" }'));
  expect(await opened.texts("hello")).toEqual(['"Echo: hello"']);
});

test("what a server asks in the middle of a call waits for the person through a restart", async () => {
  verifies("tools.elicitation");
  const world = new RealWorld();
  const store = openMemoryStore(world);
  const source = flow("trigger-elicitation-request", "{}");
  const before = await open(source, { store, world });
  expect((await before.texts("go"))[0]).toContain("Please provide inputs for the following fields:");
  expect((await before.texts("Ada Lovelace"))[0]).toContain("Boolean");
  await using after = await open(source, { store, world });
  let said: string | undefined = "";
  // The rest of its fields is optional or has a default.
  for (let turn = 0; turn < 20 && !said?.startsWith('"'); turn++) {
    const [text] = await after.texts(turn === 0 ? "yes" : "skip", { id: `after${turn}` });
    said = text;
  }
  expect(said).toContain("Name: Ada Lovelace");
  expect(said).toContain("Agreed to terms: true");
  expect(said).toContain("Integer: 42");
  await before[Symbol.asyncDispose]();
});

test("who declines is told of to the server", async () => {
  await using opened = await open(flow("trigger-elicitation-request", "{}"));
  await opened.texts("go");
  expect((await opened.texts("decline"))[0]).toMatch(/^cancelled .*declined/);
});

test("a page is visited and said to be", async () => {
  await using opened = await open(
    flow("trigger-url-elicitation", '{ url: "https://example.com/pay", message: "Pay first." }'),
  );
  const { reply } = await opened.say("go");
  expect(reply[0]?.text).toContain("Pay first.\nhttps://example.com/pay");
  expect(reply[0]?.extensions?.suggested_actions).toEqual([{ title: "Done", value: "done" }]);
  expect((await opened.texts("Done"))[0]).toContain("completed");
});

test("a node whose time is over tells its server so, and progress is an event", async () => {
  await using opened = await open(
    flow("trigger-long-running-operation", "{ duration: 60, steps: 300 }", "    timeout_ms: 6000"),
  );
  expect(await opened.texts("go")).toEqual(["failed MCP_CALL_TIMEOUT"]);
  const steps = opened.events.filter(({ kind }) => kind === "tool.progress");
  expect(steps[0]).toMatchObject({ target: "trigger-long-running-operation", node: "call", progress: 1, total: 300 });
});

const DEMO = join(ROOT, "examples/weather-demo");

test.skipIf(!existsSync(join(DEMO, "dist/weather-demo-1.0.0.gtpack")))(
  "a flow calls a flow of another host, which asks this one's person",
  { timeout: 60_000 },
  async () => {
    await using meteo = await startOpenMeteoStandIn();
    const rewrites = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"].map(
      (origin) => `${origin}=${meteo.url}`,
    );
    const other = nodeServer(
      "other",
      [join(ROOT, "src/cli/main.ts"), "mcp", "serve", DEMO, "--data", mkdtempSync(join(tmpdir(), "greentic-other-"))],
      { cwd: ROOT, env: { GREENTIC_HTTP_REWRITE: rewrites.join(",") } },
    );
    const pack = await makePack({
      flows: { call: flow("weather", "{}", "    timeout_ms: 50000") },
      assets: { "toolmap.json": JSON.stringify({ tools: [{ name: "weather", server: "other" }] }) },
    });
    await using opened = await openTestRuntime({ pack, mcp: { servers: [other] }, world: new RealWorld() });
    const [asked] = await opened.texts("what will it be like?");
    expect(asked).toContain("weather asks:");
    expect(asked).toMatch(/city/i);
    let [said] = await opened.texts("Madrid");
    for (let turn = 0; turn < 4 && !said?.includes("°C"); turn++) [said] = await opened.texts("today");
    expect(said).toContain("Madrid");
    expect(said).toContain("°C");
  },
);
