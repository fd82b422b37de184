import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import type { Attributes, Context, Meter, Span, SpanOptions, Tracer } from "@opentelemetry/api";
import type { TenantCtx } from "../types/index.ts";
import { modelAttributes } from "./model-spans.ts";
import { sessionPseudonym } from "./redact.ts";
import { attributesOf } from "./span-attributes.ts";
import type { ComponentCost, TurnEvent, TurnObserver } from "./turn-event.ts";
import { createTurnMeters } from "./turn-meters.ts";

/** Runs the creation of a span so that it gets these very ids. */
export type WithIds = <T>(ids: { readonly traceId: string; readonly spanId: string }, make: () => T) => T;

/** Turns under way that are remembered at most: one that never ends, since its lease had moved on, must not stay for ever. */
const MAX_FLOWS = 20_000;

type NodeEnded = Extract<TurnEvent, { readonly kind: "node.ended" }>;
interface OpenFlow {
  readonly span: Span;
  readonly pack: string;
  readonly packVersion: string;
}

/**
 * Makes spans of turn events, a trace for each message or firing of a timer, through whatever processes it goes:
 * `message.accept` in the gateway; below it `message.wait`, the time until a worker had it, `flow.execute` with a `node.execute` for each
 * node and its `component.call`, a `chat MODEL` for each answer of a language model, and a `message.send` for each attempt. A timer's trace begins with `flow.execute`. What a channel
 * doesn't show as it is are `message.degraded` events of the flow's span.
 * The first span of a trace has the first half of the trace's id for its own, so that every process knows its parent untold.
 */
