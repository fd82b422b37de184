import { mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ToolProgress } from "../../src/mcp/index.ts";
import { elicitationKey } from "../../src/mcp/index.ts";
import { verifies } from "../verifies.ts";
import type { ToolBench } from "../stand-ins/mcp-tools.ts";
import {
  freePort,
  nodeServer,
  openToolBench,
  EVERYTHING,
  FILESYSTEM,
  startListening,
  tenantCtx,
} from "../stand-ins/mcp-tools.ts";

const ENTRIES = [
  "echo",
  "get-sum",
  "get-annotated-message",
  "get-structured-content",
  "trigger-long-running-operation",
  "trigger-elicitation-request",
  "trigger-url-elicitation",
  "get-env",
];
const tools = ENTRIES.map((entry) => ({ name: entry, server: "everything", entry, idempotent: false }));

const transports = ["stdio", "streamableHttp"] as const;
describe.each(transports)("server-everything over %s", (transport) => {
  let bench: ToolBench;
  let listening: AsyncDisposable | undefined;
  beforeAll(async () => {
    if (transport === "stdio") {
      bench = openToolBench({ tools }, { operator: [nodeServer("everything", [EVERYTHING, "stdio"])] });
      return;
    }
    const port = await freePort();
    listening = await startListening(EVERYTHING, ["streamableHttp"], { PORT: String(port) });
    bench = openToolBench({ tools, servers: { everything: { url: `http://127.0.0.1:${port}/mcp` } } });
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
    await listening?.[Symbol.asyncDispose]();
  });

  test("lists tools with their schemas", async () => {
    const list = await bench.tools.list(tenantCtx("demo"), {} as never);
    expect(list.map(({ name }) => name)).toEqual(ENTRIES);
    expect(list.find(({ name }) => name === "get-structured-content")).toMatchObject({
      server: "everything",
      title: "Get Structured Content Tool",
      readOnly: true,
      inputSchema: { properties: { location: { enum: ["New York", "Chicago", "Los Angeles"] } } },
      outputSchema: { properties: { temperature: { type: "number" } } },
    });
  });

  test("gives text, structured content and annotated blocks", async () => {
    verifies("tools.servers");
    expect(await bench.call("echo", { message: "hé" })).toMatchObject({ kind: "ok", result: "Echo: hé" });
    expect(await bench.call("get-sum", { a: 2, b: 3 })).toMatchObject({
      kind: "ok",
      result: "The sum of 2 and 3 is 5.",
    });
    expect(await bench.call("get-structured-content", { location: "Chicago" })).toMatchObject({
      kind: "ok",
      result: { temperature: 36, conditions: "Light rain / drizzle", humidity: 82 },
      content: [{ type: "text" }],
    });
    expect(await bench.call("get-annotated-message", { messageType: "error", includeImage: true })).toMatchObject({
      kind: "ok",
      result: [
        { type: "text", annotations: { priority: 1, audience: ["user", "assistant"] } },
        { type: "image", mimeType: "image/png" },
      ],
    });
  });

  test("checks the input before the server sees it", async () => {
    await expect(bench.call("get-sum", { a: "two", b: 3 })).rejects.toMatchObject({ code: "MCP_INPUT_INVALID" });
    await expect(bench.call("nothing", {})).rejects.toMatchObject({ code: "MCP_TOOL_UNKNOWN" });
  });

  test("hears of progress, which keeps a long call alive up to its maximum", async () => {
    verifies("tools.progress");
    const steps: ToolProgress[] = [];
    const long = { duration: 0.9, steps: 6 };
    const onProgress = (progress: ToolProgress): void => void steps.push(progress);
    const times = { timeoutMs: 600, maxTimeoutMs: 30_000 };
    expect(await bench.call("trigger-long-running-operation", long, { ...times, onProgress })).toMatchObject({
      kind: "ok",
      result: expect.stringContaining("completed") as string,
    });
    expect(steps.length).toBeGreaterThanOrEqual(5);
    expect(steps[0]).toEqual({ progress: 1, total: 6 });
    const slow = { duration: 60, steps: 200 };
    const bounded = await bench.call("trigger-long-running-operation", slow, { timeoutMs: 700, maxTimeoutMs: 1_000 });
    // Nobody knows what a server did that was silent, and this map calls its tools not idempotent.
    expect(bounded).toMatchObject({ kind: "error", error: { code: "MCP_CALL_TIMEOUT", retryable: false } });
  });

  test("is told when a call is given up, and answers the next one in a new session", async () => {
    const stop = new AbortController();
    const running = bench.call(
      "trigger-long-running-operation",
      { duration: 30, steps: 300 },
      { signal: stop.signal, timeoutMs: 20_000, onProgress: () => stop.abort() },
    );
    expect(await running).toMatchObject({ kind: "error", error: { code: "MCP_CALL_TIMEOUT" } });
    expect(await bench.call("echo", { message: "again" })).toMatchObject({ result: "Echo: again" });
  });

  test("asks the person in the middle of a call, and goes on with the answer", async () => {
    const asked = await bench.call("trigger-elicitation-request", {});
    if (asked.kind !== "elicit" || asked.elicitation.mode !== "form") throw new Error(asked.kind);
    expect(asked.elicitation).toMatchObject({
      message: "Please provide inputs for the following fields:",
      schema: { required: ["name"], properties: { integer: { type: "integer", minimum: 1, maximum: 100 } } },
    });
    const key = elicitationKey(asked.elicitation);
    const content = { name: "Ada", check: true, integer: 7 };
    const accepted = await bench.call(
      "trigger-elicitation-request",
      {},
      { answers: [{ key, action: "accept", content }] },
    );
    expect(JSON.stringify(accepted)).toContain("Name: Ada");
    const declined = await bench.call("trigger-elicitation-request", {}, { answers: [{ key, action: "decline" }] });
    expect(JSON.stringify(declined)).toContain("declined");
  });

  test.each([false, true])("sends the person to a page (asked in an error: %s)", async (errorPath) => {
    const input = { url: "https://example.com/consent", message: `Please ${String(errorPath)}`, errorPath };
    const asked = await bench.call("trigger-url-elicitation", input);
    if (asked.kind !== "elicit") throw new Error(JSON.stringify(asked));
    const url = errorPath ? "https://modelcontextprotocol.io/" : "https://example.com/consent";
    expect(asked.elicitation).toMatchObject({ mode: "url", url });
    const answers = [{ key: elicitationKey(asked.elicitation), action: "accept" as const }];
    let result = await bench.call("trigger-url-elicitation", input, { answers });
    if (result.kind === "elicit") {
      answers.push({ key: elicitationKey(result.elicitation), action: "accept" });
      result = await bench.call("trigger-url-elicitation", input, { answers });
    }
    expect(result).toMatchObject({ kind: "ok" });
    expect(answers).toHaveLength(errorPath ? 2 : 1);
  });
});

