// A recorded conversation, `*.test.yaml`:
//   flow, entry, tenant, team, locale, clock: what runs, for whom and when
//   stubs: { tool or component[.operation]: [{ when?, result | error }] }
//   steps: [{ says | submits, locale?, expects? }]
import { checkDocument, readYaml } from "../../config/index.ts";
import type { SourceDocument } from "../../config/index.ts";
import { envId, GreenticError, quote, teamId, tenantId } from "../../types/index.ts";
import type { JsonObject, JsonValue, SourcePosition, TeamId, TenantId } from "../../types/index.ts";
import { CONVERSATION_SCHEMA } from "./conversation-schema.ts";

/** One case of a stub; the first whose `when` the input is like answers. */
export interface StubCase {
  readonly when?: JsonValue;
  readonly result?: JsonValue;
  readonly error?: { readonly code: string; readonly message?: string; readonly retryable?: boolean };
}

/** What a step's answer must be like. */
export interface Expectation {
  /** One text of the reply, or all of them in order. */
  readonly text?: TextExpectation | readonly TextExpectation[];
  /** Whether there is a card, a text in it, or what it is like. */
  readonly card?: boolean | string | JsonObject;
  readonly status?: "done" | "waiting" | "error";
  /** The node at which the flow waits. */
  readonly waiting?: string;
  /** What the flow's output is like. */
  readonly output?: JsonValue;
  /** How many messages the reply has. */
  readonly messages?: number;
  /** Code of the failure. */
  readonly error?: string;
}

/** A text equals, contains, or matches a regular expression. */
export type TextExpectation =
  | string
  | { readonly equals?: string; readonly contains?: string; readonly matches?: string };

/** One message of the person and what must come of it. */
interface ConversationStep {
  /** What is said: a text, or a submitted card's values. */
  readonly input: JsonValue;
  readonly locale?: string;
  readonly expects: Expectation;
}

/** A conversation to run, with the places of its parts. */
export interface Conversation {
  readonly file: string;
  readonly name?: string;
  readonly flow?: string;
  readonly entry?: string;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly locale: string;
  /** When it begins, milliseconds since the epoch; absent: now. */
  readonly clockMs?: number;
  readonly stubs: ReadonlyMap<string, readonly StubCase[]>;
  readonly steps: readonly ConversationStep[];
  readonly positionOf: (path: readonly (string | number)[]) => SourcePosition;
}

const RULES = {
  doing: "Read conversation",
  syntaxInvalid: "CLI_TEST_INVALID",
  keyUnknown: "CLI_TEST_INVALID",
} as const;
interface Written {
  readonly name?: string;
  readonly flow?: string;
  readonly entry?: string;
  readonly tenant?: string;
  readonly team?: string;
  readonly locale?: string;
  readonly clock?: string;
  readonly stubs?: Readonly<Record<string, readonly StubCase[]>>;
  readonly steps: readonly {
    readonly says?: string;
    readonly submits?: JsonObject;
    readonly locale?: string;
    readonly expects?: Expectation;
  }[];
}

/** Where conversations run. */
export const TEST_ENV = envId("test");

/** Reads a conversation. @throws CLI_TEST_INVALID with the place */
export function readConversation(source: string, file: string): Conversation {
  const document = readYaml(source, file, RULES);
  checkDocument(document, CONVERSATION_SCHEMA, { doing: RULES.doing, valueInvalid: "CLI_TEST_INVALID" });
  const written = document.value as unknown as Written;
  const clockMs = written.clock === undefined ? undefined : readClock(written.clock, document);
  checkPatterns(written, document);
  return {
    file,
    ...(written.name !== undefined && { name: written.name }),
    ...(written.flow !== undefined && { flow: written.flow }),
    ...(written.entry !== undefined && { entry: written.entry }),
    tenant: tenantId(written.tenant ?? "test"),
    team: teamId(written.team ?? "default"),
    locale: written.locale ?? "en",
    ...(clockMs !== undefined && { clockMs }),
    stubs: new Map(Object.entries(written.stubs ?? {})),
    steps: written.steps.map(({ says, submits, locale, expects = {} }) => ({
      input: says ?? submits ?? "",
      ...(locale !== undefined && { locale }),
      expects,
    })),
    positionOf: (path) => document.positionOf(path),
  };
}

function readClock(clock: string, document: SourceDocument): number {
  const ms =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(clock) && /(?:Z|[+-]\d\d:\d\d)$/.test(clock) ? Date.parse(clock) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw invalid(`expected clock to be like 2026-03-05T10:00:00Z, got ${quote(clock)}`, document.positionOf(["clock"]));
}

/** Refuses expressions that can't be compiled before anything runs. */
function checkPatterns({ steps }: Written, document: SourceDocument): void {
  steps.forEach(({ expects }, i) => {
    const texts = expects?.text ?? [];
    for (const wanted of Array.isArray(texts) ? (texts as readonly TextExpectation[]) : [texts as TextExpectation]) {
      if (typeof wanted === "string" || wanted.matches === undefined) continue;
      try {
        "".search(new RegExp(wanted.matches, "u"));
      } catch (error) {
        const at = document.positionOf(["steps", i, "expects", "text", "matches"]);
        throw invalid(`not a regular expression, got ${quote(wanted.matches)}`, at, error);
      }
    }
  });
}

function invalid(problem: string, at: SourcePosition, cause?: unknown): GreenticError {
  return new GreenticError("CLI_TEST_INVALID", `Read conversation: ${problem}`, { at, cause });
}
