import { checkValue } from "./check-value.ts";
import { decodeCbor } from "./cbor.ts";
import type { JsonSchema } from "./schema.ts";

/** When questions are asked. */
export type QaMode = "default" | "setup" | "update" | "remove";

/** One question of a setup; texts are keys of `i18n`. */
export interface SetupQuestion<Id extends string = string> {
  /** The configuration property that the answer becomes. */
  readonly id: Id;
  readonly label: string;
  readonly help?: string;
  /** Default text. */
  readonly kind?: "text" | "number" | "boolean" | "choice";
  /** Of a choice: value, and the key of its label. */
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  /** Default true. */
  readonly required?: boolean;
  readonly default?: string | number | boolean;
}

/** The questions whose answers make a component's configuration. */
export interface Setup<Id extends string = string> {
  /** Key of the title. Default `setup.title`. */
  readonly title?: string;
  readonly questions: readonly SetupQuestion<Id>[];
}

interface Defined {
  readonly config?: JsonSchema;
  readonly setup?: Setup;
  readonly i18n?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The questions of a mode in the form that hosts ask them from; removing asks nothing. */
export function questionsOf(setup: Setup | undefined, mode: QaMode): object {
  const questions = mode === "remove" ? [] : (setup?.questions ?? []);
  return {
    mode,
    title: { key: setup?.title ?? "setup.title" },
    description: null,
    questions: questions.map((question) => ({
      id: question.id,
      label: { key: question.label },
      help: question.help === undefined ? null : { key: question.help },
      error: null,
      kind: kindOf(question),
      required: mode === "setup" && (question.required ?? true),
      default: question.default ?? null,
    })),
    defaults: Object.fromEntries(questions.flatMap((q) => (q.default === undefined ? [] : [[q.id, q.default]]))),
  };
}

function kindOf({ kind = "text", options = [] }: SetupQuestion): object {
  if (kind !== "choice") return { type: kind === "boolean" ? "bool" : kind };
  return { type: "choice", options: options.map(({ value, label }) => ({ value, label: { key: label } })) };
}

/** Makes the configuration of answers: those given over what was, checked against the component's schema. */
export function answerSetup(
  { config, setup }: Defined,
  mode: QaMode,
  given: { readonly config: Uint8Array; readonly answers: Uint8Array },
): object {
  if (mode === "remove") return { ok: true, config: {}, warnings: [], errors: [] };
  const defaults = Object.fromEntries(
    (setup?.questions ?? []).flatMap((question) =>
      question.default === undefined ? [] : [[question.id, question.default]],
    ),
  );
  const merged = { ...defaults, ...objectOf(given.config), ...objectOf(given.answers) };
  const checked = checkValue(config ?? {}, merged);
  if ("value" in checked) return { ok: true, config: checked.value, warnings: [], errors: [] };
  const { path, expected, got } = checked.problem;
  const field = path.split("/")[1] ?? "";
  const error = { key: "setup.error.invalid", msg_key: "setup.error.invalid", fields: [field], expected, got };
  return { ok: false, warnings: [], errors: [error] };
}

/** The keys of all texts that a component wants translated, in order. */
export function keysOf({ setup, i18n = {} }: Defined): readonly string[] {
  const keys = new Set(Object.values(i18n).flatMap((table) => Object.keys(table)));
  if (setup !== undefined) keys.add(setup.title ?? "setup.title");
  for (const { label, help, options = [] } of setup?.questions ?? []) {
    for (const key of [label, help, ...options.map((option) => option.label)]) if (key !== undefined) keys.add(key);
  }
  return [...keys].sort();
}

/** What bytes hold as an object; where there is none yet, hosts send nothing. */
function objectOf(bytes: Uint8Array): object {
  if (bytes.length === 0) return {};
  const value = decodeCbor(bytes);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
