import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../../../types/index.ts";
import type { CallPack, PackAnswer, PackParts } from "./calls.ts";

/** What of a set-up is asked: the little that is always needed, all of it, or what a change needs. */
export type SetupMode = "default" | "setup" | "upgrade" | "remove";

/** What an answer sheet came to. */
export interface AppliedAnswers {
  readonly isOk: boolean;
  /** Goes into the channel's `config`. */
  readonly config: JsonObject;
  /** Secrets to keep under the channel, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Why not, in the component's words. */
  readonly problem?: string;
}

/** What the platform said to the registration of a webhook. */
export interface WebhookSetup {
  readonly isOk: boolean;
  readonly problem?: string;
  /** What the component tells of it. */
  readonly told: JsonObject;
}

/** Sets a provider pack's channel up: its own questions, what answers come to, and the platform's side where it has an API. */
export interface PackOperator {
  /** Whether its component has questions of its own. */
  readonly hasQuestions: boolean;
  /** Whether it tells the platform by itself where to post. */
  readonly hasWebhookSetup: boolean;
  /** The questions as the component gives them. @throws MESSAGING_PROVIDER_FAILED */
  questions(mode: SetupMode): Promise<JsonObject>;
  /** @throws MESSAGING_PROVIDER_FAILED where the component breaks off; a refused answer is a value */
  applyAnswers(
    mode: SetupMode,
    of: { readonly answers: JsonObject; readonly config: JsonObject },
  ): Promise<AppliedAnswers>;
  /** Tells the platform where to post. @throws MESSAGING_PROVIDER_FAILED */
  setupWebhook(of: {
    readonly url: string;
    readonly publicBaseUrl: string;
    readonly config: JsonObject;
  }): Promise<WebhookSetup>;
}

const TIMEOUT_MS = 30_000;

/** Opens the operator's side of a provider pack; calls have effects on the platform where its component makes requests. */
export function createPackOperator({
  parts,
  call,
}: {
  readonly parts: PackParts;
  readonly call: CallPack;
}): PackOperator {
  const has = parts.operations.operator;
  const ask = async (operation: string, input: JsonObject): Promise<PackAnswer> =>
    call({ role: "operator", operation, input, timeoutMs: TIMEOUT_MS });
  return {
    hasQuestions: has.has("qa-spec"),
    hasWebhookSetup: has.has("setup_webhook"),
    questions: async (mode) => outputOf("Ask for questions", await ask("qa-spec", { mode }), parts),
    applyAnswers: async (mode, { answers, config }) => {
      const output = outputOf(
        "Apply answers",
        await ask("apply-answers", { mode, answers, current_config: config }),
        parts,
      );
      const problem = problemOf(output);
      const given = isJsonObject(output["config"] ?? null) ? (output["config"] as JsonObject) : {};
      return {
        isOk: problem === undefined,
        config: given,
        secrets: secretsOf(output["secrets_patch"]),
        ...(problem !== undefined && { problem }),
      };
    },
    setupWebhook: async ({ url, publicBaseUrl, config }) => {
      const input = { v: 1, url, public_base_url: publicBaseUrl, webhook_url: url, config };
      const output = outputOf("Set webhook up", await ask("setup_webhook", input), parts);
      const problem = problemOf(output);
      return { isOk: problem === undefined, told: output, ...(problem !== undefined && { problem }) };
    },
  };
}

/** A component's answer; its own refusal, `{ ok: false }`, is one too. */
function outputOf(doing: string, answer: PackAnswer, { name }: PackParts): JsonObject {
  const value = answer.kind === "ok" ? answer.output : (answer.error.details ?? null);
  if (isJsonObject(value) && (answer.kind === "ok" || value["ok"] === false)) return value;
  const state = answer.kind === "ok" ? "expected an object" : answer.error.code;
  throw new GreenticError("MESSAGING_PROVIDER_FAILED", `${doing} of provider pack ${quote(name)}: ${state}`);
}

function problemOf(output: JsonObject): string | undefined {
  if (output["ok"] !== false) return undefined;
  const { error, message } = output;
  const word = [error, message].find((value) => typeof value === "string");
  return word === undefined ? "it gives no reason" : quote(word);
}

/** `{ name: text }`, or `{ set: { name: text } }`. */
function secretsOf(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (value === undefined || !isJsonObject(value)) return {};
  const patch = isJsonObject(value["set"] ?? null) ? (value["set"] as JsonObject) : value;
  return Object.fromEntries(
    Object.entries(patch).flatMap(([name, secret]) => (typeof secret === "string" ? [[name, secret]] : [])),
  );
}
