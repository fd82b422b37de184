import type { ComponentCall, ComponentHost, ComponentResult } from "../../component/index.ts";
import type { RuntimeOptions } from "../../runner/index.ts";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import type { JsonValue, OutcomeError, TenantCtx } from "../../types/index.ts";
import { isLike } from "./check-reply.ts";
import type { StubCase } from "./read-conversation.ts";

/** A call that a stub has no case for. */
export interface UnmatchedCall {
  readonly name: string;
  readonly input: JsonValue;
}

type Answer = { readonly result: JsonValue } | { readonly error: OutcomeError };

/** The kind whose stub decides in the place of a person. */
export const APPROVAL = "approval";

/** The kind whose stub consents in the place of a person. */
export const CONNECT = "oauth.connect";

/** The kind whose stub answers in the place of a language model. */
export const CHAT = "llm.chat";

/** The kind whose stub answers in the place of the model of an MCP client. */
export const SAMPLE = "mcp.sample";

/** Kinds whose stubs are words for how they end: one of their own statuses. */
export const DECIDED: readonly string[] = [APPROVAL, CONNECT];

/** Answers calls of tools and components as a test says. */
export class Stubs {
  readonly #cases: ReadonlyMap<string, readonly StubCase[]>;
  /** Tools that only the network could answer. */
  readonly #remote: ReadonlySet<string>;
  /** Calls since the last `takeUnmatched` that no case was for. */
  #unmatched: UnmatchedCall[] = [];

  constructor(cases: ReadonlyMap<string, readonly StubCase[]>, remote: ReadonlySet<string>) {
    this.#cases = cases;
    this.#remote = remote;
  }

  /** Stands in for a tool; undefined lets it run. */
  readonly stubTool: NonNullable<RuntimeOptions["stubTool"]> = (name, input) => {
    const answer = this.answer(name, input) ?? (this.#remote.has(name) ? this.#refuse(name, input) : undefined);
    if (answer === undefined || "error" in answer) return answer;
    return { result: answer.result, content: [{ type: "text", text: JSON.stringify(answer.result) }] };
  };

  /** Lets no time pass for delays and timers, and has people and models outside answer as their stubs say. */
  readonly stubWait: NonNullable<RuntimeOptions["stubWait"]> = (kind, input) => {
    switch (kind) {
      case "delay":
      case "timer":
        return { status: "ok", output: { until: null } };
      case APPROVAL:
        return decided(this.answer(kind, input) ?? this.#refuse(kind, input));
      case CONNECT:
        return consented(this.answer(kind, input) ?? this.#refuse(kind, input), input);
      case SAMPLE: {
        // Without a stub there is no model, as on every channel that lends none.
        const answer = this.answer(kind, input);
        return answer && sampled(answer);
      }
      default:
        return undefined;
    }
  };

  /** Answers in the place of a model, as the stub `llm.chat` says; without one there is no model. */
  readonly stubChat: NonNullable<RuntimeOptions["stubChat"]> = (_model, input) => this.answer(CHAT, input);

  answer(name: string, input: JsonValue): Answer | undefined {
    const cases = this.#cases.get(name);
    if (cases === undefined) return undefined;
    const found = cases.find(({ when }) => when === undefined || isLike(input, when));
    if (found === undefined) return this.#refuse(name, input);
    if (found.error === undefined) return { result: found.result ?? null };
    const { code, message = code, retryable = false } = found.error;
    return { error: { code, message, retryable } };
  }

  #refuse(name: string, input: JsonValue): Answer {
    this.#unmatched.push({ name, input });
    return { error: { code: "STUB_UNMATCHED", message: `No stub of ${name} is for this input`, retryable: false } };
  }

  takeUnmatched(): readonly UnmatchedCall[] {
    const taken = this.#unmatched;
    this.#unmatched = [];
    return taken;
  }
}

type Stubbed = ReturnType<NonNullable<RuntimeOptions["stubWait"]>>;

/** How a stub of one of {@link DECIDED} says that the node ends; undefined where it doesn't. */
export function decisionIn(result: JsonValue): string | undefined {
  const word = isJsonObject(result) ? result["decision"] : result;
  return typeof word === "string" ? word : undefined;
}

function decided(answer: Answer): Stubbed {
  const given = "result" in answer ? answer.result : null;
  const status = decisionIn(given) ?? "expired";
  const output = { decision: status, by: null, at: null };
  return { status, output: isJsonObject(given) ? { ...output, ...given } : output };
}

/** An error is the code that a consent was denied with. */
function consented(answer: Answer, input: JsonValue): Stubbed {
  const provider = (isJsonObject(input) ? input["provider"] : undefined) ?? null;
  const status = "error" in answer ? "denied" : (decisionIn(answer.result) ?? "expired");
  const error = "error" in answer ? answer.error.code : null;
  return { status, output: { provider, connected: status === "connected", error } };
}

/** A text, or `{ text, model?, stop_reason? }`; an error is a client that declines. */
function sampled(answer: Answer): Stubbed {
  if ("error" in answer) return { status: "declined", output: null };
  const said = isJsonObject(answer.result) ? answer.result : { text: answer.result };
  return { status: "ok", output: { text: "", model: "", stop_reason: "", ...said } };
}

const STATS = { wallMs: 0, fuel: 0, peakMemoryBytes: 0, hostCalls: [], log: "" };

/** A test has no network, whatever is granted. */
async function offline(): Promise<never> {
  throw new GreenticError("HTTP_UNAVAILABLE", "Send request: a conversation test has no network");
}

/** A host whose components a test may stand in for, by `component.operation` or `component`. */
export class StubbedComponents implements ComponentHost {
  readonly #host: ComponentHost;
  readonly #stubs: Stubs;
  /** How far the test's clock is ahead of the machine's, by which guests are timed. */
  readonly #aheadMs: number;

  constructor(host: ComponentHost, to: { readonly stubs: Stubs; readonly aheadMs: number }) {
    this.#host = host;
    this.#stubs = to.stubs;
    this.#aheadMs = to.aheadMs;
  }

  admit(...given: Parameters<ComponentHost["admit"]>): ReturnType<ComponentHost["admit"]> {
    return this.#host.admit(...given);
  }

  examine(bytes: Uint8Array): ReturnType<ComponentHost["examine"]> {
    return this.#host.examine(bytes);
  }

  describe(...given: Parameters<ComponentHost["describe"]>): ReturnType<ComponentHost["describe"]> {
    return this.#host.describe(...given);
  }

  async invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
    const { component, operation, input } = call;
    const answer = this.#stubs.answer(`${component}.${operation}`, input) ?? this.#stubs.answer(component, input);
    if (answer !== undefined)
      return "error" in answer
        ? { kind: "error", error: answer.error, stats: STATS }
        : { kind: "ok", output: answer.result, stats: STATS };
    const { deadlineMs } = ctx;
    const timed = deadlineMs === undefined ? ctx : { ...ctx, deadlineMs: deadlineMs - this.#aheadMs };
    return this.#host.invoke(timed, { ...call, services: { ...call.services, http: offline } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }
}
