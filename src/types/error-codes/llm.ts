import type { ErrorTable } from "../error-kind.ts";

/** Codes of the llm layer. */
export const llmErrors = {
  LLM_MODEL_UNKNOWN: {
    kind: "not_found",
    help: "Declare the model in greentic.toml as `llm.<name>` with url and model, or give the node `optional: true`.",
  },
  LLM_MODEL_DENIED: {
    kind: "permission_denied",
    help: "The operator lends the model to other tenants; add this one to `tenants` of `llm.<name>` in greentic.toml.",
  },
  LLM_SECRET_MISSING: {
    kind: "not_found",
    help: "Set the model's key: gtc secrets set NAME --category llm --tenant TENANT, where NAME is what `llm.<name>.secret` says.",
  },
  LLM_INPUT_INVALID: {
    kind: "invalid_input",
    help: "Give the node a `prompt`, or `messages` as a list of { role: system | user | assistant, content: text }.",
  },
  LLM_SCHEMA_INVALID: {
    kind: "invalid_input",
    help: "Write `schema` as a JSON Schema of an object with what docs/llm.md lists; other keywords would not be checked.",
  },
  LLM_UNAVAILABLE: {
    kind: "unavailable",
    help: "The model's server can't be reached, is too slow, failed or broke off; it is tried again. Look whether it runs and knows the model.",
  },
  LLM_RATE_LIMITED: {
    kind: "rate_limited",
    help: "The model's server asks to wait; the node is tried again then where it has a `retry`.",
  },
  LLM_UNAUTHORIZED: {
    kind: "unauthenticated",
    help: "The model's server refuses the key; check the secret that `llm.<name>.secret` names.",
  },
  LLM_REQUEST_REFUSED: {
    kind: "invalid_input",
    help: "The server doesn't take the request; check `model`, and `structured`, `max_tokens_field` and `stream` of `llm.<name>`.",
  },
  LLM_CONTEXT_TOO_LONG: {
    kind: "invalid_input",
    help: "The conversation is longer than the model reads; send fewer messages, let tools answer less, or take another model.",
  },
  LLM_REFUSED: {
    kind: "permission_denied",
    help: "The model or its server's filter declined to answer; route `on: error` to an answer of your own.",
  },
  LLM_OUTPUT_INVALID: {
    kind: "internal",
    help: "The answer didn't fit the node's `schema`, not after one repair either; simplify the schema, raise max_tokens, or take another model.",
  },
  LLM_ANSWER_INVALID: {
    kind: "internal",
    help: "What the server sent is no answer of the chat completions protocol, or too large; check `url`.",
  },
  LLM_BUDGET_EXCEEDED: {
    kind: "permission_denied",
    help: "The node's or the turn's bound of tokens or tool rounds is used up; raise `max_tool_rounds` or `budget_tokens` of the node, or `tokens_per_turn` of `llm.<name>`.",
  },
  LLM_QUOTA_EXCEEDED: {
    kind: "rate_limited",
    help: "The tenant has used its tokens of the day; they come back bit by bit. `tokens_per_day` of `llm.<name>` says how many there are.",
  },
} as const satisfies ErrorTable;
