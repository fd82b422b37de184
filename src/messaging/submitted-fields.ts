import type { JsonObject } from "../types/index.ts";

/** The fields of a submitted card as metadata: texts as they are, everything else as JSON. `__proto__` and its like are left out. */
export function submittedFields(value: JsonObject): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === "" || name === "__proto__") continue;
    fields[name] = typeof field === "string" ? field : JSON.stringify(field);
  }
  return fields;
}

const LOCALE = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/;

/** A locale that a platform told, where it has the form of BCP 47. */
export function localeIn(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 35 && LOCALE.test(value) ? value : undefined;
}
