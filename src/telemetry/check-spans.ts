import { EXPORTED_ATTRIBUTES, PUBLIC_ATTRIBUTES } from "./span-attributes.ts";

/** What a span lacks, or has too much of. */
export interface SpanFinding {
  readonly code:
    | "span_attribute_missing"
    | "span_attribute_unknown"
    | "span_orphan"
    | "span_time"
    | "resource_missing"
    | "export_invalid";
  readonly span?: string;
  readonly message: string;
}

/** The verdict over a set of exports. */
export interface SpanReport {
  readonly ok: boolean;
  readonly spans: number;
  readonly traces: number;
  readonly findings: readonly SpanFinding[];
}

/** The documents' attributes, by the spans that carry them. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  "message.accept": ["tenant", "session_id", "provider", "outcome"],
  "message.wait": ["tenant", "session_id", "provider"],
  "flow.execute": ["tenant", "session_id", "flow_id", "provider", "outcome"],
  "node.execute": ["tenant", "session_id", "flow_id", "node_id", "provider", "outcome"],
  "message.send": ["tenant", "session_id", "provider", "outcome"],
  "component.call": ["tenant", "session_id", "flow_id", "node_id", "component", "fuel", ...PUBLIC_ATTRIBUTES],
};
const MAX_FINDINGS = 1_000;

interface KeyValue {
  readonly key: string;
}
interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly { readonly attributes?: readonly KeyValue[] }[];
}
interface OtlpExportRequest {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/**
 * Judges what a runtime exported, bodies of `POST /v1/traces` in OTLP's JSON: every span has the attributes of the documents and none
 * that isn't agreed on, parents are in the same trace and don't begin after their children, and the resource says which service it is.
 * A flow whose parent was exported elsewhere, by a gateway whose spans aren't given, is an orphan.
 */
export function checkSpans(exports: readonly unknown[]): SpanReport {
  const findings: SpanFinding[] = [];
  const say = (finding: SpanFinding): void => {
    if (findings.length < MAX_FINDINGS) findings.push(finding);
  };
  const spans: OtlpSpan[] = [];
  for (const [n, one] of exports.entries()) {
    if (!isExport(one)) {
      say({ code: "export_invalid", message: `export ${n + 1} isn't the body of an OTLP trace export in JSON` });
      continue;
    }
    for (const { resource, scopeSpans } of one.resourceSpans) {
      if (!namesOf(resource?.attributes).includes("service.name"))
        say({ code: "resource_missing", message: "the resource lacks service.name" });
      spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    }
  }
  const byId = new Map(spans.map((span) => [`${span.traceId}:${span.spanId}`, span]));
  for (const span of spans) {
    const names = namesOf(span.attributes);
    for (const name of REQUIRED[span.name] ?? ["tenant"])
      if (!names.includes(name))
        say({ code: "span_attribute_missing", span: span.name, message: `${span.name} lacks ${name}` });
    for (const name of [...names, ...(span.events ?? []).flatMap((event) => namesOf(event.attributes))])
      if (!EXPORTED_ATTRIBUTES.has(name))
        say({
          code: "span_attribute_unknown",
          span: span.name,
          message: `${span.name} has ${name}, which may not leave`,
        });
    checkTime(span, byId, say);
  }
  return {
    ok: findings.length === 0,
    spans: spans.length,
    traces: new Set(spans.map(({ traceId }) => traceId)).size,
    findings,
  };
}

/** Parents come before their children; a millisecond is what the clocks of two processes on one machine may differ by. */
const SLACK_NANOS = 1_000_000n;

function checkTime(span: OtlpSpan, byId: ReadonlyMap<string, OtlpSpan>, say: (finding: SpanFinding) => void): void {
  const start = BigInt(span.startTimeUnixNano);
  if (BigInt(span.endTimeUnixNano) < start)
    say({ code: "span_time", span: span.name, message: `${span.name} ends before it begins` });
  const { parentSpanId = "" } = span;
  if (parentSpanId === "") return;
  const parent = byId.get(`${span.traceId}:${parentSpanId}`);
  if (parent === undefined)
    say({ code: "span_orphan", span: span.name, message: `${span.name} has a parent that isn't in its trace` });
  else if (BigInt(parent.startTimeUnixNano) > start + SLACK_NANOS)
    say({ code: "span_time", span: span.name, message: `${span.name} begins before ${parent.name}, its parent` });
}

function namesOf(attributes: readonly KeyValue[] | undefined): readonly string[] {
  return (attributes ?? []).map(({ key }) => key);
}

function isExport(value: unknown): value is OtlpExportRequest {
  const list = (value as { readonly resourceSpans?: unknown } | null)?.resourceSpans;
  const isArray = (one: unknown): one is readonly unknown[] => Array.isArray(one);
  return (
    isArray(list) &&
    list.every((resource) => {
      const { scopeSpans: scopes, resource: said } = (resource ?? {}) as {
        readonly scopeSpans?: unknown;
        readonly resource?: unknown;
      };
      return (
        (said === undefined || hasAttributes(said)) &&
        isArray(scopes) &&
        scopes.every((scope) => isSpans((scope as { readonly spans?: unknown } | null)?.spans))
      );
    })
  );
}

function isSpans(spans: unknown): boolean {
  const isNanos = (value: unknown): boolean => /^\d{1,20}$/.test(String(value));
  return (
    Array.isArray(spans) &&
    spans.every((span: Partial<OtlpSpan> | null) => {
      const { name, traceId, spanId, startTimeUnixNano, endTimeUnixNano, attributes, events } = span ?? {};
      const isNamed = [name, traceId, spanId].every((text) => typeof text === "string");
      const isListed = hasAttributes({ attributes }) && (events === undefined || isEvents(events));
      return isNamed && isListed && isNanos(startTimeUnixNano) && isNanos(endTimeUnixNano);
    })
  );
}

function isEvents(events: unknown): boolean {
  return Array.isArray(events) && events.every(hasAttributes);
}

function hasAttributes(holder: unknown): boolean {
  if (typeof holder !== "object" || holder === null) return false;
  const { attributes = [] } = holder as { readonly attributes?: unknown };
  return (
    Array.isArray(attributes) &&
    attributes.every((one: { readonly key?: unknown } | null) => typeof one?.key === "string")
  );
}
