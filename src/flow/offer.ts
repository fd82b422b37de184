import type { JsonObject, JsonValue } from "../types/index.ts";

/** What a flow is to programs of others that call it: their tool, a prompt of theirs, or something that they read. */
export type Offer = ToolOffer | PromptOffer | ResourceOffer;

interface OfferBase {
  readonly title?: string;
  readonly description?: string;
  /** Whether the lines that the flow logs go to the caller too, not only to the operator. */
  readonly logs: boolean;
}

/** A flow that is called with arguments and answers. */
export interface ToolOffer extends OfferBase {
  readonly kind: "tool";
  readonly name: string;
  /** JSON Schema of the arguments, which the flow sees in `in`; absent: the flow's `parameters`, see {@link inputOf}. */
  readonly input?: JsonObject;
  /** JSON Schema of the flow's output. */
  readonly output?: JsonObject;
  readonly hints: OfferHints;
}

/** A flow whose messages are a prompt. */
export interface PromptOffer extends OfferBase {
  readonly kind: "prompt";
  readonly name: string;
  readonly input?: JsonObject;
}

/** A flow whose messages are the contents of a URI, or of every URI of a template (RFC 6570 level 1). */
export interface ResourceOffer extends OfferBase {
  readonly kind: "resource";
  readonly uri: string;
  readonly name: string;
  readonly mimeType?: string;
}

/** What a tool says of its effects; nobody has to believe it. */
export interface OfferHints {
  readonly readOnly?: boolean;
  readonly destructive?: boolean;
  readonly idempotent?: boolean;
  readonly openWorld?: boolean;
}

/** The schema of an offer's arguments: its own, else one with the flow's parameters, each optional with its value as default. */
export function inputOf(offer: ToolOffer | PromptOffer, parameters: JsonObject): JsonObject {
  if (offer.input !== undefined) return offer.input;
  const properties: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (name !== "__proto__") properties[name] = { ...typeOf(value), default: value };
  }
  return { type: "object", properties, additionalProperties: false };
}

function typeOf(value: JsonValue): JsonObject {
  if (value === null) return {};
  if (Array.isArray(value)) return { type: "array" };
  return { type: typeof value };
}
