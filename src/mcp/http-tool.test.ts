import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openToolBench, tenantCtx } from "../../test/stand-ins/mcp-tools.ts";
import type { ToolBench } from "../../test/stand-ins/mcp-tools.ts";
import { verifies } from "../../test/verifies.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let seen: Seen[] = [];
let answers: { status: number; headers?: Record<string, string>; body?: string }[] = [];
const server = createServer((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { method, url, headers } = request;
  seen.push({ method, url, headers, body });
  const { status, headers: sent = {}, body: text = "" } = answers.shift() ?? { status: 200 };
  response.writeHead(status, sent).end(text);
}
let bench: ToolBench;
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tool = (name: string, http: object, extra: object = {}): object => ({
    name,
    http,
    retry_backoff_ms: 1,
    ...extra,
  });
  bench = openToolBench(
    {
      tools: [
        tool(
          "order.get",
          { method: "GET", url: `${base}/orders/{id}?v=2`, headers: { "x-from": "flow" } },
          {
            description: "Finds an order",
            input_schema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
            output_schema: { type: "object", required: ["total"] },
            max_retries: 2,
          },
        ),
        tool("order.put", { method: "PUT", url: `${base}/orders/{id}`, auth: { bearer: "key" } }),
        tool("order.new", { url: `${base}/orders`, auth: { header: "x-api-key", secret: "key" } }, { max_retries: 2 }),
      ],
    },
    { secrets: { "demo/bench/key": "k1" } },
  );
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  server.close();
});
beforeEach(() => {
  seen = [];
  answers = [];
});

describe("a tool that is an HTTP endpoint", () => {
  test("fills path, query and body from its input, and its JSON answer is the result", async () => {
    verifies("concept.tool.http");
    answers = [{ status: 200, headers: JSON_TYPE, body: '{"total":3}' }];
    const input = { id: "a/../b?c", tags: ["x", "y"], deep: { n: 1 } };
    expect(await bench.call("order.get", input)).toEqual({
      kind: "ok",
      result: { total: 3 },
      content: [{ type: "text", text: '{"total":3}' }],
      attempts: 1,
    });
    expect(seen[0]).toMatchObject({
      method: "GET",
      url: "/orders/a%2F..%2Fb%3Fc?v=2&tags=x&tags=y&deep=%7B%22n%22%3A1%7D",
      headers: { "x-from": "flow" },
      body: "",
    });
    answers = [{ status: 201, body: "made" }];
    const ctx = tenantCtx("demo", { idempotencyKey: "once" });
    expect(await bench.call("order.put", { id: 7, n: 2 }, { ctx })).toMatchObject({ kind: "ok", result: "made" });
    expect(seen[1]).toMatchObject({
      method: "PUT",
      url: "/orders/7",
      headers: { authorization: "Bearer k1", "idempotency-key": "once", "content-type": "application/json" },
      body: '{"n":2}',
    });
  });

  test("is described by the map", async () => {
    expect(await bench.tools.list(tenantCtx("demo"), {} as never)).toMatchObject([
      { name: "order.get", description: "Finds an order", readOnly: true, idempotent: true },
      { name: "order.put", readOnly: false, idempotent: true },
      { name: "order.new", readOnly: false, idempotent: false },
    ]);
  });

  test("fails with its status, is repeated where that does no harm and waits as long as it is told", async () => {
    answers = [{ status: 502 }, { status: 500 }, { status: 200, headers: JSON_TYPE, body: '{"total":1}' }];
    expect(await bench.call("order.get", { id: "1" })).toMatchObject({ kind: "ok", attempts: 3 });
    answers = [{ status: 502 }];
    expect(await bench.call("order.new", {})).toMatchObject({
      kind: "error",
      error: { code: "MCP_ENDPOINT_FAILED", retryable: false, details: { status: 502 } },
      attempts: 1,
    });
    // Too many requests: it says that it did nothing.
    answers = [{ status: 429 }, { status: 200 }];
    expect(await bench.call("order.new", {})).toMatchObject({ kind: "ok", attempts: 2 });
    answers = [{ status: 404, headers: { ...JSON_TYPE, "retry-after": "2" }, body: '{"why":"gone"}' }];
    expect(await bench.call("order.get", { id: "1" })).toMatchObject({
      error: { retryable: false, backoffMs: 2_000, details: { status: 404, body: { why: "gone" } } },
    });
  });

  test("refuses what can't be sent, before anything is", async () => {
    for (const id of ["", ".", ".."])
      expect(await bench.call("order.get", { id })).toMatchObject({ error: { code: "MCP_INPUT_INVALID" } });
    expect(await bench.call("order.put", { id: {} })).toMatchObject({ error: { code: "MCP_INPUT_INVALID" } });
    await expect(bench.call("order.get", { id: 1 })).rejects.toMatchObject({ code: "MCP_INPUT_INVALID" });
    const other = { ctx: tenantCtx("other") };
    expect(await bench.call("order.new", {}, other)).toMatchObject({ error: { code: "MCP_SECRET_MISSING" } });
    expect(seen).toEqual([]);
    answers = [{ status: 200, headers: JSON_TYPE, body: "{}" }];
    expect(await bench.call("order.get", { id: "1" })).toMatchObject({ error: { code: "MCP_ANSWER_INVALID" } });
  });
});
