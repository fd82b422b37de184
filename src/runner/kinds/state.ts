import { GreenticError, quote, stateKey } from "../../types/index.ts";
import type { JsonObject, JsonValue, StateKey } from "../../types/index.ts";
import type { Kind } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

/** Who keeps a flow's own values in the session's state. */
export const FLOW_STATE_PREFIX = "flow";

const KEY: JsonObject = { type: "string", minLength: 1, maxLength: 256, description: "Without a slash" };

function keyOf(input: JsonValue): StateKey {
  const key = text(fields(input)["key"]);
  if (key === undefined) throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "key": expected a text, got nothing');
  return stateKey(FLOW_STATE_PREFIX, key);
}

/** `state.get`: reads a value that the session keeps. */
export const stateGet: Kind = {
  name: "state.get",
  summary: "Reads a value of the session's state.",
  effect: "working-set",
  statuses: ["ok"],
  rerunsOnMessage: true,
  input: { type: "object", properties: { key: KEY, default: {} }, required: ["key"], additionalProperties: false },
  output: {
    type: "object",
    properties: { key: { type: "string" }, value: {}, found: { type: "boolean" } },
    required: ["key", "value", "found"],
  },
  run(input, call) {
    const key = keyOf(input);
    const value = call.working.get(key);
    return ok({ key: key.key, value: value ?? fields(input)["default"] ?? null, found: value !== undefined });
  },
};

/** `state.set`: keeps a value across flows, as long as the session lives. */
export const stateSet: Kind = {
  name: "state.set",
  summary: "Writes a value of the session's state; it is kept with the turn's commit.",
  effect: "working-set",
  statuses: ["ok"],
  input: {
    type: "object",
    properties: { key: KEY, value: {} },
    required: ["key", "value"],
    additionalProperties: false,
  },
  output: { type: "object", properties: { key: { type: "string" }, value: {} }, required: ["key", "value"] },
  run(input, call) {
    const key = keyOf(input);
    const value = fields(input)["value"] ?? null;
    call.working.set(key, value);
    return ok({ key: key.key, value });
  },
};

/** `state.delete`: forgets a value. */
export const stateDelete: Kind = {
  name: "state.delete",
  summary: "Deletes a value of the session's state.",
  effect: "working-set",
  statuses: ["ok"],
  input: { type: "object", properties: { key: KEY }, required: ["key"], additionalProperties: false },
  output: {
    type: "object",
    properties: { key: { type: "string" }, found: { type: "boolean" } },
    required: ["key", "found"],
  },
  run(input, call) {
    const key = keyOf(input);
    return ok({ key: key.key, found: call.working.delete(key) });
  },
};

const MAX_VARS_BYTES = 64 * 1024;

/** `var.set`: keeps a value until the flow ends. */
export const varSet: Kind = {
  name: "var.set",
  summary: "Sets a variable of the running flow.",
  effect: "working-set",
  statuses: ["ok"],
  input: {
    type: "object",
    properties: { name: { type: "string" }, key: { type: "string" }, value: {} },
    required: ["value"],
    anyOf: [{ required: ["name"] }, { required: ["key"] }],
    additionalProperties: false,
  },
  output: { type: "object", properties: { ok: { type: "boolean" }, value: {} }, required: ["ok", "value"] },
  run(input, call) {
    const given = fields(input);
    const name = text(given["name"]) ?? text(given["key"]);
    if (name === undefined)
      throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "name": expected a text, got nothing');
    const value = given["value"] ?? null;
    if (JSON.stringify(value).length > MAX_VARS_BYTES) {
      throw new GreenticError(
        "RUNNER_INPUT_INVALID",
        `Set variable ${quote(name)}: more than ${MAX_VARS_BYTES} characters of JSON`,
      );
    }
    call.setVar(name, value);
    return ok({ ok: true, value });
  },
};
