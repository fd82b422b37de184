/**
 * Inputs of Adaptive Cards as Block Kit inputs, and back. An input's `action_id` is `i`, its card's number, a colon and its own id; the
 * values come with a button's press in `state.values`, by block and element.
 * @see https://docs.slack.dev/reference/block-kit/blocks/input-block
 */
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { firstSaid } from "../../json-parts.ts";
import { plainText } from "./blocks.ts";
import {
  MAX_ACTION_ID_UNITS,
  MAX_LABEL_UNITS,
  MAX_OPTION_UNITS,
  MAX_OPTIONS,
  MAX_PLACEHOLDER_UNITS,
  MAX_SECTION_UNITS,
} from "./limits.ts";
import { escapeSlack, printable, shortEscaped } from "./text.ts";

interface Choice {
  readonly title: string;
  readonly value: string;
}

/** A block, and what of its titles had no room in it. */
interface InputBlock {
  readonly block: JsonObject;
  readonly spelled: readonly string[];
}

/** Builds an input's block; undefined where it has no id to come back under, or choices that Slack's selects can't hold. */
export function inputBlock(input: JsonObject, card: number): InputBlock | undefined {
  const id = textOf(input.id);
  const actionId = `i${card}:${id}`;
  if (id.trim() === "" || id !== printable(id) || actionId.length > MAX_ACTION_ID_UNITS) return undefined;
  const isToggle = input.type === "Input.Toggle";
  const label = firstSaid(input.label, input.title, input.placeholder, id);
  const choices = isToggle ? toggled(input) : choicesOf(input);
  const element = isToggle || input.type === "Input.ChoiceSet" ? select(input, { choices, isToggle }) : typed(input);
  if (element === undefined) return undefined;
  const isLong = escapeSlack(label).length > MAX_LABEL_UNITS;
  return {
    block: {
      type: "input",
      label: plainText(shortEscaped(label, MAX_LABEL_UNITS, "…")),
      optional: input.isRequired !== true,
      element: { ...element, action_id: actionId },
    },
    spelled: [...(isLong ? [label] : []), ...choices.map(({ title }) => title).filter(isLongOption)],
  };
}

const isLongOption = (title: string): boolean => escapeSlack(title).length > MAX_OPTION_UNITS;

function select(
  { isMultiSelect, value, placeholder }: JsonObject,
  { choices, isToggle }: { readonly choices: readonly Choice[]; readonly isToggle: boolean },
): JsonObject | undefined {
  const isFitting = ({ value: of }: Choice): boolean =>
    of !== "" && of === printable(of) && of.length <= MAX_OPTION_UNITS;
  const values = new Set(choices.map((choice) => choice.value));
  if (choices.length === 0 || choices.length > MAX_OPTIONS || values.size < choices.length || !choices.every(isFitting))
    return undefined;
  const options = choices.map(({ title, value: of }) => ({
    text: plainText(shortEscaped(title, MAX_OPTION_UNITS, "…")),
    value: of,
  }));
  const isMulti = isMultiSelect === true && !isToggle;
  const wanted = isToggle ? [textOf(value) || (choices[1]?.value ?? "")] : textOf(value).split(isMulti ? "," : "\0");
  const chosen = options.filter((option) => wanted.includes(option.value));
  if (isToggle) return { type: "radio_buttons", options, ...(chosen[0] && { initial_option: chosen[0] }) };
  const hint = textOf(placeholder);
  return {
    type: isMulti ? "multi_static_select" : "static_select",
    options,
    ...(hint !== "" && { placeholder: plainText(shortEscaped(hint, MAX_PLACEHOLDER_UNITS, "…")) }),
    ...(chosen.length > 0 && (isMulti ? { initial_options: chosen } : { initial_option: chosen[0] })),
  } as JsonObject;
}

function typed({ type, value, placeholder, isMultiline, maxLength }: JsonObject): JsonObject {
  const text = printable(textOf(value));
  if (type === "Input.Date")
    return { type: "datepicker", ...(/^\d{4}-\d{2}-\d{2}$/.test(text) && { initial_date: text }) };
  if (type === "Input.Time")
    return { type: "timepicker", ...(/^(?:[01]\d|2[0-3]):[0-5]\d$/.test(text) && { initial_time: text }) };
  const hint = textOf(placeholder);
  const most = typeof maxLength === "number" && Number.isInteger(maxLength) ? maxLength : 0;
  return {
    type: "plain_text_input",
    multiline: isMultiline === true,
    ...(text !== "" && text.length <= MAX_SECTION_UNITS && { initial_value: text }),
    ...(hint.trim() !== "" && { placeholder: plainText(shortEscaped(hint, MAX_PLACEHOLDER_UNITS, "…")) }),
    ...(most >= Math.max(1, text.length) && most <= MAX_SECTION_UNITS && { max_length: most }),
  };
}

function choicesOf(input: JsonObject): readonly Choice[] {
  const list = Array.isArray(input.choices) ? (input.choices as readonly JsonValue[]) : [];
  return list.filter(isJsonObject).map((choice) => {
    const title = textOf(choice.title) || textOf(choice.value);
    return { title, value: textOf(choice.value) || title };
  });
}

const toggled = (input: JsonObject): readonly Choice[] => [
  { title: "✓", value: textOf(input.valueOn) || "true" },
  { title: "✗", value: textOf(input.valueOff) || "false" },
];

/** The inputs' values of one card, by their ids, as cards submit them: several choices with commas, an untouched text empty. */
export function inputValues(values: JsonValue | undefined, card: string): Record<string, string> {
  const found: Record<string, string> = {};
  const prefix = `i${card}:`;
  for (const block of isJsonObject(values ?? null) ? Object.values(values as JsonObject) : []) {
    for (const [actionId, state] of isJsonObject(block) ? Object.entries(block) : []) {
      const id = actionId.slice(prefix.length);
      if (!actionId.startsWith(prefix) || id === "__proto__" || !isJsonObject(state)) continue;
      const value = valueOf(state);
      if (value !== undefined) found[id] = value;
    }
  }
  return found;
}

/** One element's value; undefined where nothing was chosen. */
export function valueOf(state: JsonObject): string | undefined {
  const { type, selected_option: option, selected_options: options } = state;
  if (Array.isArray(options)) {
    const values = (options as readonly JsonValue[]).filter(isJsonObject).map(({ value }) => textOf(value));
    return values.length === 0 ? undefined : values.join(",");
  }
  if (isJsonObject(option ?? null)) return textOf((option as JsonObject).value);
  for (const field of ["selected_date", "selected_time", "value"]) {
    const value = state[field];
    if (typeof value === "string") return value;
  }
  return type === "plain_text_input" ? "" : undefined;
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}
