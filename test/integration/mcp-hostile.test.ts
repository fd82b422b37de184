import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ToolBench } from "../stand-ins/mcp-tools.ts";
import { nodeServer, openToolBench } from "../stand-ins/mcp-tools.ts";

/** A server that does what its operator wouldn't believe; `PRELUDE` is what all of them share. */
const PRELUDE = `
const say = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
const tool = { name: "t", inputSchema: { type: "object" } };
let text = "";
process.stdin.on("data", (chunk) => {
  text += chunk;
  for (let end = text.indexOf("\\n"); end >= 0; end = text.indexOf("\\n")) {
    const message = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    if (message.method === "initialize") {
      const { protocolVersion } = message.params;
      say({ id: message.id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "h", version: "1" } } });
    } else if (message.method === "tools/list") list(message);
    else if (message.method === "tools/call") call(message);
    else if (message.id !== undefined && message.method === undefined) answered(message);
  }
});
let list = ({ id }) => say({ id, result: { tools: [tool] } });
let call = ({ id }) => say({ id, result: { content: [] } });
let answered = () => {};
`;

interface Hostile extends ToolBench {
  readonly dir: string;
}

function open(script: string): Hostile {
  const dir = mkdtempSync(join(tmpdir(), "greentic-hostile-"));
  const file = join(dir, "server.mjs");
  writeFileSync(file, PRELUDE + script);
  const tools = [{ name: "t", server: "h" }];
  return { ...openToolBench({ tools }, { operator: [nodeServer("h", [file, dir])] }), dir };
}

test("a line without an end is the end of the process", async () => {
  await using bench = open(
    `call = () => { const chunk = "x".repeat(1 << 20); const go = () => process.stdout.write(chunk, go); go(); };`,
  );
  expect(await bench.call("t", {})).toMatchObject({ kind: "error", error: { code: "MCP_CALL_LOST" } });
});

test("what a process prints on standard error is capped", async () => {
  await using bench = open(
    `call = ({ id }) => process.stderr.write("y".repeat(1 << 20), () => say({ id, result: { content: [] } }));`,
  );
  expect(await bench.call("t", {})).toMatchObject({ kind: "ok" });
  expect(bench.log.join("").length).toBeLessThan(70_000);
});

test("pages without an end are no list", async () => {
  await using bench = open(
    `let n = 0; list = ({ id }) => say({ id, result: { tools: [{ ...tool, name: "t" + n }], nextCursor: String(++n) } });`,
  );
  await expect(bench.call("t", {})).rejects.toMatchObject({ code: "MCP_ANSWER_INVALID" });
});

test("questions without an end are asked once", async () => {
  await using bench = open(`
    const ask = () => say({ id: "q", method: "elicitation/create", params: { message: "Again?", requestedSchema: { type: "object", properties: {} } } });
    call = ask;
    answered = ask;
  `);
  expect(await bench.call("t", {})).toMatchObject({ kind: "elicit", elicitation: { message: "Again?" } });
});

test("answers to nothing, noise and broken messages harm nobody", async () => {
  await using bench = open(`
    call = ({ id }) => {
      for (const line of ["nonsense", "[]", "{}", '"x"', "null", '{"jsonrpc":"2.0","id":99,"result":{}}', '{"jsonrpc":"1.0"}'])
        console.log(line);
      say({ method: "notifications/progress", params: { progressToken: "none", progress: "much" } });
      say({ method: "notifications/unknown", params: { __proto__: { polluted: true } } });
      say({ id, result: { content: [{ type: "text", text: "still here" }] } });
    };
  `);
  expect(await bench.call("t", {})).toMatchObject({ kind: "ok", result: "still here" });
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("a result that is none is an error of the server's", async () => {
  await using bench = open(`call = ({ id }) => say({ id, result: { content: "text" } });`);
  expect(await bench.call("t", {})).toMatchObject({ kind: "error", error: { code: "MCP_ANSWER_INVALID" } });
});

test("what doesn't want to end is ended, and what it started with it", async () => {
  const bench = open(`
    import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    process.on("SIGTERM", () => {});
    process.stdin.on("end", () => setInterval(() => {}, 1000));
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    writeFileSync(process.argv[2] + "/pids", process.pid + " " + child.pid);
  `);
  expect(await bench.call("t", {})).toMatchObject({ kind: "ok" });
  const pids = readFileSync(join(bench.dir, "pids"), "utf8").split(" ").map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  await bench[Symbol.asyncDispose]();
  await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // What has ended and isn't collected yet is there by name only.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !readFileSync(stat, "utf8").includes(") Z ");
}
