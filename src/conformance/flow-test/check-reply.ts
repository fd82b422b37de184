import { ADAPTIVE_CARD_TYPE, cardsOf } from "../../messaging/index.ts";
import type { TurnReport } from "../../runner/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { Expectation, TextExpectation } from "./read-conversation.ts";

/** One way in which an answer isn't what the test expects. */
export interface Mismatch {
  /** The expectation, as a path below `expects`. */
  readonly path: readonly (string | number)[];
  readonly expected: string;
  readonly got: string;
}

/** Compares a turn with what a step expects. */
export function checkReply(report: TurnReport, expects: Expectation): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const compare = (path: Mismatch["path"], expected: JsonValue | undefined, got: JsonValue | undefined): void => {
    if (expected !== undefined && expected !== got) found.push({ path, expected: show(expected), got: show(got) });
  };
  compare(["status"], expects.status, report.status);
  compare(["waiting"], expects.waiting, report.waitingAt);
  compare(["error"], expects.error, report.error?.code);
  compare(["messages"], expects.messages, report.reply.length);
  found.push(...checkTexts(report, expects.text));
  found.push(...checkCards(report, expects.card));
  if (expects.output !== undefined && !isLike(report.output, expects.output))
    found.push({ path: ["output"], expected: `like ${show(expects.output)}`, got: show(report.output) });
  // A failure that nobody expects is a failure of the test.
  if (report.status === "error" && expects.status === undefined && expects.error === undefined)
    found.push({
      path: [],
      expected: "no failure",
      got: `${report.error?.code ?? "error"}: ${report.error?.message ?? ""}`,
    });
  return found;
}

function checkTexts(report: TurnReport, wanted: Expectation["text"]): readonly Mismatch[] {
  if (wanted === undefined) return [];
  const texts = report.reply.map((message) => message.text ?? "");
  if (!Array.isArray(wanted)) {
    const one = wanted as TextExpectation;
    return texts.some((text) => fits(text, one))
      ? []
      : [{ path: ["text"], expected: showText(one), got: showTexts(texts) }];
  }
  const all = wanted as readonly TextExpectation[];
  const mismatches = all.flatMap((one, i): readonly Mismatch[] => {
    const text = texts[i];
    return text !== undefined && fits(text, one)
      ? []
      : [{ path: ["text", i], expected: showText(one), got: show(text) }];
  });
  if (texts.length > all.length)
    return [...mismatches, { path: ["text"], expected: `${all.length} messages`, got: showTexts(texts) }];
  return mismatches;
}

function fits(text: string, wanted: TextExpectation): boolean {
  if (typeof wanted === "string") return text === wanted;
  const { equals, contains, matches } = wanted;
  return (
    (equals === undefined || text === equals) &&
    (contains === undefined || text.includes(contains)) &&
    (matches === undefined || new RegExp(matches, "u").test(text))
  );
}

function checkCards(report: TurnReport, wanted: Expectation["card"]): readonly Mismatch[] {
  if (wanted === undefined) return [];
  const cards: readonly JsonValue[] = report.reply.flatMap((message) => cardsOf(message));
  const isThere =
    typeof wanted === "boolean"
      ? cards.length > 0 === wanted
      : cards.some((card) => (typeof wanted === "string" ? holdsText(card, wanted) : isLike(card, wanted)));
  if (isThere) return [];
  const expected =
    typeof wanted === "boolean"
      ? wanted
        ? `a card (${ADAPTIVE_CARD_TYPE})`
        : "no card"
      : `a card ${typeof wanted === "string" ? `with ${show(wanted)}` : `like ${show(wanted)}`}`;
  return [{ path: ["card"], expected, got: cards.length === 0 ? "no card" : cards.map(show).join(", ") }];
}

function holdsText(value: JsonValue, text: string): boolean {
  if (typeof value === "string") return value.includes(text);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((item: JsonValue) => holdsText(item, text));
}

/** Tells whether a value has all that `wanted` has: members of objects, items of lists by place, anything else equal. */
export function isLike(value: JsonValue | undefined, wanted: JsonValue): boolean {
  if (Array.isArray(wanted)) {
    const items = wanted as readonly JsonValue[];
    return (
      Array.isArray(value) &&
      value.length === items.length &&
      items.every((item, i) => isLike(value[i] as JsonValue, item))
    );
  }
  if (isJsonObject(wanted)) {
    return (
      value !== undefined &&
      isJsonObject(value) &&
      Object.entries(wanted).every(([key, item]) => Object.hasOwn(value, key) && isLike(value[key], item))
    );
  }
  return value === wanted;
}

const MAX_SHOWN = 600;

function show(value: JsonValue | undefined): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function showText(wanted: TextExpectation): string {
  if (typeof wanted === "string") return show(wanted);
  return Object.entries(wanted)
    .map(([how, text]) =>
      how === "matches" ? `a match of /${text}/` : how === "contains" ? `a text with ${show(text)}` : show(text),
    )
    .join(" and ");
}

function showTexts(texts: readonly string[]): string {
  return texts.length === 0 ? "no message" : texts.map(show).join(", ");
}
