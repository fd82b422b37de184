import { GreenticError, isJsonObject, quote, stateKey } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, ok, print, text } from "./kind.ts";
import { askQuestions, qa } from "./qa.ts";
import { FLOW_STATE_PREFIX } from "./state.ts";

/** The kind of work of flows that make a node's configuration: they are run by a tool with the answers at hand. */
export const CONFIG_FLOW = "component-config";

const TYPES: Readonly<Record<string, string>> = {
  string: "string",
  bool: "boolean",
  boolean: "boolean",
  choice: "choice",
  int: "integer",
  integer: "integer",
  float: "number",
  number: "number",
};

/** JSON Schema of the public spelling of questions. */
export const FIELDS_SCHEMA: JsonObject = {
  type: "array",
  maxItems: 50,
  items: {
    type: "object",
    properties: {
      id: { type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_-]*$" },
      prompt: { type: "string" },
      kind: { enum: Object.keys(TYPES), default: "string" },
      required: { type: "boolean", default: true },
      default: {},
      choices: { type: "array" },
      show_if: { description: "{ id, equals }: asked only where that answer is so; false: never" },
      writes_to: { type: "string", description: "Key of the state that keeps the answer; default its id" },
    },
    required: ["id"],
  },
};

/** `questions`: the public spelling of `qa`; in a config flow the answers come with the call. */
export const questions: Kind = {
  name: "questions",
  summary:
    "Asks a list of fields, as `qa` does, and keeps the answers in the state; config flows get them from the caller.",
  effect: "waits",
  statuses: qa.statuses,
  yieldsToComponents: true,
  input: {
    type: "object",
    properties: { fields: FIELDS_SCHEMA },
    required: ["fields"],
  },
  output: { type: "object", properties: { answers: { type: "object" } }, required: ["answers"] },
  run: (input, call) => askFields(fieldsOf(input), call),
};

/** Asks what isn't known yet, or, in a config flow, takes what the caller gave. @throws RUNNER_ANSWER_MISSING */
export function askFields(list: readonly JsonObject[], call: NodeCall): KindResult {
  const result =
    call.node.flowType === CONFIG_FLOW ? ok({ answers: takeAnswers(list, givenAnswers(call)) }) : ask(list, call);
  if (result.kind === "ok" && result.status === "ok")
    keepAnswers(list, { answers: fields(fields(result.output)["answers"] ?? null), call });
  return result;
}

/** Reads the fields of a `questions` input. @throws RUNNER_INPUT_INVALID */
export function fieldsOf(input: JsonValue): readonly JsonObject[] {
  const list = fields(input)["fields"];
  if (!Array.isArray(list) || !list.every((field: JsonValue) => isJsonObject(field) && text(field["id"]) !== undefined))
    throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "fields": expected a list of objects, each with an id');
  return list as readonly JsonObject[];
}

/** One answer can bring up the next question, so what is asked is looked at again after each round. */
function ask(list: readonly JsonObject[], call: NodeCall): KindResult {
  const resumed = fields(call.resumed?.kept ?? null);
  let answers = fields(resumed["answers"] ?? null);
  let isFirst = true;
  for (;;) {
    const shown = list.filter((field) => isShown(field, answers));
    if (shown.length === 0) return ok({ answers });
    const input = { questions: shown.map(questionOf), known: answers };
    const result = askQuestions(input, { call, resumed: isFirst ? call.resumed : undefined });
    if (result.kind !== "ok" || result.status !== "ok") return result;
    answers = fields(fields(result.output)["answers"] ?? null);
    const isComplete = list.every((field) => !isShown(field, answers) || Object.hasOwn(answers, print(field["id"])));
    if (isComplete) return result;
    isFirst = false;
  }
}

function questionOf(field: JsonObject): JsonObject {
  const { id, prompt, kind, required, default: fallback, choices } = field;
  return {
    id: print(id),
    prompt: text(prompt) ?? print(id),
    type: TYPES[text(kind) ?? "string"] ?? "string",
    ...(required === false ? { required: false } : {}),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(Array.isArray(choices) && choices.length > 0 ? { choices } : {}),
  };
}

function isShown(field: JsonObject, answers: JsonObject): boolean {
  const rule = field["show_if"];
  if (rule === false) return false;
  if (rule === undefined || !isJsonObject(rule)) return true;
  const id = text(rule["id"]) ?? text(rule["field"]);
  return id === undefined || (Object.hasOwn(answers, id) && answers[id] === rule["equals"]);
}

/** Where a caller puts a config flow's answers: in `answers`, in what it submits, or at the top of its input. */
function givenAnswers(call: NodeCall): JsonObject {
  const entry = fields(call.scope.in);
  return { ...entry, ...fields(entry["value"] ?? null), ...fields(entry["answers"] ?? null) };
}

function takeAnswers(list: readonly JsonObject[], given: JsonObject): JsonObject {
  const answers: Record<string, JsonValue> = {};
  for (const field of list) {
    const id = print(field["id"]);
    if (!isShown(field, answers)) continue;
    const answer = (Object.hasOwn(given, id) ? given[id] : undefined) ?? field["default"];
    if (answer !== undefined) answers[id] = answer;
    else if (field["required"] !== false)
      throw new GreenticError("RUNNER_ANSWER_MISSING", `Run questions: no answer for ${quote(id)}`);
  }
  return answers;
}

function keepAnswers(
  list: readonly JsonObject[],
  { answers, call }: { readonly answers: JsonObject; readonly call: NodeCall },
): void {
  for (const field of list) {
    const id = print(field["id"]);
    const answer = Object.hasOwn(answers, id) ? answers[id] : undefined;
    if (answer === undefined) continue;
    const key = (text(field["writes_to"]) ?? id).replace(/^state[./]/, "");
    call.working.set(stateKey(FLOW_STATE_PREFIX, key), answer);
  }
}
