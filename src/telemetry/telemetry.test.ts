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
import {
  checkSpans,
  createLogger,
  createLogObserver,
  logSafe,
  openOtlpExport,
  SecretRedactor,
  sessionPseudonym,
} from "./index.ts";
import { safeAttributes } from "./safe-export.ts";
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
  { kind: "message.accepted", ctx, duplicate: false, atMs: 1_000, durationMs: 1 },
  {
    kind: "flow.started",
    ctx,
    flow: "on_message",
    pack: "weather",
    packVersion: "1.0.0",
    acceptedAtMs: 1_000,
    atMs: 1_005,
  },
  {
    kind: "node.ended",
    ctx,
    flow: "on_message",
    node: "ask",
    operation: "qa",
    outcome: "ok",
    status: "ok",
    atMs: 1_008,
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
    atMs: 1_014,
    durationMs: 4,
    errorCode: "MCP_TOOL_FAILED",
    target: "weather.forecast",
    cost: { wallMs: 3, fuel: 12_345, peakMemoryBytes: 65_536, hostCalls: 2 },
  },
  {
    kind: "model.ended",
    ctx,
    flow: "on_message",
    node: "ask",
    name: "default",
    requestModel: "small",
    responseModel: "small-2026",
    server: { address: "127.0.0.1", port: 11_434 },
    maxTokens: 100,
    outcome: "ok",
    finishReason: "stop",
    inputTokens: 12,
    outputTokens: 3,
    firstChunkMs: 1,
    atMs: 1_009,
    durationMs: 2,
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
  { kind: "flow.ended", ctx, flow: "on_message", pack: "weather", outcome: "done", atMs: 1_020, durationMs: 15 },
  { kind: "send.ended", ctx, outcome: "sent", atMs: 1_040, durationMs: 10 },
];

interface OtlpSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  events?: { name: string }[];
}

/** What a collector gets of events, by path. */
async function exported(
  events: readonly TurnEvent[],
  options: { readonly redactor?: SecretRedactor; readonly sampleRatio?: number } = {},
): Promise<Record<string, unknown[]>> {
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
    ...options,
  });
  for (const event of events) otlp.observe(event);
  await otlp.shutdown();
  await new Promise((closed) => server.close(closed));
  return bodies;
}

const spansOf = (bodies: Record<string, unknown[]>): readonly OtlpSpan[] =>
  ((bodies["/v1/traces"] ?? []) as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }[]).flatMap((body) =>
    body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)),
  );
const valuesOf = (span: OtlpSpan | undefined): Record<string, unknown> =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
const lastsMs = (span: OtlpSpan | undefined): number =>
  Number(BigInt(span?.endTimeUnixNano ?? 0) - BigInt(span?.startTimeUnixNano ?? 0)) / 1e6;

test("openOtlpExport() sends one trace a message, from its acceptance to its answer, and metrics", async () => {
  verifies(
    "telemetry.traces",
    "telemetry.metrics",
    "observability.span-per-node",
    "channels.findings",
    "llm.telemetry",
  );
  const bodies = await exported(turn);
  const spans = spansOf(bodies);
  const named = (name: string): OtlpSpan | undefined => spans.find((span) => span.name === name);
  const below = (parent: OtlpSpan | undefined): readonly string[] =>
    spans.filter((span) => span.parentSpanId === parent?.spanId).map((span) => span.name);
  const flow = named("flow.execute");
  expect(named("message.accept")).toMatchObject({ spanId: ctx.traceId.slice(0, 16) });
  expect(named("message.accept")?.parentSpanId ?? "").toBe("");
  expect(below(named("message.accept"))).toEqual(["message.wait", "flow.execute", "message.send"]);
  expect(below(flow)).toEqual(["node.execute", "node.execute", "chat small"]);
  expect(flow?.events?.map(({ name }) => name)).toEqual(["tool.progress", "message.degraded"]);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([ctx.traceId]));
  expect([named("message.wait"), flow, named("message.send")].map(lastsMs)).toEqual([5, 15, 10]);
  const failed = spans.find((span) => span.name === "node.execute" && valuesOf(span)["node_id"] === "forecast");
  expect(valuesOf(failed)).toMatchObject({
    tenant: "acme",
    session_id: sessionPseudonym(ctx.session ?? ""),
    flow_id: "on_message",
    node_id: "forecast",
    provider: "webchat",
    outcome: "error",
  });
  expect(below(failed)).toEqual(["component.call"]);
  expect(valuesOf(named("component.call"))).toMatchObject({
    component: "weather.forecast",
    fuel: 12_345,
    host_calls: 2,
    "greentic.pack.version": "1.0.0",
    "greentic.run.status": "error",
  });
  expect(valuesOf(named("chat small"))).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "small",
    "gen_ai.response.model": "small-2026",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
    "server.address": "127.0.0.1",
  });
  const sent = JSON.stringify(bodies);
  for (const name of ["token.usage", "operation.duration", "operation.time_to_first_chunk"])
    expect(sent).toContain(`"gen_ai.client.${name}"`);
  for (const name of ["flow.duration", "messages.degraded", "message.wait", "component.fuel", "component.memory"])
    expect(sent).toContain(`greentic.${name}`);
  expect(sent).not.toContain("ana@example.com");
  expect(sent).not.toContain("8125559171");
});

