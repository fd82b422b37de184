import type { AttributeValue, Attributes } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { SecretRedactor } from "./secret-redactor.ts";
import { EXPORTED_ATTRIBUTES } from "./span-attributes.ts";

/** Lets out of spans only the attributes that may leave, without the secrets that the process knows. */
export function safeSpanExporter(exporter: SpanExporter, redactor: SecretRedactor | undefined): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(
        spans.map((span) => safeSpan(span, redactor)),
        done,
      ),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}

function safeSpan(span: ReadableSpan, redactor: SecretRedactor | undefined): ReadableSpan {
  const { message } = span.status;
  const own = {
    name: redactor?.redact(span.name) ?? span.name,
    status: message === undefined ? span.status : { ...span.status, message: redactor?.redact(message) ?? message },
    attributes: safeAttributes(span.attributes, redactor),
    events: span.events.map((event) => ({
      ...event,
      ...(event.attributes && { attributes: safeAttributes(event.attributes, redactor) }),
    })),
  };
  // What the span computes stays its own.
  return Object.create(
    span,
    Object.fromEntries(Object.entries(own).map(([key, value]) => [key, { value }])),
  ) as ReadableSpan;
}

/** Keeps the attributes of the list, as short names without secrets. */
export function safeAttributes(attributes: Attributes, redactor: SecretRedactor | undefined): Attributes {
  const safe: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && EXPORTED_ATTRIBUTES.has(name)) safe[name] = safeValue(value, redactor);
  }
  return safe;
}

function safeValue(value: AttributeValue, redactor: SecretRedactor | undefined): AttributeValue {
  if (typeof value === "string") return redactor?.redact(value) ?? value;
  if (!Array.isArray(value)) return value;
  return value.map((one) => (typeof one === "string" ? (redactor?.redact(one) ?? one) : one)) as AttributeValue;
}
