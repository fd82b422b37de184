import { trace } from "@opentelemetry/api";
import type { Attributes, Meter, Tracer } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { channelId, conversationId, envId, sessionCtx, teamId, tenantId, userId } from "../types/index.ts";
import { EXPORTED_ATTRIBUTES } from "./span-attributes.ts";
import type { TurnEvent } from "./turn-event.ts";
import { createSpanObserver } from "./turn-spans.ts";

const ctx = sessionCtx(
  {
    env: envId("dev"),
    tenant: tenantId("acme"),
    team: teamId("default"),
    channel: channelId("webchat"),
    conversation: conversationId("c"),
    user: userId("u"),
  },
  { traceId: "0af7651916cd43dd8448eb211c80319c", correlationId: "c", locale: "en" },
);
const flow = { ctx, flow: "f", pack: "p" };
const node = { ctx, flow: "f", node: "n" };
const at = { atMs: 10, durationMs: 1 };
const failed = { outcome: "error", errorCode: "E", ...at } as const;
/** One event of every kind, with everything that it may say. */
const EVENTS: { readonly [Kind in TurnEvent["kind"]]: Extract<TurnEvent, { kind: Kind }> } = {
  "message.accepted": { kind: "message.accepted", ctx, duplicate: true, ...at },
  "flow.started": { kind: "flow.started", ...flow, packVersion: "1.0.0", acceptedAtMs: 1, atMs: 10 },
  "node.ended": {
    kind: "node.ended",
    ...node,
    ...failed,
    operation: "qa",
    status: "ok",
    target: "t",
    wrote: ["k"],
    cost: { wallMs: 1, fuel: 1, peakMemoryBytes: 1, hostCalls: 1 },
  },
  "tool.progress": { kind: "tool.progress", ...node, target: "t", progress: 1, total: 2, atMs: 10 },
  "model.ended": {
    kind: "model.ended",
    ...node,
    ...failed,
    name: "m",
    requestModel: "m",
    responseModel: "m2",
    server: { address: "llm.example", port: 443 },
    maxTokens: 5,
    finishReason: "stop",
    inputTokens: 1,
    outputTokens: 2,
    firstChunkMs: 1,
  },
  "message.degraded": {
    kind: "message.degraded",
    ctx,
    code: "element.dropped",
    element: "Image",
    path: "cards[0]",
    message: 0,
    count: 1,
    atMs: 10,
  },
  "policy.denied": { kind: "policy.denied", ...node, point: "quota", rule: "r", code: "E", atMs: 10 },
  "policy.changed": { kind: "policy.changed", ctx, outcome: "refused", errorCode: "E", atMs: 10 },
  warning: { kind: "warning", ...node, code: "W", path: "x" },
  "flow.ended": { kind: "flow.ended", ...flow, ...failed },
  "send.ended": { kind: "send.ended", ctx, ...at, outcome: "failed", errorCode: "E" },
  "fence.refused": { kind: "fence.refused", ctx, atMs: 10 },
};

test("everything that spans and metrics are made with is on the list of what may leave, and nothing else is on it", () => {
  const used = new Set<string>();
  const note = (attributes: Attributes = {}): void => {
    for (const name of Object.keys(attributes)) used.add(name);
  };
  const real = trace.wrapSpanContext({ traceId: ctx.traceId, spanId: ctx.traceId.slice(0, 16), traceFlags: 1 });
  const span = {
    spanContext: () => real.spanContext(),
    setAttribute(name: string) {
      used.add(name);
      return this;
    },
    addEvent(_name: string, attributes?: Attributes) {
      note(attributes);
      return this;
    },
    setStatus() {
      return this;
    },
    end: () => undefined,
  };
  const tracer = {
    startSpan(_name: string, options?: { readonly attributes?: Attributes }) {
      note(options?.attributes);
      return span;
    },
  } as unknown as Tracer;
  const record = (_value: number, attributes?: Attributes): void => note(attributes);
  const instrument = (): object => ({ add: record, record });
  const meter = { createHistogram: instrument, createCounter: instrument } as unknown as Meter;
  const observe = createSpanObserver(tracer, meter, (_ids, make) => make());
  for (const event of Object.values(EVENTS)) observe(event);
  expect([...used].filter((name) => !EXPORTED_ATTRIBUTES.has(name))).toEqual([]);
  expect([...EXPORTED_ATTRIBUTES].filter((name) => !used.has(name))).toEqual([]);
});
