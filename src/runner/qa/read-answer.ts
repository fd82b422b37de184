import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { TextKey } from "../texts.ts";
import { print } from "../kinds/kind.ts";
import { compilePattern } from "./pattern.ts";
import type { Choice, Question } from "./question.ts";
import type { DateContext } from "./read-date.ts";
import { readDate } from "./read-date.ts";
import { readNumber } from "./read-number.ts";

/** What an answer came to; a reason is a key of the engine's texts with its arguments. */
export type Answer =
  | { readonly kind: "valid"; readonly value: JsonValue }
  | { readonly kind: "invalid"; readonly reason: TextKey; readonly args?: JsonObject };

const MAX_ANSWER = 4_000;
const YES = new Set([
  "yes",
  "y",
  "yeah",
  "yep",
  "true",
  "1",
  "ok",
  "sí",
  "si",
  "ya",
  "iya",
  "betul",
  "はい",
  "ええ",
  "うん",
]);
const NO = new Set(["no", "n", "nope", "false", "0", "tidak", "nggak", "bukan", "いいえ", "いえ", "ううん"]);
const SKIP = new Set(["skip", "-", "omitir", "saltar", "lewati", "スキップ"]);

/** Reads an answer, checks it and gives it its type. @throws RUNNER_PATTERN_INVALID */
export function readAnswer(question: Question, raw: JsonValue | undefined, context: DateContext): Answer {
  const given = typeof raw === "string" ? raw.trim() : (raw ?? "");
  if (isSkip(given, question)) {
    if (question.default !== undefined)
      return readAnswer({ ...question, default: undefined }, question.default, context);
    if (!question.required) return { kind: "valid", value: null };
    if (given === "") return { kind: "invalid", reason: "greentic.qa.required" };
  }
  switch (question.type) {
    case "string":
      return readText(question, given);
    case "number":
    case "integer":
      return readNumeric(question, given, context);
    case "boolean":
      return readBoolean(given);
    case "date":
      return readDay(question, given, context);
    default:
      return readChosen(question, given);
  }
}

function isSkip(given: JsonValue, question: Question): boolean {
  if (given === "") return true;
  if (typeof given !== "string" || (question.required && question.default === undefined)) return false;
  return SKIP.has(given.toLowerCase());
}

function readText({ validate }: Question, given: JsonValue): Answer {
  if (typeof given === "object") return { kind: "invalid", reason: "greentic.qa.string" };
  const value = String(given);
  const length = Array.from(value).length;
  const min = numberOf(validate["min_length"]) ?? 0;
  const max = Math.min(numberOf(validate["max_length"]) ?? MAX_ANSWER, MAX_ANSWER);
  if (length < min) return { kind: "invalid", reason: "greentic.qa.min_length", args: { min } };
  if (length > max) return { kind: "invalid", reason: "greentic.qa.max_length", args: { max } };
  const pattern = validate["pattern"];
  if (typeof pattern === "string" && !compilePattern(pattern).test(value)) {
    return { kind: "invalid", reason: "greentic.qa.pattern" };
  }
  return { kind: "valid", value };
}

function readNumeric({ type, validate }: Question, given: JsonValue, { locale }: DateContext): Answer {
  const value = typeof given === "number" ? given : typeof given === "string" ? readNumber(given, locale) : undefined;
  if (value === undefined || !Number.isFinite(value))
    return { kind: "invalid", reason: `greentic.qa.${type as "number" | "integer"}` };
  if (type === "integer" && !Number.isSafeInteger(value)) return { kind: "invalid", reason: "greentic.qa.integer" };
  const min = numberOf(validate["min"]);
  const max = numberOf(validate["max"]);
  if (min !== undefined && value < min) return { kind: "invalid", reason: "greentic.qa.min", args: { min } };
  if (max !== undefined && value > max) return { kind: "invalid", reason: "greentic.qa.max", args: { max } };
  return { kind: "valid", value };
}

function readBoolean(given: JsonValue): Answer {
  if (typeof given === "boolean") return { kind: "valid", value: given };
  const word = print(given)
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[.!。！]+$/u, "");
  if (YES.has(word)) return { kind: "valid", value: true };
  if (NO.has(word)) return { kind: "valid", value: false };
  return { kind: "invalid", reason: "greentic.qa.boolean" };
}

function readDay({ validate }: Question, given: JsonValue, context: DateContext): Answer {
  const value = typeof given === "string" ? readDate(given, context) : undefined;
  if (value === undefined) {
    const example = readDate("tomorrow", context) ?? "";
    return { kind: "invalid", reason: "greentic.qa.date", args: { example } };
  }
  const min = typeof validate["min"] === "string" ? readDate(validate["min"], context) : undefined;
  const max = typeof validate["max"] === "string" ? readDate(validate["max"], context) : undefined;
  // ISO dates order as texts.
  if (min !== undefined && value < min) return { kind: "invalid", reason: "greentic.qa.min_date", args: { min } };
  if (max !== undefined && value > max) return { kind: "invalid", reason: "greentic.qa.max_date", args: { max } };
  return { kind: "valid", value };
}

function readChosen(question: Question, given: JsonValue): Answer {
  return question.isMultiple ? readSeveral(question, given) : readOne(question, given);
}

function readSeveral(question: Question, given: JsonValue): Answer {
  const parts = typeof given === "string" ? given.split(/[,;、]/u).filter((part) => part.trim() !== "") : given;
  const several = Array.isArray(parts) ? (parts as readonly JsonValue[]) : [parts];
  const values: JsonValue[] = [];
  for (const part of several) {
    const answer = readOne(question, part);
    if (answer.kind !== "valid") return answer;
    if (!values.includes(answer.value)) values.push(answer.value);
  }
  if (values.length === 0 && question.required) return { kind: "invalid", reason: "greentic.qa.required" };
  return { kind: "valid", value: values };
}

function readOne({ choices }: Question, given: JsonValue): Answer {
  const word = fold(given);
  const chosen =
    choices.find((choice) => choice.value === given) ??
    choices.find((choice) => fold(choice.value) === word) ??
    choices.find((choice) => fold(choice.title) === word) ??
    numbered(choices, word);
  if (chosen !== undefined) return { kind: "valid", value: chosen.value };
  return {
    kind: "invalid",
    reason: "greentic.qa.choice",
    args: { choices: choices.map(({ title }) => title).join(", ") },
  };
}

function numbered(choices: readonly Choice[], word: string): Choice | undefined {
  return /^\d{1,3}$/.test(word) ? choices[Number(word) - 1] : undefined;
}

function fold(value: JsonValue): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value).normalize("NFKC").trim().toLowerCase();
}

function numberOf(value: JsonValue | undefined): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}
