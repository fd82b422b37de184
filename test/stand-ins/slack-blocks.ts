/** What Slack's published schema of blocks lets pass, written from its limits and not from the projector's. */
import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { isJsonObject } from "../../src/types/index.ts";

/** Says why Slack refuses a message; empty where it takes it. */
export function problemsOfMessage({ text, blocks }: JsonObject): readonly string[] {
  const problems: string[] = [];
  const say = (condition: boolean, problem: string): void => void (condition && problems.push(problem));
  const notice = typeof text === "string" ? text : "";
  say(notice.trim() === "" && blocks === undefined, "no_text");
  say(notice.length > 40_000, "msg_too_long");
  say(hasMarkup(notice), "markup in text");
  if (blocks === undefined) return problems;
  const list = Array.isArray(blocks) ? (blocks as readonly JsonValue[]).filter(isJsonObject) : [];
  say(list.length === 0 || list.length > 50, "invalid_blocks: count");
  say(JSON.stringify(blocks).length > 13_100, "msg_blocks_too_long");
  for (const block of list) problems.push(...problemsOfBlock(block));
  return problems;
}

function problemsOfBlock(block: JsonObject): readonly string[] {
  switch (block.type) {
    case "section":
      return textProblems(block.text, 3_000, "section");
    case "header":
      return textProblems(block.text, 150, "header");
    case "actions":
      return rowProblems(listOf(block.elements));
    case "input":
      return [
        ...textProblems(block.label, 2_000, "label"),
        ...(isJsonObject(block.element ?? null)
          ? elementProblems(block.element as JsonObject)
          : ["input without element"]),
      ];
    default:
      return [`invalid_blocks: ${JSON.stringify(block.type)}`];
  }
}

function rowProblems(elements: readonly JsonObject[]): readonly string[] {
  const names = new Set(elements.map(({ action_id: name }) => name));
  return [
    ...(elements.length === 0 || elements.length > 25 ? ["actions: count"] : []),
    ...(names.size < elements.length ? ["actions: action_id repeated"] : []),
    ...elements.flatMap(elementProblems),
  ];
}

function elementProblems(element: JsonObject): readonly string[] {
  const { type, action_id: name, text, value, url, options, placeholder, initial_value: initial } = element;
  const problems: string[] = [];
  const say = (condition: boolean, problem: string): void => void (condition && problems.push(problem));
  say(typeof name !== "string" || name === "" || name.length > 255, "action_id");
  if (placeholder !== undefined) problems.push(...textProblems(placeholder, 150, "placeholder"));
  if (type === "button") {
    problems.push(...textProblems(text, 75, "button"));
    say(value !== undefined && (typeof value !== "string" || value === "" || value.length > 2_000), "button value");
    say(url !== undefined && (typeof url !== "string" || url.length > 3_000 || !/^https?:/i.test(url)), "button url");
  } else if (type === "static_select" || type === "multi_static_select" || type === "radio_buttons") {
    const list = listOf(options);
    say(list.length === 0 || list.length > 100, "options: count");
    for (const option of list) {
      problems.push(...textProblems(option.text, 75, "option"));
      say(typeof option.value !== "string" || option.value === "" || option.value.length > 75, "option value");
    }
    const chosen = [...listOf(element.initial_options), element.initial_option ?? null].filter(isJsonObject);
    const known = new Set(list.map((option) => JSON.stringify(option)));
    say(
      chosen.some((option) => !known.has(JSON.stringify(option))),
      "initial option",
    );
  } else if (type === "plain_text_input") {
    say(initial !== undefined && (typeof initial !== "string" || initial.length > 3_000), "initial value");
    const { max_length: most } = element;
    say(most !== undefined && (typeof most !== "number" || most < 1 || most > 3_000), "max_length");
  } else say(type !== "datepicker" && type !== "timepicker", `element ${JSON.stringify(type)}`);
  return problems;
}

function textProblems(object: JsonValue | undefined, max: number, where: string): readonly string[] {
  if (object === undefined || !isJsonObject(object) || typeof object.text !== "string") return [`${where}: no text`];
  const { type, text } = object;
  return [
    ...(type === "plain_text" || type === "mrkdwn" ? [] : [`${where}: type`]),
    ...(text.trim() === "" ? [`${where}: empty`] : []),
    ...(text.length > max ? [`${where}: too long`] : []),
    ...(hasMarkup(text) || type === "mrkdwn" ? [`${where}: markup`] : []),
    ...(/[\u0000-\u0008]/.test(text) || !text.isWellFormed() ? [`${where}: characters`] : []),
  ];
}

/** Whether Slack would read anything in it as a mention, a link or half an escape. */
const hasMarkup = (text: string): boolean => /[<>]|&(?!amp;|lt;|gt;)/.test(text);

const listOf = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
