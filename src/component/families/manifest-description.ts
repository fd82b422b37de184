import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { ComponentDescription, DescribedOperation } from "../host.ts";
import { plainText } from "./guest-text.ts";
import { jsonSchemaOf } from "./schema-ir.ts";

/** What nothing is known of. */
export const NOTHING_DESCRIBED: ComponentDescription = { operations: [], i18nKeys: [] };

/** Reads what a component's own document says of it, in any of the spellings that are published. */
export function readDescription(document: JsonValue): ComponentDescription {
  if (!isJsonObject(document)) return NOTHING_DESCRIBED;
  // The facts stand at the top, or in an `info` or `component` of their own.
  const facts = [document["info"], document["component"]].find(isJsonObject) ?? document;
  const listed = document["operations"] ?? document["ops"];
  const configSchema = document["config_schema"] ?? document["schema"];
  const keys = document["i18n_keys"];
  return {
    ...text("name", facts, ["id", "name", "provider_type", "provider"]),
    ...text("version", facts, ["version"]),
    ...text("summary", facts, ["summary", "description", "display_name", "title"]),
    operations: Array.isArray(listed)
      ? listed.flatMap((operation: JsonValue) => readOperation(operation, document))
      : [],
    ...(isJsonObject(configSchema) ? { configSchema: jsonSchemaOf(configSchema) } : {}),
    i18nKeys: Array.isArray(keys) ? keys.filter((key): key is string => typeof key === "string") : [],
  };
}

/** An operation without schemas of its own has the document's. */
function readOperation(value: JsonValue, document: JsonObject): readonly DescribedOperation[] {
  const operation = typeof value === "string" ? { name: value } : value;
  if (!isJsonObject(operation)) return [];
  const name = [operation["id"], operation["name"], operation["op"]].find((part) => typeof part === "string");
  if (typeof name !== "string") return [];
  return [
    {
      name,
      ...text("summary", operation, ["summary", "display_name", "title", "description"]),
      ...schema("inputSchema", operation["input_schema"] ?? operation["input"] ?? document["input_schema"]),
      ...schema("outputSchema", operation["output_schema"] ?? operation["output"] ?? document["output_schema"]),
    },
  ];
}

/** The first text of some fields; a text may be given as `{ key, fallback }` for translation. */
function text(as: string, record: JsonObject, names: readonly string[]): Readonly<Record<string, string>> {
  for (const name of names) {
    const value = record[name];
    const said = isJsonObject(value) ? value["fallback"] : value;
    if (typeof said === "string" && said !== "") return { [as]: plainText(said) };
  }
  return {};
}

function schema(as: string, value: JsonValue | undefined): JsonObject {
  const inner = isJsonObject(value) && isJsonObject(value["schema"]) ? value["schema"] : value;
  return isJsonObject(inner) ? { [as]: jsonSchemaOf(inner) } : {};
}
