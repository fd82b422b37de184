import { mcpCallOf } from "../../messaging/index.ts";
import type { EnvelopeExtensions, JsonObject, JsonValue, SuggestedAction } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import { formOf } from "../qa/form.ts";
import type { Question } from "../qa/question.ts";
import { QUESTION_SCHEMA, readQuestions } from "../qa/question.ts";
import type { Answer } from "../qa/read-answer.ts";
import { readAnswer } from "../qa/read-answer.ts";
import type { DateContext } from "../qa/read-date.ts";
import { submittedValues } from "../submitted-values.ts";
import { CARD_SCHEMA, renderCard } from "./card.ts";
import { DURATION_SCHEMA, expiryOf } from "./duration.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, ok, print } from "./kind.ts";

/** What a waiting `qa` keeps: answers so far, the question asked, how often its answer was refused. */
interface Kept {
  readonly answers: JsonObject;
  readonly asked: string;
  readonly refused: number;
}

type Invalid = Answer & { readonly kind: "invalid" };

const DEFAULT_RETRIES = 3;

/** `qa`: asks questions until every one has a valid answer. */
export const qa: Kind = {
  name: "qa",
  summary: "Asks the person, checks each answer and asks again with the reason; what is known already is not asked.",
  effect: "waits",
  statuses: ["ok", "cancelled", "failed", "expired"],
  input: {
    type: "object",
    properties: {
      questions: { type: "array", minItems: 1, maxItems: 50, items: QUESTION_SCHEMA },
      known: { type: ["object", "null"], description: "Answers by question id; an invalid one is asked again" },
      cancel: { type: ["array", "string"], items: { type: "string" }, description: "Words that end the questions" },
      max_retries: { type: "integer", minimum: 0, maximum: 100, default: DEFAULT_RETRIES },
      expires: DURATION_SCHEMA,
      card: CARD_SCHEMA,
    },
    required: ["questions"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: { answers: { type: "object" } },
    required: ["answers"],
  },
  run(input, call) {
    return askQuestions(fields(input), { call, resumed: call.resumed });
  },
};

/** Asks questions until every one has a valid answer, from the beginning where nothing is resumed. */
export function askQuestions(
  input: JsonObject,
  from: { readonly call: NodeCall; readonly resumed: NodeCall["resumed"] },
): KindResult {
  return new Questioning(input, from.call).run(from.resumed);
}

class Questioning {
  readonly #input: JsonObject;
  readonly #call: NodeCall;
  readonly #questions: readonly Question[];
  readonly #dates: DateContext;
  #answers: Readonly<Record<string, JsonValue>> = Object.create(null) as JsonObject;

  constructor(input: JsonObject, call: NodeCall) {
    this.#input = input;
    this.#call = call;
    this.#questions = readQuestions(input["questions"]);
    this.#dates = { locale: call.scope.locale, nowMs: call.nowMs, timeZone: timeZoneOf(call) };
  }

  run(resumed: NodeCall["resumed"]): KindResult {
    if (resumed === undefined) return this.#start();
    const kept = readKept(resumed.kept);
    for (const [id, value] of Object.entries(kept.answers)) this.#keep(id, value);
    if (resumed.by === "expiry") return this.#end("expired");
    return this.#continue(kept);
  }

  #start(): KindResult {
    const known = fields(this.#input["known"] ?? null);
    for (const question of this.#questions) {
      const value = Object.hasOwn(known, question.id) ? known[question.id] : undefined;
      if (value === undefined || value === null || value === "") continue;
      const answer = readAnswer(question, value, this.#dates);
      if (answer.kind === "valid") this.#keep(question.id, answer.value);
    }
    return this.#askNext(true);
  }

  #continue(kept: Kept): KindResult {
    const text = this.#call.message?.text?.trim() ?? "";
    const submitted = submittedValues(this.#call.message);
    if (mcpCallOf(this.#call.message)?.isDeclined === true) return this.#end("cancelled");
    if (this.#isCancelled(text) || this.#isCancelled(submitted["action"])) return this.#end("cancelled");
    const asked = this.#questions.find(({ id }) => id === kept.asked) ?? this.#nextQuestion();
    if (asked === undefined) return this.#end("ok");
    let problem: { readonly question: Question; readonly answer: Invalid } | undefined;
    let hasValue = false;
    for (const question of this.#questions) {
      if (!Object.hasOwn(submitted, question.id)) continue;
      hasValue = true;
      const answer = readAnswer(question, submitted[question.id], this.#dates);
      if (answer.kind === "valid") this.#keep(question.id, answer.value);
      else problem ??= { question, answer };
    }
    if (!hasValue) {
      const answer = readAnswer(asked, text, this.#dates);
      if (answer.kind === "valid") this.#keep(asked.id, answer.value);
      else problem = { question: asked, answer };
    }
    if (problem === undefined) return this.#askNext(false);
    const refused = problem.question.id === kept.asked ? kept.refused + 1 : 1;
    if (refused > this.#maxRetries()) return this.#end("failed");
    return this.#ask(problem.question, { refused, reason: this.#reason(problem.question, problem.answer) });
  }

  #keep(id: string, value: JsonValue): void {
    (this.#answers as Record<string, JsonValue>)[id] = value;
  }

  #nextQuestion(): Question | undefined {
    return this.#questions.find(({ id }) => !Object.hasOwn(this.#answers, id));
  }

  #askNext(isFirst: boolean): KindResult {
    const question = this.#nextQuestion();
    return question === undefined ? this.#end("ok") : this.#ask(question, { refused: 0, isFirst });
  }

  /** A question in words that may name the answers before it. */
  #worded(question: Question): Question {
    const { compiled } = this.#call.node;
    if (compiled.isStatic || Object.keys(this.#answers).length === 0) return question;
    const again = fields(this.#call.renderAgain({ answers: { ...this.#answers } }))["questions"];
    return (Array.isArray(again) ? readQuestions(again) : []).find(({ id }) => id === question.id) ?? question;
  }

  #ask(
    asked: Question,
    how: { readonly refused: number; readonly reason?: string; readonly isFirst?: boolean },
  ): KindResult {
    const question = this.#worded(asked);
    const { reason, refused } = how;
    const card = how.isFirst === true ? renderCard(this.#input["card"], this.#call) : undefined;
    const actions = this.#actions(question);
    const extensions: EnvelopeExtensions = {
      input_hint: "expecting",
      ...(card === undefined ? {} : { adaptive_card: card }),
      ...(actions.length === 0 ? {} : { suggested_actions: actions }),
    };
    this.#call.send({ text: reason === undefined ? question.prompt : `${reason}\n${question.prompt}`, extensions });
    const expiresAtMs = expiryOf(this.#input["expires"], this.#call);
    return {
      kind: "wait",
      reason: `qa:${question.id}`,
      kept: { answers: this.#answers, asked: question.id, refused },
      asks: formOf(this.#questions.filter(({ id }) => !Object.hasOwn(this.#answers, id))),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    };
  }

  #actions(question: Question): SuggestedAction[] {
    const { scope } = this.#call;
    if (question.suggestions.length > 0)
      return question.suggestions.map(({ title, value }) => ({ title, value: print(value) }));
    if (question.type === "choice") return question.choices.map(({ title, value }) => ({ title, value: print(value) }));
    if (question.type === "boolean") {
      return [
        { title: scope.t("greentic.yes"), value: scope.t("greentic.yes") },
        { title: scope.t("greentic.no"), value: scope.t("greentic.no") },
      ];
    }
    if (question.default !== undefined) return [{ title: print(question.default), value: print(question.default) }];
    return question.required ? [] : [{ title: scope.t("greentic.skip"), value: scope.t("greentic.skip") }];
  }

  #reason(question: Question, answer: Invalid): string {
    return question.error ?? this.#call.scope.t(answer.reason, answer.args);
  }

  #isCancelled(word: JsonValue | undefined): boolean {
    if (typeof word !== "string" || word === "") return false;
    const words = this.#input["cancel"];
    const folded = word.trim().toLowerCase();
    const list = typeof words === "string" ? [words] : Array.isArray(words) ? (words as readonly JsonValue[]) : [];
    return list.some((one) => typeof one === "string" && one.toLowerCase() === folded);
  }

  #maxRetries(): number {
    const given = this.#input["max_retries"];
    return typeof given === "number" ? given : DEFAULT_RETRIES;
  }

  #end(status: string): KindResult {
    return ok({ answers: this.#answers }, status);
  }
}

function readKept(value: JsonValue): Kept {
  const { answers, asked, refused } = fields(value);
  return {
    answers: isJsonObject(answers) ? answers : {},
    asked: typeof asked === "string" ? asked : "",
    refused: typeof refused === "number" ? refused : 0,
  };
}

/** The person's time zone where the channel tells it, else UTC. */
function timeZoneOf(call: NodeCall): string {
  const zone = call.message?.metadata["timezone"];
  if (zone === undefined || zone.length > 64 || !/^[A-Za-z0-9_+/-]+$/.test(zone)) return "UTC";
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}