export function createSpanObserver(tracer: Tracer, meter: Meter, withIds: WithIds): TurnObserver {
  const flows = new Map<string, OpenFlow>();
  const count = createTurnMeters(meter);
  const keyOf = (ctx: TenantCtx): string => `${ctx.traceId}:${ctx.session ?? ""}`;

  const first = (traceId: string, name: string, options: SpanOptions): Span =>
    withIds({ traceId, spanId: firstSpanId(traceId) }, () => tracer.startSpan(name, { ...options, root: true }));
  const begin = (ctx: TenantCtx, name: string, options: SpanOptions, parent?: Span): Span =>
    tracer.startSpan(name, options, parent ? trace.setSpan(context.active(), parent) : belowFirst(ctx.traceId));
  const startFlow = (event: Extract<TurnEvent, { readonly kind: "flow.started" }>): void => {
    const { ctx, flow, pack, packVersion = "", acceptedAtMs, atMs } = event;
    const key = keyOf(ctx);
    // A turn that goes on in another flow ends the span of the one before.
    flows.get(key)?.span.setAttribute("outcome", "left").end(atMs);
    const isFirst = acceptedAtMs === undefined && !flows.has(key);
    flows.delete(key);
    const attributes = { ...attributesOf(ctx), flow_id: flow, pack };
    if (acceptedAtMs !== undefined) {
      const queuedMs = Math.max(0, atMs - acceptedAtMs);
      begin(ctx, "message.wait", { startTime: atMs - queuedMs, attributes: attributesOf(ctx) }).end(atMs);
      Object.assign(attributes, { queued_ms: queuedMs });
    }
    const options = { startTime: atMs, attributes };
    const span = isFirst ? first(ctx.traceId, "flow.execute", options) : begin(ctx, "flow.execute", options);
    flows.set(key, { span, pack, packVersion });
    for (const [oldest] of flows) {
      if (flows.size <= MAX_FLOWS) break;
      flows.delete(oldest);
    }
  };
  const endNode = (event: NodeEnded): void => {
    const { ctx, flow, node, operation, status, outcome, target, cost, atMs, durationMs } = event;
    const open = flows.get(keyOf(ctx));
    const ids = { flow_id: flow, node_id: node };
    const span = begin(
      ctx,
      "node.execute",
      {
        startTime: atMs - durationMs,
        attributes: {
          ...attributesOf(ctx),
          ...ids,
          operation,
          status,
          outcome,
          ...(target !== undefined && { target }),
        },
      },
      open?.span,
    );
    markFailed(span, event.errorCode);
    if (cost !== undefined && target !== undefined) {
      const attributes = { ...attributesOf(ctx), ...ids, ...costAttributes(cost, target), ...publicNames(event, open) };
      const call = begin(ctx, "component.call", { startTime: atMs - cost.wallMs, attributes }, span);
      markFailed(call, event.errorCode);
      call.end(atMs);
    }
    span.end(atMs);
  };

  return (event) => {
    count(event);
    const { ctx } = event;
    switch (event.kind) {
      case "message.accepted": {
        const { atMs, durationMs, duplicate } = event;
        const attributes = { ...attributesOf(ctx), duplicate, outcome: "accepted" };
        first(ctx.traceId, "message.accept", { startTime: atMs, attributes }).end(atMs + durationMs);
        return;
      }
      case "flow.started":
        startFlow(event);
        return;
      case "node.ended":
        endNode(event);
        return;
      case "model.ended": {
        const { atMs, durationMs, outcome, requestModel } = event;
        const span = begin(
          ctx,
          `chat ${requestModel}`,
          {
            kind: SpanKind.CLIENT,
            startTime: atMs - durationMs,
            attributes: { ...attributesOf(ctx), ...modelAttributes(event), outcome },
          },
          flows.get(keyOf(ctx))?.span,
        );
        markFailed(span, event.errorCode);
        span.end(atMs);
        return;
      }
      case "tool.progress": {
        const { node, target, progress, total } = event;
        const attributes = { node_id: node, target, progress, ...(total !== undefined && { total }) };
        flows.get(keyOf(ctx))?.span.addEvent("tool.progress", attributes, event.atMs);
        return;
      }
      case "flow.ended": {
        const span = flows.get(keyOf(ctx))?.span;
        flows.delete(keyOf(ctx));
        span?.setAttribute("outcome", event.outcome);
        if (event.outcome === "error") markFailed(span, event.errorCode ?? "unknown");
        span?.end(event.atMs);
        return;
      }
      case "send.ended": {
        const { atMs, durationMs, outcome } = event;
        const span = begin(ctx, "message.send", {
          startTime: atMs - durationMs,
          attributes: { ...attributesOf(ctx), outcome },
        });
        markFailed(span, event.errorCode);
        span.end(atMs);
        return;
      }
      case "message.degraded": {
        const { code, element, path, message, count: findings } = event;
        const attributes = { code, element, path, message, ...(findings !== undefined && { count: findings }) };
        const open = flows.get(keyOf(ctx));
        if (open !== undefined) open.span.addEvent("message.degraded", attributes, event.atMs);
        else {
          // A message of another session's flow: no flow runs in the turn that projects it.
          const span = begin(ctx, "message.project", { startTime: event.atMs, attributes: attributesOf(ctx) });
          span.addEvent("message.degraded", attributes, event.atMs);
          span.end(event.atMs);
        }
        return;
      }
      case "policy.denied": {
        const { point, rule, code, node, atMs } = event;
        const told = { point, rule, code, ...(node !== undefined && { node_id: node }) };
        flows.get(keyOf(ctx))?.span.addEvent("policy.denied", told, atMs);
        return;
      }
      case "fence.refused": {
        // The turn that came too late says nothing more; whose it was, only the session tells.
        for (const key of flows.keys()) if (key.endsWith(`:${ctx.session ?? ""}`)) flows.delete(key);
        return;
      }
      case "policy.changed":
      case "warning":
    }
  };
}

function firstSpanId(traceId: string): string {
  return traceId.slice(0, 16);
}

function belowFirst(traceId: string): Context {
  const spanId = firstSpanId(traceId);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

function markFailed(span: Span | undefined, code: string | undefined): void {
  if (code !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

function costAttributes({ fuel, peakMemoryBytes, hostCalls }: ComponentCost, component: string): Attributes {
  return { component, fuel, memory_bytes: peakMemoryBytes, host_calls: hostCalls };
}

/** The names under which the public conformance suite looks for what a component's call was. */
function publicNames(
  { ctx, flow, node, operation, outcome, target }: NodeEnded,
  open: OpenFlow | undefined,
): Attributes {
  return {
    "greentic.tenant.id": ctx.tenant,
    "greentic.team.id": ctx.team,
    "greentic.user.id": ctx.user === undefined ? "" : sessionPseudonym(ctx.user),
    "greentic.session.id": ctx.session === undefined ? "" : sessionPseudonym(ctx.session),
    "greentic.pack.id": open?.pack ?? "",
    "greentic.pack.version": open?.packVersion ?? "",
    "greentic.flow.id": flow,
    "greentic.node.id": node,
    "greentic.component.name": target ?? "",
    // Components have their pack's version.
    "greentic.component.version": open?.packVersion ?? "",
    "greentic.run.status": outcome,
    "greentic.capability": operation,
    // Calls leave no files behind.
    "greentic.artifacts.dir": "",
  };
}