test("a timer's trace begins with its flow, a turn that another worker took over leaves nothing, and a ratio keeps whole traces", async () => {
  const firing: readonly TurnEvent[] = [
    { kind: "flow.started", ctx, flow: "reminder", pack: "weather", atMs: 1_000 },
    { kind: "flow.ended", ctx, flow: "reminder", pack: "weather", outcome: "done", atMs: 1_004, durationMs: 4 },
    { kind: "send.ended", ctx, outcome: "sent", atMs: 1_020, durationMs: 5 },
  ];
  const [flow, send] = spansOf(await exported(firing));
  expect(flow).toMatchObject({ name: "flow.execute", spanId: ctx.traceId.slice(0, 16) });
  expect(send).toMatchObject({ name: "message.send", parentSpanId: flow?.spanId });
  const refused: readonly TurnEvent[] = [
    { kind: "flow.started", ctx, flow: "reminder", pack: "weather", atMs: 1_000 },
    { kind: "fence.refused", ctx, atMs: 1_001 },
    { kind: "flow.ended", ctx, flow: "reminder", pack: "weather", outcome: "done", atMs: 1_004, durationMs: 4 },
  ];
  expect(spansOf(await exported(refused))).toEqual([]);
  expect(spansOf(await exported(turn, { sampleRatio: 0 }))).toEqual([]);
});

test("checkSpans() accepts what the export sends, and names what is missing, too much, orphaned or out of time", async () => {
  verifies("observability.conformance");
  const [good] = (await exported(turn))["/v1/traces"] ?? [];
  expect(checkSpans([good])).toEqual({ ok: true, spans: 8, traces: 1, findings: [] });
  const broken = (change: (spans: OtlpSpan[]) => void): readonly string[] => {
    const copy = structuredClone(good) as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] };
    change(copy.resourceSpans[0]?.scopeSpans[0]?.spans ?? []);
    return checkSpans([copy]).findings.map(({ message }) => message);
  };
  expect(
    broken((spans) => spans.splice(0, spans.length, ...spans.filter(({ name }) => name !== "message.accept"))),
  ).toEqual(Array.from({ length: 3 }, () => expect.stringContaining("has a parent that isn't in its trace")));
  const node = (spans: OtlpSpan[]): OtlpSpan => spans.find(({ name }) => name === "node.execute") as OtlpSpan;
  expect(broken((spans) => node(spans).attributes.splice(0, 1))).toEqual(["node.execute lacks tenant"]);
  expect(broken((spans) => node(spans).attributes.push({ key: "text", value: { stringValue: "hi" } }))).toEqual([
    "node.execute has text, which may not leave",
  ]);
  expect(broken((spans) => void (node(spans).endTimeUnixNano = "1"))).toEqual(["node.execute ends before it begins"]);
  expect(checkSpans(["{}", {}, { resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] }]).findings).toHaveLength(3);
});

test("the export drops what isn't on its list, and knows the process's secrets in any form", async () => {
  verifies("security.pii");
  const redactor = new SecretRedactor();
  redactor.add("s3cr3t-value-of-the-tool");
  const [, started] = turn as [TurnEvent, TurnEvent];
  const leaking: readonly TurnEvent[] = [
    started,
    {
      kind: "node.ended",
      ctx,
      flow: "on_message",
      node: "x",
      operation: `Basic ${Buffer.from("me:s3cr3t-value-of-the-tool").toString("base64")}`,
      outcome: "error",
      status: "s3cr3t-value-of-the-tool",
      errorCode: "A_s3cr3t-value-of-the-tool",
      atMs: 1_010,
      durationMs: 1,
    },
  ];
  const sent = JSON.stringify(await exported(leaking, { redactor }));
  expect(sent).toContain("[redacted]");
  expect(sent).not.toContain("s3cr3t");
  expect(sent).not.toContain(Buffer.from("s3cr3t-value-of-the-tool").toString("base64").slice(4, 24));
  expect(safeAttributes({ tenant: "acme", text: "hello", "user.name": "Ana" }, undefined)).toEqual({ tenant: "acme" });
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
  expect(lines).toHaveLength(11);
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