describe("server-everything as a process", () => {
  test("gets the environment that the operator names and nothing else", async () => {
    const operator = nodeServer("everything", [EVERYTHING, "stdio"], {
      env: { MODE: "quiet" },
      secretEnv: { API_TOKEN: "token" },
    });
    await using bench = openToolBench(
      { tools },
      { operator: [operator], secrets: { "demo/mcp.servers/token": "s3cr3t", "other/mcp.servers/token": "0ther" } },
    );
    const environmentOf = async (tenant: string): Promise<Record<string, string>> => {
      const result = await bench.call("get-env", {}, { ctx: tenantCtx(tenant) });
      if (result.kind !== "ok") throw new Error(JSON.stringify(result));
      return JSON.parse(result.result as string) as Record<string, string>;
    };
    const demo = await environmentOf("demo");
    expect(
      Object.keys(demo)
        .filter((name) => !name.startsWith("__"))
        .toSorted(),
    ).toEqual(["API_TOKEN", "MODE", "PATH"]);
    expect(demo).toMatchObject({ API_TOKEN: "s3cr3t", MODE: "quiet" });
    // Another tenant's process is another's.
    expect(await environmentOf("other")).toMatchObject({ API_TOKEN: "0ther" });
    expect(bench.servers.sessions).toBe(2);
    await expect(environmentOf("third")).rejects.toMatchObject({ code: "MCP_SECRET_MISSING" });
  });

  test("is lent to the tenants that the operator names", async () => {
    const operator = { ...nodeServer("everything", [EVERYTHING, "stdio"]), tenants: ["acme"] };
    await using bench = openToolBench({ tools }, { operator: [operator] });
    await expect(bench.call("echo", { message: "x" })).rejects.toMatchObject({ code: "MCP_SERVER_DENIED" });
  });

  test("comes back after it died, and waits longer while it doesn't start", async () => {
    const dir = mkdtempSync(join(tmpdir(), "greentic-mcp-"));
    const script = join(dir, "mortal.mjs");
    writeFileSync(script, MORTAL);
    await using bench = openToolBench(
      {
        tools: [
          { name: "die", server: "mortal" },
          { name: "live", server: "mortal" },
        ],
      },
      { operator: [nodeServer("mortal", [script])] },
    );
    expect(await bench.call("live", {})).toMatchObject({ result: "alive" });
    expect(await bench.call("die", {})).toMatchObject({
      kind: "error",
      error: { code: "MCP_CALL_LOST", retryable: false },
    });
    expect(await bench.call("live", {})).toMatchObject({ result: "alive" });
    expect(bench.log.join("")).toContain("a secret thought");

    await using broken = openToolBench({ tools }, { operator: [nodeServer("everything", ["-e", "process.exit(3)"])] });
    const first = await broken.call("echo", { message: "x" });
    expect(first).toMatchObject({ kind: "error", error: { code: "MCP_SERVER_UNAVAILABLE", retryable: true } });
    expect(JSON.stringify(await broken.call("echo", { message: "x" }))).toMatch(/failed a moment ago.*backoffMs/);
  });
});

