import { checkInput } from "../../mcp/index.ts";
import type { Elicitation } from "../../mcp/index.ts";
import type { FlowScope } from "../../flow/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isGreenticError, isJsonObject } from "../../types/index.ts";
import { print } from "../kinds/kind.ts";
import { compilePattern } from "./pattern.ts";

/** The question that stands for a form without fields, and for a page that was visited. */
const CONFIRM = "confirm";
const MAX_QUESTIONS = 50;
const FORMATS: Readonly<Record<string, string>> = {
  email: "^[^@ ]+@[^@ ]+[.][^@ ]+$",
  uri: "^[A-Za-z][A-Za-z0-9+.-]*:[^ ]+$",
  "date-time": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
};

/**
 * Makes a `qa`'s questions of what a tool asks: one for each field of its form, or whether its page was visited. The first one says
 * who asks and what for, since the person can't know the tool. @see MCP 2025-11-25, elicitation
 */
export function questionsOf(
  tool: string,
  elicitation: Elicitation,
  { scope, unfit }: { readonly scope: FlowScope; readonly unfit?: string | undefined },
): readonly JsonObject[] {
  const intro = scope.t("greentic.elicit", { tool, message: elicitation.message });
  const hint = scope.t("greentic.elicit.hint", {
    decline: scope.t("greentic.decline"),
    cancel: scope.t("greentic.cancel"),
  });
  if (elicitation.mode === "url") {
    const done = { value: "done", title: scope.t("greentic.done") };
    const prompt = `${intro}\n${elicitation.url}\n${hint}`;
    return [{ id: CONFIRM, type: "choice", prompt, choices: [done] }];
  }
  const { schema } = elicitation;
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly JsonValue[]) : [];
  const fields = Object.entries(properties).slice(0, MAX_QUESTIONS);
  if (fields.length === 0) return [{ id: CONFIRM, type: "boolean", prompt: `${intro}\n${hint}` }];
  return fields.map(([id, field], index) => {
    const asked = isJsonObject(field) ? promptOf(id, field) : id;
    const prompt = id === unfit ? `${scope.t("greentic.qa.pattern")}\n${asked}` : asked;
    return {
      id,
      prompt: index === 0 ? `${intro}\n${hint}\n${prompt}` : prompt,
      required: required.includes(id),
      ...(isJsonObject(field) ? typeOf(field) : { type: "string" }),
    };
  });
}

/** What the person's answers say to the tool; undefined where they refuse. Fields that were skipped are left out. */
export function contentOf(elicitation: Elicitation, answers: JsonObject): JsonObject | undefined {
  if (elicitation.mode === "url") return {};
  const { properties } = elicitation.schema;
  if (!isJsonObject(properties) || Object.keys(properties).length === 0) {
    return answers[CONFIRM] === true ? {} : undefined;
  }
  return Object.fromEntries(Object.entries(answers).filter(([, value]) => value !== null));
}

/** Finds the field whose answer the tool's own schema doesn't allow, where the questions couldn't tell. */
export function unfitField(elicitation: Elicitation, content: JsonObject): string | undefined {
  if (elicitation.mode === "url") return undefined;
  try {
    checkInput("", elicitation.schema, content);
    return undefined;
  } catch (error) {
    if (!isGreenticError(error) || error.code !== "MCP_INPUT_INVALID") throw error;
    const { details } = error;
    const path = details !== undefined && isJsonObject(details) ? details["path"] : undefined;
    return typeof path === "string" ? path.split("/")[1] : undefined;
  }
}

function promptOf(id: string, { title, description }: JsonObject): string {
  const name = typeof title === "string" && title !== "" ? title : id;
  return typeof description === "string" && description !== "" ? `${name}: ${description}` : name;
}

function typeOf(field: JsonObject): JsonObject {
  const fallback = field["default"];
  const shared: JsonObject = fallback === undefined ? {} : { default: fallback };
  const { type, items } = field;
  if (type === "array" && isJsonObject(items)) {
    return {
      ...shared,
      type: "choice",
      multiple: true,
      choices: choicesOf(items) ?? [],
      schema: boundsOf(field, ["minItems", "maxItems"]),
    };
  }
  const choices = choicesOf(field);
  if (choices !== undefined) return { ...shared, type: "choice", choices };
  if (type === "boolean") return { ...shared, type };
  if (type === "number" || type === "integer") {
    return { ...shared, type, validate: renamed(field, { minimum: "min", maximum: "max" }) };
  }
  const { format } = field;
  if (format === "date") return { ...shared, type: "date" };
  const known = typeof format === "string" ? FORMATS[format] : undefined;
  const pattern = usablePattern(field["pattern"]) ?? known;
  return {
    ...shared,
    type: "string",
    validate: {
      ...renamed(field, { minLength: "min_length", maxLength: "max_length" }),
      ...(pattern === undefined ? {} : { pattern }),
    },
    schema: typeof format === "string" ? { format } : {},
  };
}

/** Choices in any of the ways in which the protocol's revisions write them. */
function choicesOf(field: JsonObject): readonly JsonObject[] | undefined {
  const { enum: values, enumNames: names } = field;
  if (Array.isArray(values) && values.length > 0) {
    const titles = Array.isArray(names) ? (names as readonly JsonValue[]) : [];
    return (values as readonly JsonValue[]).map((value, index) => {
      const title = titles[index];
      return { value, title: typeof title === "string" ? title : print(value) };
    });
  }
  const titled = field["oneOf"] ?? field["anyOf"];
  if (!Array.isArray(titled) || titled.length === 0) return undefined;
  return (titled as readonly JsonValue[]).filter(isJsonObject).map((one) => {
    const value = one["const"] ?? null;
    const { title } = one;
    return { value, title: typeof title === "string" ? title : print(value) };
  });
}

function renamed(field: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const kept = Object.entries(names).filter(([keyword]) => typeof field[keyword] === "number");
  return Object.fromEntries(kept.map(([keyword, name]) => [name, field[keyword] as JsonValue]));
}

function boundsOf(field: JsonObject, keywords: readonly string[]): JsonObject {
  return renamed(field, Object.fromEntries(keywords.map((keyword) => [keyword, keyword])));
}

/** A stranger's pattern, where it is one that is matched in bounded time; the tool checks the others itself. */
function usablePattern(pattern: JsonValue | undefined): string | undefined {
  if (typeof pattern !== "string") return undefined;
  try {
    compilePattern(pattern);
    return pattern;
  } catch {
    return undefined;
  }
}
