import { isJsonObject } from "../../types/index.ts";
import type { Kind } from "./kind.ts";
import { fields, ok } from "./kind.ts";
import { qa } from "./qa.ts";
import { askFields, FIELDS_SCHEMA, fieldsOf } from "./questions.ts";

/** `qa.process`: public flows begin with it; what it holds decides whether somebody is asked. */
export const qaProcess: Kind = {
  name: "qa.process",
  summary:
    "Asks its questions or fields like `qa`; without any it hands its input on. For packs without such a component.",
  effect: "waits",
  statuses: qa.statuses,
  yieldsToComponents: true,
  input: {
    type: ["object", "null"],
    properties: { ...fields(qa.input["properties"] ?? null), fields: FIELDS_SCHEMA },
  },
  output: {},
  run(input, call) {
    const given = fields(input);
    if (Array.isArray(given["questions"])) return qa.run(input, call);
    if (Array.isArray(given["fields"])) return askFields(fieldsOf(input), call);
    return ok(isJsonObject(input) ? input : {});
  },
};
