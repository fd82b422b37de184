/** What the dashboards show, once for every tool that draws them. */

/** Something that spans tell: how many there are, how long they took (`duration`, ms), or the sum or the percentiles of an attribute. */
interface SpanSource {
  readonly kind: "spans";
  readonly span:
    | "flow.execute"
    | "node.execute"
    | "component.call"
    | "message.accept"
    | "message.wait"
    | "message.send";
  readonly value: "count" | "p50 and p99" | { readonly sumOf: string } | { readonly percentilesOf: string };
  /** One line for each value of this attribute. */
  readonly by?: string;
  /** Attributes that the spans must have. */
  readonly where?: Readonly<Record<string, string>>;
}

/** Gauges of what waits, as the runtime exports them. */
interface GaugeSource {
  readonly kind: "gauges";
  readonly names: readonly string[];
}

/** A counter that only grows, shown as its growth a minute. */
interface CounterSource {
  readonly kind: "counter";
  readonly name: string;
  readonly by?: string;
}

/** One graph. Beside spans stands the metric that says the same, for tools that keep no spans. */
export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly unit: "short" | "ms" | "bytes";
  readonly source: SpanSource | GaugeSource | CounterSource;
  /** The histogram (quantiles, or its count) or counter of what the spans tell. */
  readonly metric?: { readonly histogram: string } | { readonly counter: string };
}

export const PANELS: readonly Panel[] = [
  {
    id: "turns",
    title: "Turns a minute, by tenant",
    help: "A turn is one message or timer that a flow has run.",
    unit: "short",
    source: { kind: "spans", span: "flow.execute", value: "count", by: "tenant" },
    metric: { histogram: "greentic.flow.duration" },
  },
  {
    id: "turn-time",
    title: "Time of a turn",
    help: "From the first node until all of it is committed.",
    unit: "ms",
    source: { kind: "spans", span: "flow.execute", value: "p50 and p99" },
    metric: { histogram: "greentic.flow.duration" },
  },
  {
    id: "wait",
    title: "Wait for a worker",
    help: "From a message's acknowledgement until its turn begins. Grows when workers are too few.",
    unit: "ms",
    source: { kind: "spans", span: "message.wait", value: "p50 and p99" },
    metric: { histogram: "greentic.message.wait" },
  },
  {
    id: "errors",
    title: "Failures a minute, by code",
    help: "Nodes, flows and sends that failed; docs/errors.md says what each code means.",
    unit: "short",
    source: { kind: "counter", name: "greentic.errors", by: "code" },
  },
  {
    id: "accepted",
    title: "Messages in, a minute",
    help: "What channels delivered; platforms' redeliveries as duplicates.",
    unit: "short",
    source: { kind: "spans", span: "message.accept", value: "count", by: "duplicate" },
    metric: { counter: "greentic.messages" },
  },
  {
    id: "sent",
    title: "Sends a minute, by outcome",
    help: "Retries are the platforms' limits; unknown ones are decided by policy.",
    unit: "short",
    source: { kind: "spans", span: "message.send", value: "count", by: "outcome" },
    metric: { counter: "greentic.messages" },
  },
  {
    id: "waiting",
    title: "What waits",
    help: "Messages that no turn has consumed, and sends that wait.",
    unit: "short",
    source: { kind: "gauges", names: ["greentic.inbox.unread", "greentic.outbox.queued"] },
  },
  {
    id: "lag",
    title: "Age of the oldest that waits",
    help: "The first thing to look at: it stays near 0 on a healthy host.",
    unit: "ms",
    source: { kind: "gauges", names: ["greentic.inbox.lag", "greentic.outbox.lag"] },
  },
  {
    id: "attention",
    title: "What needs a person",
    help: "Sends whose fate is unknown or that were given up, and messages that no turn could handle: gtc outbox list, gtc dlq list.",
    unit: "short",
    source: { kind: "gauges", names: ["greentic.outbox.unknown", "greentic.outbox.failed", "greentic.dead_letters"] },
  },
  {
    id: "nodes",
    title: "Time of nodes, by kind",
    help: "Which kind of work turns spend their time on.",
    unit: "ms",
    source: { kind: "spans", span: "node.execute", value: "p50 and p99", by: "operation" },
  },
  {
    id: "component-time",
    title: "Time of components' calls",
    help: "Host calls included.",
    unit: "ms",
    source: { kind: "spans", span: "component.call", value: "p50 and p99", by: "component" },
    metric: { histogram: "greentic.component.duration" },
  },
  {
    id: "fuel",
    title: "Fuel a minute, by component",
    help: "Instructions that components ran.",
    unit: "short",
    source: { kind: "spans", span: "component.call", value: { sumOf: "fuel" }, by: "component" },
    metric: { counter: "greentic.component.fuel" },
  },
  {
    id: "memory",
    title: "Memory of components' calls",
    help: "At the peak of a call; limits are the pack's and the operator's.",
    unit: "bytes",
    source: { kind: "spans", span: "component.call", value: { percentilesOf: "memory_bytes" }, by: "component" },
    metric: { histogram: "greentic.component.memory" },
  },
  {
    id: "denied",
    title: "Denials a minute, by rule",
    help: "What policy and quotas turned away: gtc audit list says who and what.",
    unit: "short",
    source: { kind: "counter", name: "greentic.policy.denied", by: "rule" },
  },
  {
    id: "degraded",
    title: "Elements that channels don't show, a minute",
    help: "docs/channels.md says what each channel leaves out.",
    unit: "short",
    source: { kind: "counter", name: "greentic.messages.degraded", by: "code" },
  },
  {
    id: "bus",
    title: "Wake-ups that didn't leave, or came again",
    help: "Since each process's start. Nothing is lost by them, as the store has all: work waits for the next look instead.",
    unit: "short",
    source: { kind: "gauges", names: ["greentic.bus.dropped", "greentic.bus.redelivered"] },
  },
  {
    id: "fences",
    title: "Turns refused as too late, a minute",
    help: "Another worker had the session: workers stall, or their clocks or links do.",
    unit: "short",
    source: { kind: "counter", name: "greentic.fences.refused" },
  },
  {
    id: "sessions",
    title: "Sessions that are kept",
    help: "Conversations that wait or may go on.",
    unit: "short",
    source: { kind: "gauges", names: ["greentic.sessions"] },
  },
];
