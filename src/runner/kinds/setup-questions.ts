import { readYaml } from "../../config/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { compilePattern } from "../qa/pattern.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

const NO_RULES: JsonObject = Object.freeze({});
const MAX_QUESTIONS = 200;

/** `describe`: the questions of a provider pack's setup; its own component for it ships empty. */
export const describeQuestions: Kind = {
  name: "describe",
  summary:
    "Gives the setup questions of an asset, as setup flows of public provider packs ask; their component for it is empty.",
  effect: "pure",
  statuses: ["ok"],
  yieldsToComponents: true,
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: { id: { type: "string" }, spec_ref: { type: "string", description: "assets/setup.yaml" } },
    required: ["id", "spec_ref"],
  },
  output: {
    type: "object",
    properties: { id: { type: "string" }, title: { type: "string" }, questions: { type: "array" } },
    required: ["id", "title", "questions"],
  },
  run(input, call) {
    const { id, spec_ref: ref } = fields(input);
    const spec = readSpec(text(ref) ?? "", call);
    return ok({ id: text(id) ?? "", title: text(spec["title"]) ?? "", questions: questionsOf(spec).map(complete) });
  },
};

/** `emit`: the other name of `describe`. */
export const emitQuestions: Kind = { ...describeQuestions, name: "emit" };

/** `validate_answers`: whether answers fit the questions. */
export const validateAnswers: Kind = {
  name: "validate_answers",
  summary: "Checks answers against setup questions; `ok` is false and `errors` tell where they don't fit.",
  effect: "pure",
  statuses: ["ok"],
  yieldsToComponents: true,
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: {
      answers_json: { description: "Answers by name, or their JSON" },
      spec_json: { description: "What describe gave" },
    },
    required: ["answers_json", "spec_json"],
  },
  output: {
    type: "object",
    properties: { ok: { type: "boolean" }, errors: { type: "array" } },
    required: ["ok", "errors"],
  },
  run(input) {
    const given = fields(input);
    const answers = readObject(given["answers_json"], "answers_json");
    const spec = readObject(given["spec_json"], "spec_json");
    const errors = questionsOf(spec).flatMap((question) => {
      const message = problemOf(question, answers);
      return message === undefined ? [] : [{ path: text(question["name"]) ?? "", message }];
    });
    return ok({ ok: errors.length === 0, errors });
  },
};

/** `validate`: the other name of `validate_answers`. */
export const validate: Kind = { ...validateAnswers, name: "validate" };

function readSpec(path: string, call: NodeCall): JsonObject {
  const bytes = call.pack.asset(path);
  if (bytes === undefined)
    throw new GreenticError("RUNNER_ASSET_MISSING", `Read questions: the pack has no asset ${quote(path)}`);
  const source = new TextDecoder().decode(bytes);
  const spec = path.endsWith(".json") ? parseJson(source) : readYaml(source, path).value;
  return isJsonObject(spec) ? spec : NO_RULES;
}

function questionsOf(spec: JsonObject): readonly JsonObject[] {
  const list = spec["questions"];
  if (!Array.isArray(list) || list.length > MAX_QUESTIONS)
    throw new GreenticError("RUNNER_INPUT_INVALID", `Read questions: expected a list of at most ${MAX_QUESTIONS}`);
  return list.filter((question: JsonValue) => isJsonObject(question));
}

/** What every question tells, whatever the asset left out. */
function complete(question: JsonObject): JsonObject {
  const { name, title, kind, required, secret, ...more } = question;
  return {
    ...more,
    name: text(name) ?? "",
    title: text(title) ?? text(name) ?? "",
    kind: text(kind) ?? "string",
    required: required === true,
    secret: secret === true,
  };
}

/** Objects come as such or as JSON; nothing at all is an object without members. */
function readObject(value: JsonValue | undefined, field: string): JsonObject {
  const read = typeof value === "string" && value !== "" ? parseJson(value) : (value ?? NO_RULES);
  if (read === "") return NO_RULES;
  if (isJsonObject(read)) return read;
  throw new GreenticError("RUNNER_INPUT_INVALID", `Read ${quote(field)}: expected an object, or the JSON of one`);
}

/** The word for what is wrong with an answer, as the public questions component has it. */
function problemOf(question: JsonObject, answers: JsonObject): string | undefined {
  const name = text(question["name"]) ?? "";
  const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
  if (answer === undefined || answer === null)
    return question["required"] === true && question["default"] === undefined ? "required" : undefined;
  const rules = fields(question["validate"] ?? null);
  switch (question["kind"]) {
    case "number":
    case "int":
    case "integer":
    case "float":
      if (typeof answer !== "number") return "expected number";
      if (typeof rules["min"] === "number" && answer < rules["min"]) return "min";
      return typeof rules["max"] === "number" && answer > rules["max"] ? "max" : undefined;
    case "bool":
    case "boolean":
      return typeof answer === "boolean" ? undefined : "expected boolean";
    case "choice":
      return Array.isArray(question["choices"]) && question["choices"].includes(answer) ? undefined : "choice";
    default: {
      if (typeof answer !== "string") return "expected string";
      const regex = text(rules["regex"]);
      return regex === undefined || compilePattern(regex).test(answer) ? undefined : "regex";
    }
  }
}
