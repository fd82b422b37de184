import { hash } from "node:crypto";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** What a tool asks of the person in the middle of its call. */
export type Elicitation =
  /** Values; the schema is an object of strings, numbers, booleans and choices. */
  | { readonly mode: "form"; readonly message: string; readonly schema: JsonObject }
  /** Something to be done at a page of the server's. */
  | { readonly mode: "url"; readonly message: string; readonly url: string };

/** What the person said to an elicitation. */
export interface ElicitationAnswer {
  /** Of the elicitation, as {@link elicitationKey} makes it. */
  readonly key: string;
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: JsonObject;
}

/** Answers an elicitation while its call waits: somebody is there. Undefined leaves it open, and the call ends with it. */
export type AnswerElicitation = (elicitation: Elicitation) => ElicitationAnswer | undefined;

/**
 * Names an elicitation by what it asks, so that the answer finds it when the call is repeated. A page's address changes with
 * every call; its text doesn't.
 */
export function elicitationKey(elicitation: Elicitation): string {
  const asked = elicitation.mode === "form" ? [elicitation.message, elicitation.schema] : [elicitation.message];
  return hash("sha256", JSON.stringify([elicitation.mode, ...asked]), "hex");
}

/** Finds the answer to an elicitation among those that the person gave already. */
export function answerTo(
  elicitation: Elicitation,
  answers: readonly ElicitationAnswer[],
): ElicitationAnswer | undefined {
  const key = elicitationKey(elicitation);
  return answers.find((answer) => answer.key === key);
}

/** An input with what the person said since: how a component, which can't be answered in its call, learns of it. */
export function withAnswers(input: JsonValue, answers: readonly ElicitationAnswer[]): JsonValue {
  if (answers.length === 0) return input;
  const given = typeof input === "object" && input !== null && !Array.isArray(input) ? (input as JsonObject) : {};
  const added = answers.flatMap(({ content = {} }) => Object.entries(content));
  return Object.fromEntries([...Object.entries(given), ...added.filter(([key]) => !Object.hasOwn(given, key))]);
}
