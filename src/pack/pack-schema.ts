import type { SchemaObject } from "ajv";
import { CAPABILITY_ID } from "./capability-id.ts";
import { ENTRY_NAME, PACK_NAME } from "./manifest-read.ts";
import { SECRET_HOST } from "../types/index.ts";
import { ORIGIN_PATTERN } from "./pack-source.ts";

const text = { type: "string", minLength: 1 } as const;
const texts = { type: "array", items: text } as const;

/** A table with these keys alone. */
function table(properties: Readonly<Record<string, SchemaObject>>, more: SchemaObject = {}): SchemaObject {
  return { type: "object", properties, additionalProperties: false, ...more };
}

/** A table whose keys are names of the author's choice. */
function named(names: RegExp, value: SchemaObject, description: string): SchemaObject {
  return { type: "object", description, propertyNames: { pattern: names.source }, additionalProperties: value };
}

const componentPath = {
  type: "string",
  pattern: "^components/.+\\.wasm$",
  description: "The component's file, from the source's directory",
} as const;

const grants = table(
  {
    http: {
      type: "array",
      items: { type: "string", pattern: ORIGIN_PATTERN.source },
      description: "Origins it may reach: scheme://host[:port], *. for one label in front",
    },
    secrets: { ...texts, description: "Names of secrets it may read" },
    secrets_write: { ...texts, description: "Names of secrets it may write" },
    state: { enum: ["none", "read", "read-write"], default: "none" },
    tools: { ...texts, description: "Names of tools it may invoke" },
    assets: { type: "boolean", default: false, description: "Whether it may read the pack's assets" },
    oauth: { ...texts, description: "OAuth providers whose tokens it may ask for" },
    secret_headers: {
      type: "array",
      description: "Secrets that the host puts into headers of its requests; the component sees none of them",
      items: table(
        {
          secret: { ...text, description: "The secret's name" },
          header: { type: "string", pattern: "^[a-z0-9-]{1,64}$", description: "The header, in lower case" },
          format: { type: "string", default: "{secret}", description: "The header's value, with {secret} in it once" },
          hosts: { type: "array", minItems: 1, maxItems: 16, items: { type: "string", pattern: SECRET_HOST.source } },
        },
        { required: ["secret", "header", "hosts"], description: "One secret in one header" },
      ),
    },
  },
  { description: "What the component asks for; the operator's policy can only take away from it" },
);

/** A value that the manifest can hold. */
const configValue: SchemaObject = {
  anyOf: [
    { type: ["string", "integer", "boolean", "null"] },
    { type: "array", items: { $ref: "#/$defs/configValue" } },
    { type: "object", additionalProperties: { $ref: "#/$defs/configValue" } },
  ],
};

const whole = (minimum: number, maximum: number, description: string): SchemaObject => ({
  type: "integer",
  minimum,
  maximum,
  description,
});
const pace = (description: string): SchemaObject =>
  table(
    { per_minute: whole(1, 600_000, "In the long run"), burst: whole(1, 10_000, "At once") },
    { required: ["per_minute", "burst"], description },
  );

const provider = table(
  {
    ingress: { ...text, description: "The component that receives from the platform" },
    egress: { ...text, description: "The component that sends to the platform" },
    operator: { ...text, description: "The component that sets the channel up" },
    provider_type: { ...text, description: "How its operations know the platform" },
    verify: { enum: ["component", "host"], default: "host", description: "Who verifies requests" },
    sink: { enum: ["A", "B", "C"], default: "C", description: "A: idempotent, B: has read_back, C: neither" },
    dedupe: { enum: ["message-id", "delivery"], default: "message-id", description: "What a repetition is known by" },
    dedupe_ttl_seconds: whole(1, 2_678_400, "Longer than the platform's longest redelivery"),
    max_body_bytes: whole(1_024, 8_388_608, "The largest request that the platform sends"),
    max_text_units: whole(64, 1_048_576, "The longest text of one message; longer ones are split"),
    shows: { enum: ["cards", "text"], default: "cards", description: "text: cards become text with numbered choices" },
    destination: { enum: ["chat", "user", "phone", "room", "channel", "email"], default: "chat" },
    pace: pace("What the platform takes of the whole channel"),
    conversation_pace: pace("What the platform takes of one conversation"),
  },
  { description: "Of a provider pack: what it says of its platform" },
);

/** The JSON Schema (2020-12) of pack.toml and pack.yaml, for editors; reading checks more, with positions. */
export const PACK_SCHEMA: SchemaObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Greentic pack",
  ...table(
    {
      pack: table(
        {
          name: { type: "string", pattern: PACK_NAME.source },
          version: { ...text, description: "A semantic version" },
          description: { type: "string" },
          authors: { ...texts, description: "Name <mail>" },
        },
        { required: ["name", "version"] },
      ),
      capabilities: table(
        {
          id: {
            type: "string",
            pattern: CAPABILITY_ID.source,
            description:
              "How the runtime treats the pack: greentic.cap.app.v1, greentic.cap.component.v1, …provider.v1",
            examples: ["greentic.cap.app.v1", "greentic.cap.component.v1", "greentic.cap.messaging.provider.v1"],
          },
          provides: texts,
        },
        { required: ["id"] },
      ),
      dependencies: named(PACK_NAME, text, "Packs that it needs, each with a range by Cargo's rules: ^0.4"),
      flows: named(ENTRY_NAME, { type: "string", pattern: "^flows/.+\\.ygtc$" }, "Flows: name = path"),
      components: named(
        ENTRY_NAME,
        { anyOf: [componentPath, table({ path: componentPath, grants, reuse: { const: "tenant" } })] },
        "Components: name = path, or a table",
      ),
      assets: named(
        ENTRY_NAME,
        { type: "string", pattern: "^assets(?:/|$)" },
        "Files or folders; all of assets/ where absent",
      ),
      secrets: table({ required: texts, optional: texts }, { description: "Secrets that the pack needs, or can use" }),
      config: { type: "object", additionalProperties: { $ref: "#/$defs/configValue" } },
      provider,
    },
    { required: ["pack", "capabilities"] },
  ),
  $defs: { configValue },
};
