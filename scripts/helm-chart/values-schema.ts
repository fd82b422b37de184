import type { SchemaObject } from "ajv";
import { DEPLOY_PROPERTIES } from "../../src/config/deploy-file.ts";
import { kubernetesSchema } from "../../src/deployer/targets/kubernetes/spec.ts";

const orEmpty = (schema: SchemaObject): SchemaObject => ({ anyOf: [{ const: "" }, schema] });
const { public_base_url, otlp_endpoint, image } = DEPLOY_PROPERTIES;
const table = kubernetesSchema["properties"] as Readonly<Record<string, SchemaObject>>;
/** A release has its own. */
const { namespace: _namespace, ...own } = table;

/** Lets the keys of a table be empty, and asks for none. */
function withEmpty(schema: SchemaObject | undefined, keys: readonly string[]): SchemaObject {
  const {
    required: _required,
    properties,
    ...rest
  } = schema as SchemaObject & {
    readonly properties: Readonly<Record<string, SchemaObject>>;
  };
  const loose = Object.entries(properties).map(([key, value]) => [key, keys.includes(key) ? orEmpty(value) : value]);
  return { ...rest, properties: Object.fromEntries(loose) as Record<string, SchemaObject> };
}

/** What values have to be: what deploy.toml's reader asks for, where an empty text is none. */
export const VALUES_SCHEMA: SchemaObject = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Values of the Greentic chart",
  type: "object",
  additionalProperties: false,
  required: ["image", "config"],
  properties: {
    image,
    // As ids are.
    env: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
    public_base_url: orEmpty(public_base_url),
    otlp_endpoint: orEmpty(otlp_endpoint),
    config: {
      type: "object",
      required: ["greentic.toml"],
      propertyNames: { pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$" },
      additionalProperties: { type: "string", not: { pattern: "PRIVATE KEY" } },
    },
    secrets: { type: "array", items: { type: "string", pattern: "^[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+){4}$" } },
    ...own,
    ...Object.fromEntries(
      ["cache_class", "nats_monitoring", "pull_secret"].map((key) => [key, orEmpty(own[key] ?? {})]),
    ),
    external_secrets: withEmpty(own["external_secrets"], ["store"]),
    ingress: withEmpty(own["ingress"], ["host", "class", "tls_secret"]),
    // Of a chart that has this one as a part.
    global: { type: "object" },
  },
};
