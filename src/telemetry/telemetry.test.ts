import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import {
  channelId,
  conversationId,
  envId,
  GreenticError,
  sessionCtx,
  teamId,
  tenantId,
  userId,
} from "../types/index.ts";
import { createLogger, createLogObserver, logSafe, openOtlpExport, sessionPseudonym } from "./index.ts";
import type { TurnEvent } from "./index.ts";
import { verifies } from "../../test/verifies.ts";

const ctx = sessionCtx(
  {
    env: envId("dev"),
    tenant: tenantId("acme"),
    team: teamId("default"),
    channel: channelId("webchat"),
    conversation: conversationId("+62 8125559171"),
    user: userId("ana@example.com"),
  },
  { traceId: "0af7651916cd43dd8448eb211c80319c", correlationId: "c", locale: "en" },
);
const turn: readonly TurnEvent[] = [
  { kind: "message.accepted", ctx, duplicate: false, atMs: 1_000 },
  { kind: "flow.started", ctx, flow: "on_message", pack: "weather", atMs: 1_000 },
  {
    kind: "node.ended",
    ctx,
    flow: "on_message",
    node: "ask",
    operation: "qa",
    outcome: "ok",
    status: "ok",
    atMs: 1_001,
    durationMs: 2,
  },
  {
    kind: "node.ended",
    ctx,
    flow: "on_message",
    node: "forecast",
    operation: "tool.invoke",
    outcome: "error",
    status: "error",
    atMs: 1_003,
    durationMs: 4,
    errorCode: "MCP_TOOL_FAILED",
    target: "weather.forecast",
  },
  {
    kind: "tool.progress",
    ctx,
    flow: "on_message",
    node: "forecast",
    target: "weather.forecast",
    progress: 2,
    total: 5,
    atMs: 1_002,
  },
  {
    kind: "message.degraded",
    ctx,
    code: "element.dropped",
    element: "Image",
    path: "cards[0].body[2]",
    message: 0,
    count: 1,
    atMs: 1_006,
  },
  { kind: "flow.ended", ctx, flow: "on_message", pack: "weather", outcome: "done", atMs: 1_000, durationMs: 8 },
];

interface OtlpSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: { stringValue?: string } }[];
  events?: { name: string }[];
}

test("openOtlpExport() sends one trace a turn with a span per flow and per node, and metrics", async () => {
  verifies("telemetry.traces", "telemetry.metrics", "observability.span-per-node", "channels.findings");
  const bodies: Record<string, unknown[]> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      (bodies[request.url ?? ""] ??= []).push(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  const otlp = await openOtlpExport({
    endpoint: `http://127.0.0.1:${port}/`,
    headers: {},
    serviceName: "greentic",
    serviceVersion: "0",
  });
  for (const event of turn) otlp.observe(event);
  await otlp.shutdown();
  await new Promise((closed) => server.close(closed));

  const spans = (bodies["/v1/traces"] as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }[]).flatMap(
    (body) => body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)),
  );
  const flow = spans.find((span) => span.name === "flow.execute");
  expect(spans.map((span) => span.name).sort()).toEqual(["flow.execute", "node.execute", "node.execute"]);
  expect(flow?.events?.map(({ name }) => name)).toEqual(["tool.progress", "message.degraded"]);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([ctx.traceId]));
  expect(spans.filter((span) => span.parentSpanId === flow?.spanId)).toHaveLength(2);
  const failed = spans.find((span) =>
    span.attributes.some((a) => a.key === "node_id" && a.value.stringValue === "forecast"),
  );
  expect(Object.fromEntries((failed?.attributes ?? []).map((a) => [a.key, a.value.stringValue]))).toMatchObject({
    tenant: "acme",
    session_id: sessionPseudonym(ctx.session ?? ""),
    flow_id: "on_message",
    node_id: "forecast",
    provider: "webchat",
    outcome: "error",
  });
  const sent = JSON.stringify(bodies);
  expect(sent).toContain("greentic.flow.duration");
  expect(sent).toContain("greentic.messages.degraded");
  expect(sent).not.toContain("ana@example.com");
  expect(sent).not.toContain("8125559171");
});

test("createLogger() keeps secrets, foreign errors and platform ids out of every line", () => {
  verifies("telemetry.logs", "security.pii");
  const lines: string[] = [];
  const log = createLogger({ level: "debug", format: "json", stream: { write: (line: string) => lines.push(line) } });
  log.info({ token: "hunter2", nested: { authorization: "hunter2" } }, "configured");
  log.error({ err: new Error("connect postgres://user:hunter2@db") }, "failed");
  log.error({ err: new GreenticError("CONFIG_FILE_MISSING", "Read configuration: no file") }, "failed");
  const observe = createLogObserver(log);
  for (const event of turn) observe(event);
  const text = lines.join("");
  expect(lines).toHaveLength(9);
  expect(text).not.toContain("hunter2");
  expect(text).not.toContain("ana@example.com");
  expect(text).toContain("CONFIG_FILE_MISSING");
  expect(text).toContain(ctx.traceId);
});

test("createLogger() writes readable lines when asked", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "pretty", stream: { write: (line: string) => lines.push(line) } });
  log.info({ port: 8080 }, "listening");
  expect(lines.join("")).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}listening port=8080\n$/);
});

test("logSafe() strips what forges lines or reorders text", () => {
  expect(logSafe("a\nb\u001b[31m\u202ec")).toBe("a b\ufffd[31m\ufffdc");
  expect(logSafe("x".repeat(5_000))).toHaveLength(2_001);
});