/** A server of forty lines that dies when it is told to. */
const MORTAL = `
console.error("a secret thought");
console.log("Welcome to the mortal server");
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
const tool = (name) => ({ name, inputSchema: { type: "object" } });
let text = "";
process.stdin.on("data", (chunk) => {
  text += chunk;
  for (let end = text.indexOf("\\n"); end >= 0; end = text.indexOf("\\n")) {
    const { id, method, params } = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    if (method === "initialize")
      answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "m", version: "1" } });
    if (method === "tools/list") {
      // Two pages.
      if (params?.cursor === undefined) answer(id, { tools: [tool("die")], nextCursor: "2" });
      else answer(id, { tools: [tool("live")] });
    }
    if (method === "tools/call" && params.name === "die") process.exit(1);
    if (method === "tools/call") answer(id, { content: [{ type: "text", text: "alive" }] });
  }
});
process.stdin.on("end", () => process.exit(0));
`;

describe("server-filesystem", () => {
  test("reads inside its directory and refuses the rest", async () => {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), "greentic-files-")));
    writeFileSync(join(dir, "note.txt"), "remember");
    await using bench = openToolBench(
      { tools: [{ name: "files.read", server: "files", entry: "read_text_file" }] },
      { operator: [nodeServer("files", [FILESYSTEM, dir])] },
    );
    expect(await bench.call("files.read", { path: join(dir, "note.txt") })).toMatchObject({
      kind: "ok",
      result: { content: "remember" },
    });
    expect(await bench.call("files.read", { path: "/etc/hostname" })).toMatchObject({
      kind: "error",
      error: { code: "execution-error", message: expect.stringContaining("outside allowed directories") as string },
    });
  });
});
