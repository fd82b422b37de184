import type { SchemaObject } from "ajv";
import type { JsonObject } from "../types/index.ts";

/** A language model that the operator lends to packs, declared in greentic.toml as `llm.<name>`. */
export interface LlmModelConfig {
  /** What packs call it; `default` where they say nothing. */
  readonly name: string;
  /** Base of the OpenAI-compatible API, `https://api.openai.com/v1`, without a slash at its end. */
  readonly url: string;
  /** What its server calls it. */
  readonly model: string;
  /** Name of the secret that is its key, of category `llm`, or its whole `secrets://` address. */
  readonly secret: string | undefined;
  /** Whose packs may use it; `*` everybody's. */
  readonly tenants: readonly string[];
  /** Tokens that one answer may have. */
  readonly maxOutputTokens: number;
  /** Wall time of one answer. */
  readonly timeoutMs: number;
  /** Whether answers are asked for as a stream. */
  readonly stream: boolean;
  /** How the server is told of a schema; `prompt` tells the model in words. */
  readonly structured: "json_schema" | "json_object" | "prompt";
  /** How the server calls the bound of an answer. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
  /** Tokens that one turn may use in all; undefined for no bound. */
  readonly tokensPerTurn: number | undefined;
  /** Tokens that each tenant may use a day; undefined for no bound. */
  readonly tokensPerDay: number | undefined;
}

const text = { type: "string", minLength: 1 } as const;
const tokens = { type: "integer", minimum: 1, maximum: 1_000_000_000 } as const;

/** The shape of `llm.<name>` in greentic.toml. */
export const llmModelSchema: SchemaObject = {
  type: "object",
  properties: {
    url: { type: "string", pattern: "^https?://[^\\s/?#@]+(?:/[^\\s?#]*)?$" },
    model: text,
    secret: { type: "string", pattern: "^(?:[A-Za-z0-9_.-]{1,128}|secrets://[a-z0-9._/-]{9,600})$" },
    tenants: { type: "array", items: text },
    max_output_tokens: { type: "integer", minimum: 1, maximum: 1_000_000 },
    timeout_ms: { type: "integer", minimum: 100, maximum: 600_000 },
    stream: { type: "boolean" },
    structured: { enum: ["json_schema", "json_object", "prompt"] },
    max_tokens_field: { enum: ["max_tokens", "max_completion_tokens"] },
    tokens_per_turn: tokens,
    tokens_per_day: tokens,
  },
  required: ["url", "model"],
  additionalProperties: false,
};

/** Gives the models of `[llm]` their types; `table` has the schema's shape. Without `tenants` a model is the configured tenant's. */
export function readLlmModels(table: JsonObject, tenant: string): readonly LlmModelConfig[] {
  return Object.entries(table).map(([name, value]) => {
    const given = value as unknown as LlmTable;
    return {
      name,
      url: given.url.replace(/\/+$/, ""),
      model: given.model,
      secret: given.secret,
      tenants: given.tenants ?? [tenant],
      maxOutputTokens: given.max_output_tokens ?? 1_024,
      timeoutMs: given.timeout_ms ?? 60_000,
      stream: given.stream ?? true,
      structured: given.structured ?? "json_schema",
      maxTokensField: given.max_tokens_field ?? "max_tokens",
      tokensPerTurn: given.tokens_per_turn,
      tokensPerDay: given.tokens_per_day,
    };
  });
}

interface LlmTable {
  readonly url: string;
  readonly model: string;
  readonly secret?: string;
  readonly tenants?: readonly string[];
  readonly max_output_tokens?: number;
  readonly timeout_ms?: number;
  readonly stream?: boolean;
  readonly structured?: LlmModelConfig["structured"];
  readonly max_tokens_field?: LlmModelConfig["maxTokensField"];
  readonly tokens_per_turn?: number;
  readonly tokens_per_day?: number;
}
