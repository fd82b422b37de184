import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { httpServer, openToolBench, tenantCtx } from "../../../test/stand-ins/mcp-tools.ts";
import type { ToolBench } from "../../../test/stand-ins/mcp-tools.ts";
import type { Behaviour, McpStandIn } from "../../../test/stand-ins/mcp-http-server.ts";
import { startMcpStandIn } from "../../../test/stand-ins/mcp-http-server.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import { openHttp } from "../../http/index.ts";
import type { JsonObject } from "../../types/index.ts";

const text = (said: string): { result: object } => ({ result: { content: [{ type: "text", text: said }] } });
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

async function serve(
  behaviours: Readonly<Record<string, Behaviour>>,
  map: { readonly tool?: JsonObject; readonly auth?: JsonObject } = {},
  options: Parameters<typeof openToolBench>[1] = {},
): Promise<{ readonly server: McpStandIn; readonly bench: ToolBench }> {
  const server = await startMcpStandIn(behaviours);
  const tools = Object.keys(behaviours).map((name) => ({ name, server: "s", retry_backoff_ms: 1, ...map.tool }));
  const bench = openToolBench(
    { tools, servers: { s: { url: server.url, ...(map.auth === undefined ? {} : { auth: map.auth }) } } },
    options,
  );
  open.push(server, bench);
  return { server, bench };
}

describe("a session over streamable HTTP", () => {
  test("carries the tenant's token, and finds the new one when the old one is refused", async () => {
    const secrets: Record<string, string> = { "demo/bench/key": "old" };
    const { server, bench } = await serve({ t: async () => text("ok") }, { auth: { bearer: "key" } }, { secrets });
    let expected = "old";
    server.admit = ({ headers }) => (headers.authorization === `Bearer ${expected}` ? undefined : 401);
    expect(await bench.call("t", {})).toMatchObject({ result: "ok" });
    expected = "new";
    secrets["demo/bench/key"] = "new";
    expect(await bench.call("t", {})).toMatchObject({ result: "ok" });
    expected = "third";
    expect(await bench.call("t", {})).toMatchObject({
      kind: "error",
      error: { code: "MCP_SERVER_UNAUTHORIZED", retryable: false },
    });
  });

  test("carries a secret in the header that the map names", async () => {
    const auth = { header: "x-api-key", secret: "key" };
    const { server, bench } = await serve(
      { t: async () => text("ok") },
      { auth },
      { secrets: { "demo/bench/key": "k" } },
    );
    expect(await bench.call("t", {})).toMatchObject({ result: "ok" });
    expect(server.seen.every(({ headers }) => headers["x-api-key"] === "k")).toBe(true);
    await expect(bench.call("t", {}, { ctx: tenantCtx("other") })).rejects.toMatchObject({
      code: "MCP_SECRET_MISSING",
    });
  });

  test("is one tenant's, and one call's at a time", async () => {
    verifies("tools.servers.isolated");
    const gate = Promise.withResolvers<void>();
    let running = 0;
    const { server, bench } = await serve({
      t: async ({ session }) => {
        if (++running === 3) gate.resolve();
        await gate.promise;
        return text(session);
      },
    });
    const results = await Promise.all([
      bench.call("t", {}),
      bench.call("t", {}),
      bench.call("t", {}, { ctx: tenantCtx("other") }),
    ]);
    expect(new Set(results.map((result) => (result.kind === "ok" ? result.result : result))).size).toBe(3);
    expect(bench.servers.sessions).toBe(3);
    await bench[Symbol.asyncDispose]();
    // Said goodbye to, every one of them.
    expect(server.sessions.size).toBe(0);
  });

  test("waits for its turn where the map allows one session only", async () => {
    let running = 0;
    let most = 0;
    const server = await startMcpStandIn({
      t: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => void setImmediate(resolve));
        running--;
        return text("ok");
      },
    });
    const bench = openToolBench({
      tools: [{ name: "t", server: "s" }],
      servers: { s: { url: server.url, max_sessions: 1 } },
    });
    open.push(server, bench);
    const results = await Promise.all(Array.from({ length: 8 }, () => bench.call("t", {})));
    expect(results.every(({ kind }) => kind === "ok")).toBe(true);
    expect([most, server.sessions.size]).toEqual([1, 1]);
  });

  test("is closed when nobody has used it for a while", async () => {
    const world = createTestWorld();
    const { server, bench } = await serve({ t: async () => text("ok") }, {}, { world });
    await bench.call("t", {});
    world.advance(299_000);
    expect(bench.servers.sessions).toBe(1);
    await bench.call("t", {});
    world.advance(299_000);
    expect(bench.servers.sessions).toBe(1);
    world.advance(1_500);
    expect(bench.servers.sessions).toBe(0);
    await expect.poll(() => server.sessions.size).toBe(0);
    expect(await bench.call("t", {})).toMatchObject({ kind: "ok" });
  });

  test("is opened anew where the server forgot it", async () => {
    const { server, bench } = await serve({ t: async () => text("ok") });
    await bench.call("t", {});
    server.sessions.clear();
    expect(await bench.call("t", {})).toMatchObject({ kind: "ok", attempts: 1 });
  });

  test("reads the tools again when the server says that they changed", async () => {
    const { server, bench } = await serve({ t: async () => text("ok") });
    await bench.call("t", {});
    await bench.call("t", {});
    const lists = (): number => server.seen.filter(({ method }) => method === "tools/list").length;
    expect(lists()).toBe(1);
    server.tools = [{ name: "t", inputSchema: { type: "object", required: ["n"] } }];
    server.announceTools();
    await expect
      .poll(async () => bench.call("t", {}).catch((error: { code: string }) => error.code))
      .toBe("MCP_INPUT_INVALID");
    expect(lists()).toBe(2);
  });

  test("tells the server when the call is given up", async () => {
    verifies("tools.progress");
    const stop = new AbortController();
    const { server, bench } = await serve({
      t: async ({ signal }) => {
        stop.abort();
        await once(signal, "abort");
        return text("late");
      },
    });
    expect(await bench.call("t", {}, { signal: stop.signal })).toMatchObject({ error: { code: "MCP_CALL_TIMEOUT" } });
    await expect.poll(() => server.seen.map(({ method }) => method)).toContain("notifications/cancelled");
  });

  test("refuses a server's wishes for models and directories", async () => {
    const { bench } = await serve({
      t: async ({ ask }) => {
        const sampling = await ask("sampling/createMessage", { messages: [], maxTokens: 1 });
        const roots = await ask("roots/list", {});
        return text(JSON.stringify([sampling.error?.code, roots.error?.code]));
      },
    });
    expect(await bench.call("t", {})).toMatchObject({ result: "[-32601,-32601]" });
  });
});

