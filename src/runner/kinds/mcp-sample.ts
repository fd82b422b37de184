import { mcpCallOf } from "../../messaging/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { submittedValues } from "../submitted-values.ts";
import { DURATION_SCHEMA, expiryOf } from "./duration.ts";
import type { Kind } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

const MAX_TOKENS = 1_000;

/**
 * `mcp.sample`: asks the language model of the program that called this flow over MCP. The flow waits for the answer as it waits
 * for a person's, so that a restart in between loses nothing. Other channels lend no model: the node ends with `unavailable` there.
 */
export const mcpSample: Kind = {
  name: "mcp.sample",
  summary: "Asks the language model of the MCP client that called the flow; elsewhere it ends with `unavailable`.",
  effect: "waits",
  statuses: ["ok", "unavailable", "declined", "expired"],
  input: {
    type: "object",
    properties: {
      prompt: { type: "string", description: "What the model is asked" },
      system: { type: "string", description: "How the model shall behave" },
      max_tokens: { type: "integer", minimum: 1, maximum: 100_000, default: MAX_TOKENS },
      temperature: { type: "number", minimum: 0, maximum: 2 },
      models: {
        type: "array",
        items: { type: "string" },
        maxItems: 10,
        description: "Names of models, best first; hints",
      },
      expires: DURATION_SCHEMA,
    },
    required: ["prompt"],
    additionalProperties: false,
  },
  output: {
    type: ["object", "null"],
    properties: { text: { type: "string" }, model: { type: "string" }, stop_reason: { type: "string" } },
  },
  run(input, call) {
    if (call.resumed?.by === "expiry") return ok(null, "expired");
    if (call.resumed !== undefined) {
      if (mcpCallOf(call.message)?.isDeclined === true) return ok(null, "declined");
      return ok(answerOf(submittedValues(call.message)));
    }
    if (mcpCallOf(call.message)?.canSample !== true) return ok(null, "unavailable");
    const expiresAtMs = expiryOf(fields(input)["expires"], call);
    return {
      kind: "wait",
      reason: "model",
      asks: { kind: "model", request: requestOf(fields(input)) },
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    };
  },
};

/** The request in the protocol's own shape. @see MCP 2025-11-25, sampling/createMessage */
function requestOf(input: JsonObject): JsonObject {
  const { prompt, system, max_tokens: maxTokens, temperature, models } = input;
  return {
    messages: [{ role: "user", content: { type: "text", text: text(prompt) ?? "" } }],
    maxTokens: typeof maxTokens === "number" ? maxTokens : MAX_TOKENS,
    ...(typeof system === "string" ? { systemPrompt: system } : {}),
    ...(typeof temperature === "number" ? { temperature } : {}),
    ...(Array.isArray(models)
      ? { modelPreferences: { hints: (models as readonly JsonValue[]).map((name) => ({ name })) } }
      : {}),
  };
}

function answerOf(values: JsonObject): JsonObject {
  const { text: said, model, stop_reason: stop } = values;
  return {
    text: typeof said === "string" ? said : "",
    model: typeof model === "string" ? model : "",
    stop_reason: typeof stop === "string" ? stop : "",
  };
}
