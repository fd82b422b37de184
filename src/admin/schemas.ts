/** JSON Schemas that several routes share. */
import type { SchemaObject } from "ajv";

export const text = (maxLength: number): SchemaObject => ({ type: "string", maxLength });
export const count: SchemaObject = { type: "integer", minimum: 0 };
export const flag: SchemaObject = { type: "boolean" };
export const time: SchemaObject = { type: "string", format: "date-time" };
export const hash: SchemaObject = { type: "string", pattern: "^[0-9a-f]{64}$" };
export const token: SchemaObject = { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" };
export const digits: SchemaObject = { type: "string", pattern: "^[0-9]{1,15}$" };
/** What people's platforms name things. */
export const foreign: SchemaObject = { type: "string", minLength: 1, maxLength: 512 };

/** An object that has all it names and nothing else; names with `?` at their end may be left out. */
export function object(properties: Readonly<Record<string, SchemaObject>>): SchemaObject {
  const entries = Object.entries(properties);
  const required = entries.filter(([name]) => !name.endsWith("?")).map(([name]) => name);
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ""), schema])),
  };
}

export const list = (items: SchemaObject): SchemaObject => ({ type: "array", items });

/** A page of a list; `next` goes on behind it. */
export const page = (items: SchemaObject): SchemaObject => object({ items: list(items), "next?": text(1024) });

/** What every list that goes on takes. */
export const pageQuery: Readonly<Record<string, SchemaObject>> = {
  limit: { type: "integer", minimum: 1, maximum: 500, default: 100 },
  cursor: { type: "string", maxLength: 1024, pattern: "^[A-Za-z0-9_-]+$" },
};
