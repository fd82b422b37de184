import type { TenantCtx } from "../types/index.ts";
import type { Logger } from "./logger.ts";
import { sessionPseudonym } from "./redact.ts";
import type { TurnObserver } from "./turn-event.ts";

/** Writes turn events as log lines: failures and warnings always, nodes and flows at debug. */
export function createLogObserver(log: Logger): TurnObserver {
  const base = (ctx: TenantCtx): object => ({
    trace_id: ctx.traceId,
    tenant: ctx.tenant,
    ...(ctx.session !== undefined && { session_id: sessionPseudonym(ctx.session) }),
    ...(ctx.provider !== undefined && { provider: ctx.provider }),
  });
  const isDebug = log.level === "debug";
  return (event) => {
    switch (event.kind) {
      case "fence.refused":
        log.warn(base(event.ctx), "turn refused: another worker has its session");
        return;
      case "warning":
        log.warn(
          { ...base(event.ctx), code: event.code, flow_id: event.flow, node_id: event.node, path: event.path },
          "flow warning",
        );
        return;
      case "policy.denied": {
        const { point, rule, code, flow, node } = event;
        log.warn({ ...base(event.ctx), point, rule, code, flow_id: flow, node_id: node }, "policy denied");
        return;
      }
      case "policy.changed": {
        const { outcome, sections, errorCode } = event;
        if (outcome === "changed") log.info({ sections }, "policy changed");
        else log.warn({ code: errorCode }, "policy stays as it was");
        return;
      }
      case "message.degraded":
        if (isDebug) {
          const { code, element, path, message, count } = event;
          log.debug({ ...base(event.ctx), code, element, path, message, count }, "message degraded");
        }
        return;
      case "node.ended":
        if (event.outcome === "error")
          log.warn(
            { ...base(event.ctx), flow_id: event.flow, node_id: event.node, code: event.errorCode },
            "node failed",
          );
        else if (isDebug)
          log.debug(
            {
              ...base(event.ctx),
              flow_id: event.flow,
              node_id: event.node,
              outcome: event.outcome,
              ms: round(event.durationMs),
            },
            "node",
          );
        return;
      case "model.ended":
        if (isDebug) {
          const { flow, node, name, outcome, inputTokens, outputTokens, durationMs, errorCode } = event;
          log.debug(
            {
              ...base(event.ctx),
              flow_id: flow,
              node_id: node,
              model: name,
              outcome,
              input_tokens: inputTokens,
              output_tokens: outputTokens,
              ms: round(durationMs),
              code: errorCode,
            },
            "model",
          );
        }
        return;
      case "tool.progress":
        if (isDebug) {
          const { flow, node, target, progress, total } = event;
          log.debug(
            { ...base(event.ctx), flow_id: flow, node_id: node, tool: target, progress, total },
            "tool progress",
          );
        }
        return;
      case "flow.ended":
        if (event.outcome === "error")
          log.error({ ...base(event.ctx), flow_id: event.flow, code: event.errorCode }, "flow failed");
        else if (isDebug)
          log.debug(
            { ...base(event.ctx), flow_id: event.flow, outcome: event.outcome, ms: round(event.durationMs) },
            "flow",
          );
        return;
      case "send.ended":
        if (event.outcome !== "sent")
          log.warn({ ...base(event.ctx), outcome: event.outcome, code: event.errorCode }, "send not delivered");
        else if (isDebug) log.debug({ ...base(event.ctx), ms: round(event.durationMs) }, "sent");
        return;
      case "message.accepted":
        if (isDebug) log.debug({ ...base(event.ctx), duplicate: event.duplicate }, "accepted");
        return;
      case "flow.started":
    }
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Sends every event to all observers; none where there are none, so that nobody listening costs nothing. */
export function combineObservers(observers: readonly (TurnObserver | undefined)[]): TurnObserver | undefined {
  const all = observers.filter((observer) => observer !== undefined);
  if (all.length <= 1) return all[0];
  return (event) => {
    for (const observe of all) observe(event);
  };
}
