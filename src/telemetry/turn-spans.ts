import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Attributes, Meter, Span, Tracer } from "@opentelemetry/api";
import type { TenantCtx } from "../types/index.ts";
import { sessionPseudonym } from "./redact.ts";
import type { TurnEvent, TurnObserver } from "./turn-event.ts";

/** What every span carries; the documents' set. */
function attributesOf(ctx: TenantCtx): Attributes {
  return {
    tenant: ctx.tenant,
    env: ctx.env,
    team: ctx.team,
    ...(ctx.session !== undefined && { session_id: sessionPseudonym(ctx.session) }),
    ...(ctx.provider !== undefined && { provider: ctx.provider }),
  };
}

/**
 * Makes spans and metrics of turn events: `flow.execute` with a `node.execute` child for each node, `message.send` for each
 * attempt, `message.degraded` events on the flow's span for what a channel doesn't show as it is; `greentic.flow.duration` (ms),
 * `greentic.messages` (in, with redeliveries as `duplicate`, and out), `greentic.messages.degraded`, `greentic.fences.refused` and
 * `greentic.errors`.
 * `withTraceId` runs a root span's creation so that it gets the turn's own trace id.
 */
export function createSpanObserver(
  tracer: Tracer,
  meter: Meter,
  withTraceId: <T>(traceId: string, make: () => T) => T,
): TurnObserver {
  const flows = new Map<string, Span>();
  const duration = meter.createHistogram("greentic.flow.duration", {
    unit: "ms",
    description: "Wall time of a flow's turn",
  });
  const messages = meter.createCounter("greentic.messages", { description: "Messages accepted and sent" });
  const errors = meter.createCounter("greentic.errors", { description: "Nodes, flows and sends that failed" });
  const fences = meter.createCounter("greentic.fences.refused", { description: "Turns of leases that had moved on" });
  const degraded = meter.createCounter("greentic.messages.degraded", {
    description: "Elements and actions that a channel didn't show as they are",
  });
  const keyOf = (ctx: TenantCtx): string => `${ctx.traceId}:${ctx.session ?? ""}`;

  const fail = (
    span: Span | undefined,
    event: { readonly errorCode?: string; readonly ctx: TenantCtx; readonly kind: string },
  ): void => {
    span?.setStatus({ code: SpanStatusCode.ERROR, ...(event.errorCode !== undefined && { message: event.errorCode }) });
    errors.add(1, { tenant: event.ctx.tenant, stage: event.kind, code: event.errorCode ?? "unknown" });
  };
  const child = (event: Extract<TurnEvent, { durationMs: number }>, name: string, attributes: Attributes): void => {
    const parent = flows.get(keyOf(event.ctx));
    const make = (): Span =>
      tracer.startSpan(
        name,
        { startTime: event.atMs, attributes: { ...attributesOf(event.ctx), ...attributes, outcome: event.outcome } },
        parent ? trace.setSpan(context.active(), parent) : context.active(),
      );
    const span = parent ? make() : withTraceId(event.ctx.traceId, make);
    if (event.errorCode !== undefined) fail(span, event);
    span.end(event.atMs + event.durationMs);
  };

  return (event) => {
    switch (event.kind) {
      case "flow.started": {
        const span = withTraceId(event.ctx.traceId, () =>
          tracer.startSpan("flow.execute", {
            root: true,
            startTime: event.atMs,
            attributes: { ...attributesOf(event.ctx), flow_id: event.flow, pack: event.pack },
          }),
        );
        flows.set(keyOf(event.ctx), span);
        return;
      }
      case "node.ended":
        child(event, "node.execute", {
          flow_id: event.flow,
          node_id: event.node,
          operation: event.operation,
          status: event.status,
          ...(event.target !== undefined && { target: event.target }),
        });
        return;
      case "tool.progress": {
        const { node, target, progress, total } = event;
        flows
          .get(keyOf(event.ctx))
          ?.addEvent(
            "tool.progress",
            { node_id: node, target, progress, ...(total !== undefined && { total }) },
            event.atMs,
          );
        return;
      }
      case "flow.ended": {
        const span = flows.get(keyOf(event.ctx));
        flows.delete(keyOf(event.ctx));
        span?.setAttribute("outcome", event.outcome);
        if (event.outcome === "error") fail(span, event);
        span?.end(event.atMs + event.durationMs);
        duration.record(event.durationMs, { tenant: event.ctx.tenant, flow_id: event.flow, outcome: event.outcome });
        return;
      }
      case "message.accepted":
        messages.add(1, { tenant: event.ctx.tenant, direction: "in", duplicate: event.duplicate });
        return;
      case "send.ended":
        child(event, "message.send", {});
        messages.add(1, { tenant: event.ctx.tenant, direction: "out", outcome: event.outcome });
        return;
      case "message.degraded": {
        const { code, element, path, message, count, ctx } = event;
        const attributes = { code, element, path, message, ...(count !== undefined && { count }) };
        const flow = flows.get(keyOf(ctx));
        if (flow !== undefined) flow.addEvent("message.degraded", attributes, event.atMs);
        else {
          // A message of another session's flow: no flow runs in the turn that projects it.
          const span = withTraceId(ctx.traceId, () =>
            tracer.startSpan("message.project", { startTime: event.atMs, attributes: attributesOf(ctx) }),
          );
          span.addEvent("message.degraded", attributes, event.atMs);
          span.end(event.atMs);
        }
        degraded.add(1, { tenant: ctx.tenant, code, ...(ctx.provider !== undefined && { provider: ctx.provider }) });
        return;
      }
      case "fence.refused":
        fences.add(1, { tenant: event.ctx.tenant });
        return;
      case "warning":
        errors.add(1, { tenant: event.ctx.tenant, stage: "warning", code: event.code });
    }
  };
}