describe("what goes wrong behind a server", () => {
  test("is retried where the server did nothing, as the map says", async () => {
    let calls = 0;
    const { bench } = await serve(
      { t: async () => (++calls < 3 ? { status: 503 } : text("ok")) },
      { tool: { max_retries: 2 } },
    );
    expect(await bench.call("t", {})).toMatchObject({ kind: "ok", attempts: 3 });
  });

  test.each([
    [undefined, undefined, 1],
    [true, undefined, 3],
    [undefined, { idempotentHint: true }, 3],
    [undefined, { readOnlyHint: true }, 3],
    [false, { readOnlyHint: true }, 1],
  ])("is not repeated where it may have been done (map %s, tool %j)", async (idempotent, annotations, expected) => {
    verifies("tools.retry");
    let calls = 0;
    const { server, bench } = await serve(
      { t: async () => ({ status: (calls++, 500) }) },
      { tool: { max_retries: 2, ...(idempotent === undefined ? {} : { idempotent }) } },
    );
    server.tools = [{ name: "t", inputSchema: { type: "object" }, annotations }];
    expect(await bench.call("t", {})).toMatchObject({
      kind: "error",
      error: { code: "MCP_CALL_LOST", retryable: expected === 3 },
      attempts: expected,
    });
    expect(calls).toBe(expected);
  });

  test("keeps the tool's own failure, and says nothing of what the protocol refused", async () => {
    const { server, bench } = await serve({
      fails: async () => ({
        result: { isError: true, content: [{ type: "text", text: "no\nseats" }], structuredContent: { left: 0 } },
      }),
      refuses: async () => ({ error: { code: -32602, message: "tenant s3cr3t" } }),
      lies: async () => ({ result: { content: [], structuredContent: { n: "many" } } }),
    });
    server.tools = ["fails", "refuses", "lies"].map((name) => ({
      name,
      inputSchema: { type: "object" },
      ...(name === "lies" ? { outputSchema: { type: "object", properties: { n: { type: "number" } } } } : {}),
    }));
    expect(await bench.call("fails", {})).toMatchObject({
      error: { code: "execution-error", message: "no seats", retryable: false, details: { structured: { left: 0 } } },
    });
    const refused = await bench.call("refuses", {});
    expect(refused).toMatchObject({ error: { code: "MCP_CALL_REFUSED", retryable: false } });
    expect(JSON.stringify(refused)).not.toContain("s3cr3t");
    expect(await bench.call("lies", {})).toMatchObject({ error: { code: "MCP_ANSWER_INVALID" } });
  });

  test("bounds what a server answers", async () => {
    const deep = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
    const { bench } = await serve({
      deep: async () => ({ result: { content: [], structuredContent: deep(10_000) as object } }),
      large: async () => text("x".repeat(5 << 20)),
      fine: async () => ({ result: { content: [], structuredContent: deep(50) as object } }),
    });
    expect(await bench.call("deep", {})).toMatchObject({ error: { code: "MCP_ANSWER_INVALID" } });
    expect(await bench.call("large", {})).toMatchObject({ error: { code: "MCP_ANSWER_INVALID" } });
    expect(await bench.call("fine", {})).toMatchObject({ kind: "ok" });
  });

  test("is refused where policy says so, before and after redirects", async () => {
    const { server, bench } = await serve({ t: async () => text("ok") });
    server.admit = () => 307;
    await expect(bench.call("t", {})).rejects.toMatchObject({ code: "MCP_CALL_REFUSED" });
    expect(server.seen).toHaveLength(1);
    const closed = openToolBench(
      { tools: [{ name: "t", server: "s" }], servers: { s: { url: server.url } } },
      { open: (_ctx, request) => openHttp(request) },
    );
    open.push(closed);
    await expect(closed.call("t", {})).rejects.toMatchObject({ code: "HTTP_ADDRESS_DENIED" });
    const scope = { pack: "p", servers: new Map([["s", httpServer(server.url)]]), isOriginAllowed: () => false };
    const entry = { name: "t", target: { kind: "server", server: "s" }, entry: "t" } as never;
    const denied = bench.servers.toolsOf(scope).describe(tenantCtx("demo"), entry);
    await expect(denied).rejects.toMatchObject({ code: "HTTP_ORIGIN_DENIED" });
    const unknown = openToolBench({ tools: [{ name: "t", server: "nowhere" }] });
    await expect(unknown.call("t", {})).rejects.toMatchObject({ code: "MCP_SERVER_UNKNOWN" });
  });
});
