import type { Meter } from "@opentelemetry/api";
import { createModelMetrics } from "./model-spans.ts";
import type { TurnEvent, TurnObserver } from "./turn-event.ts";

/**
 * Makes metrics of turn events: `greentic.flow.duration` and `greentic.message.wait` (ms), `greentic.messages` (in, with redeliveries
 * as `duplicate`, and out), `greentic.messages.degraded`, `greentic.fences.refused`, `greentic.policy.denied`, `greentic.policy.changes`,
 * `greentic.errors`, and of components' calls `greentic.component.duration` (ms), `greentic.component.fuel` and `greentic.component.memory` (bytes at the peak);
 * of language models the client metrics of OpenTelemetry's GenAI conventions.
 */
export function createTurnMeters(meter: Meter): TurnObserver {
  const duration = meter.createHistogram("greentic.flow.duration", {
    unit: "ms",
    description: "Wall time of a flow's turn",
  });
  const wait = meter.createHistogram("greentic.message.wait", {
    unit: "ms",
    description: "Time from a message's acceptance until a worker ran its turn",
  });
  const messages = meter.createCounter("greentic.messages", { description: "Messages accepted and sent" });
  const errors = meter.createCounter("greentic.errors", { description: "Nodes, flows and sends that failed" });
  const fences = meter.createCounter("greentic.fences.refused", { description: "Turns of leases that had moved on" });
  const degraded = meter.createCounter("greentic.messages.degraded", {
    description: "Elements and actions that a channel didn't show as they are",
  });
  const denied = meter.createCounter("greentic.policy.denied", { description: "What policy or a quota turned away" });
  const changes = meter.createCounter("greentic.policy.changes", {
    description: "Times that policy was read anew and changed, or was refused",
  });
  const callMs = meter.createHistogram("greentic.component.duration", {
    unit: "ms",
    description: "Wall time of a component's call, host calls included",
  });
  const fuel = meter.createCounter("greentic.component.fuel", { description: "Instructions that components ran" });
  const memory = meter.createHistogram("greentic.component.memory", {
    unit: "By",
    description: "Memory of a component's instances at the peak of a call",
  });
  const noteModel = createModelMetrics(meter);
  const failed = (event: TurnEvent & { readonly errorCode?: string }): void =>
    errors.add(1, { tenant: event.ctx.tenant, stage: event.kind, code: event.errorCode ?? "unknown" });

  return (event) => {
    const { tenant, provider } = event.ctx;
    switch (event.kind) {
      case "message.accepted":
        messages.add(1, { tenant, direction: "in", duplicate: event.duplicate });
        return;
      case "flow.started":
        if (event.acceptedAtMs !== undefined) wait.record(Math.max(0, event.atMs - event.acceptedAtMs), { tenant });
        return;
      case "node.ended": {
        if (event.errorCode !== undefined) failed(event);
        const { cost, target } = event;
        if (cost === undefined || target === undefined) return;
        const whose = { tenant, component: target };
        callMs.record(cost.wallMs, { ...whose, outcome: event.outcome });
        fuel.add(cost.fuel, whose);
        memory.record(cost.peakMemoryBytes, whose);
        return;
      }
      case "model.ended":
        if (event.errorCode !== undefined) failed(event);
        noteModel(event);
        return;
      case "flow.ended":
        if (event.outcome === "error") failed(event);
        duration.record(event.durationMs, { tenant, flow_id: event.flow, outcome: event.outcome });
        return;
      case "send.ended":
        if (event.errorCode !== undefined) failed(event);
        messages.add(1, { tenant, direction: "out", outcome: event.outcome });
        return;
      case "message.degraded":
        degraded.add(1, { tenant, code: event.code, ...(provider !== undefined && { provider }) });
        return;
      case "policy.denied":
        denied.add(1, { tenant, point: event.point, rule: event.rule });
        return;
      case "policy.changed":
        if (event.errorCode !== undefined) failed(event);
        changes.add(1, { outcome: event.outcome });
        return;
      case "fence.refused":
        fences.add(1, { tenant });
        return;
      case "warning":
        errors.add(1, { tenant, stage: "warning", code: event.code });
        return;
      case "tool.progress":
    }
  };
}
