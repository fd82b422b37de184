import type { JsonObject, JsonValue } from "../types/index.ts";
import { FLOW_SCHEMA } from "./flow-schema.ts";
import type { KindCatalog, KindSpec } from "./kind-spec.ts";

/**
 * The JSON Schema of flow files for editors: the language's own with every kind's input, so that an editor completes and explains
 * kinds. A value that is a template may become anything, so texts with `{{` pass wherever a kind wants something else.
 */
export function editorSchema(catalog: KindCatalog): JsonObject {
  const defs = FLOW_SCHEMA["$defs"] as JsonObject;
  const operationNode = defs["operationNode"] as JsonObject;
  const kindNode = defs["kindNode"] as JsonObject;
  const kinds = [...catalog.values()].filter(({ name }) => !name.includes("<"));
  const named = kinds.filter(({ name }) => !name.endsWith(".*"));
  return {
    ...FLOW_SCHEMA,
    $defs: {
      ...defs,
      ...Object.fromEntries(kinds.map((kind) => [defName(kind), inputOf(kind)])),
      template: { type: "string", pattern: "\\{\\{" },
      operationNode: {
        ...operationNode,
        properties: {
          ...(operationNode["properties"] as JsonObject),
          ...Object.fromEntries(named.map((kind) => [kind.name, { $ref: `#/$defs/${defName(kind)}` }])),
        },
      },
      kindNode: {
        ...kindNode,
        properties: {
          ...(kindNode["properties"] as JsonObject),
          kind: { type: "string", pattern: "^[A-Za-z_][\\w.-]*$", examples: named.map(({ name }) => name) },
        },
        // Each kind's input where the node is of that kind.
        allOf: named.map((kind) => ({
          anyOf: [
            { not: { required: ["kind"], properties: { kind: { const: kind.name } } } },
            { properties: { input: { $ref: `#/$defs/${defName(kind)}` } } },
          ],
        })),
      },
    },
  };
}

function defName({ name }: Pick<KindSpec, "name">): string {
  return `kind.${name.replace(".*", ".any")}`;
}

function inputOf(kind: KindSpec): JsonObject {
  const input = relaxed(kind.input) as JsonObject;
  return { ...input, description: kind.summary };
}

/** Keywords whose values are schemas by name, schemas in a list, and one schema. */
const BY_NAME = new Set(["properties", "patternProperties", "$defs"]);
const IN_LIST = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const SINGLE = new Set(["items", "additionalProperties", "contains", "not", "if", "then", "else"]);

/** A schema that takes a template in the place of any value below its root. */
function relaxed(schema: JsonValue): JsonValue {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (BY_NAME.has(keyword)) {
        const members = Object.entries(value as JsonObject);
        return [keyword, Object.fromEntries(members.map(([name, item]) => [name, orTemplate(item)]))];
      }
      if (IN_LIST.has(keyword)) return [keyword, (value as readonly JsonValue[]).map(relaxed)];
      return [keyword, SINGLE.has(keyword) ? (keyword === "items" ? orTemplate(value) : relaxed(value)) : value];
    }),
  );
}

function orTemplate(schema: JsonValue): JsonValue {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema;
  const made = relaxed(schema) as JsonObject;
  const { description, ...rest } = made;
  const isOpen =
    Object.keys(rest).length === 0 ||
    (rest["type"] === "string" && rest["enum"] === undefined && rest["pattern"] === undefined);
  if (isOpen) return made;
  return { anyOf: [rest, { $ref: "#/$defs/template" }], ...(description === undefined ? {} : { description }) };
}
