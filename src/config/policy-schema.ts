import type { SchemaObject } from "ajv";
import { POLICY_POINTS } from "./policy-points.ts";

const ID = "^[a-z0-9][a-z0-9-]{0,62}$";
const text = { type: "string", minLength: 1, maxLength: 200 } as const;
const object = (properties: Record<string, SchemaObject>, extra: SchemaObject = {}): SchemaObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  ...extra,
});
const byName = (value: SchemaObject, pattern = "^[A-Za-z0-9_][\\w.:@/-]{0,199}$"): SchemaObject => ({
  type: "object",
  propertyNames: { pattern },
  additionalProperties: value,
});
const points = { type: "array", minItems: 1, uniqueItems: true, items: { enum: POLICY_POINTS } } as const;

const rule = (effects: readonly string[]): SchemaObject =>
  object(
    {
      id: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" },
      at: points,
      when: { type: "string", minLength: 1, maxLength: 2_000 },
      effect: { enum: effects },
      message: text,
    },
    { required: ["id", "at", "when"] },
  );

const list: Record<string, SchemaObject> = {
  domains: {
    type: "array",
    items: { type: "string", pattern: "^(?:\\*\\.)?[a-z0-9-]+(?:\\.[a-z0-9-]+)*$", maxLength: 253 },
  },
  ports: { type: "array", items: { type: "integer", minimum: 1, maximum: 65_535 } },
  protocols: { type: "array", items: { enum: ["http", "https"] } },
};
const lists = byName(object(list));

const rules = (effects: readonly string[]): SchemaObject => ({ type: "array", maxItems: 500, items: rule(effects) });

/** `[policy]` of greentic.toml. */
export const policySchema: SchemaObject = object({
  default: { enum: ["allow", "deny"] },
  default_deny_at: points,
  rules: rules(["deny", "allow"]),
  network: object({ ...list, tenants: lists, packs: lists, components: lists }),
  labels: byName(byName(text, "^[A-Za-z_]\\w{0,62}$"), ID),
  opa: object({
    url: { type: "string", pattern: "^https?://[^\\s/?#@]+/v1/data/[A-Za-z0-9_./-]+$" },
    wasm: text,
    entrypoint: text,
    token_file: text,
    sdk_dir: text,
    at: points,
    timeout_ms: { type: "integer", minimum: 10, maximum: 30_000 },
    cache_seconds: { type: "integer", minimum: 0, maximum: 300 },
    on_error: { enum: ["deny", "allow"] },
  }),
});

/** `policy.toml` of a bundle: it takes away and never gives. */
export const bundlePolicySchema: SchemaObject = object({
  rules: rules(["deny"]),
  network: object({ ...list, packs: lists, components: lists }),
});

const region = { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,31}$" } as const;

/** `[residency]` of greentic.toml. */
export const residencySchema: SchemaObject = object({
  region,
  tenants: byName(region, ID),
  destinations: byName(region, "^(?:\\*\\.)?[a-z0-9-]+(?:\\.[a-z0-9-]+)*$"),
});

const quotaFields: Record<string, SchemaObject> = {
  turns_per_minute: { type: "integer", minimum: 1, maximum: 1_000_000 },
  sends_per_minute: { type: "integer", minimum: 1, maximum: 1_000_000 },
  fuel_per_minute: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  memory_bytes: { type: "integer", minimum: 65_536, maximum: 4_294_967_296 },
  stored_bytes: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
};

/** `[quota]` of greentic.toml. */
export const quotaSchema: SchemaObject = object({
  ...quotaFields,
  turns_at_once: { type: "integer", minimum: 1, maximum: 100_000 },
  tenants: byName(object(quotaFields), ID),
});

const days = { type: "number", exclusiveMinimum: 0, maximum: 36_500 } as const;
const retentionFields: Record<string, SchemaObject> = {
  sessions_days: days,
  dead_letters_days: days,
  outbox_days: days,
  blobs_days: days,
  conversation_log_days: days,
};

/** `[retention]` of greentic.toml. */
export const retentionSchema: SchemaObject = object({
  ...retentionFields,
  tenants: byName(object(retentionFields), ID),
});
