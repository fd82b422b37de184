import type {
  ElicitRequestFormParams,
  InputRequest,
  InputRequiredResult,
  ServerContext,
} from "@modelcontextprotocol/server";
import { hash } from "node:crypto";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isGreenticError, isJsonObject } from "../../types/index.ts";
import { textOf } from "./content.ts";
import type { OfferedCall, OfferedFlow, OfferedTurn, Offering } from "./offering.ts";
import { readFields } from "./read-fields.ts";
import type { Sdk } from "./sdk.ts";
import type { CallState, SessionHandles } from "./session-handle.ts";

/** What a client can do for a call that waits. */
export interface ClientAbilities {
  readonly canElicit: boolean;
  readonly canSample: boolean;
}

/** What everything of one server shares. */
export interface CallsOptions {
  readonly sdk: Sdk;
  readonly offering: Offering;
  readonly handles: SessionHandles;
  /** Names this connection where the transport has no session: request ids are only unique within one. */
  readonly connection: string;
  readonly abilitiesOf: (ctx: ServerContext) => ClientAbilities;
}

/** A turn and where its conversation stands after it. */
export interface CalledTurn extends OfferedTurn {
  readonly next: CallState;
}

/** The answer of a person or a model, as a call of the runtime takes it. */
export type Answer = Pick<OfferedCall, "fields" | "text" | "isDeclined">;

const CALLED_OFF = "RUNNER_TURN_CANCELLED";
/** A request's `_meta` may name it, for clients whose requests have no session; the same name is the same call. */
const IDEMPOTENCY_KEY = "greentic.ai/idempotency-key";

/** Calls offered flows: the first turn of a fresh conversation, then one for each answer to what it waits for. */
export class Calls {
  readonly #options: CallsOptions;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Serves a request that may be a call's first round or a later one. */
  async run(
    ctx: ServerContext,
    called: { readonly flow: OfferedFlow; readonly name: string; readonly fields: JsonObject },
  ): Promise<CalledTurn> {
    const { flow, name, fields } = called;
    const state = ctx.mcpReq.requestState<CallState>();
    if (state === undefined || state.offer !== name) {
      const conversation = this.#conversationOf(ctx, name);
      return this.#turn(ctx, { flow, fields, at: { conversation, offer: name, round: 0, nodes: 0 } });
    }
    return this.proceed(ctx, state);
  }

  /** Goes on with what the client was asked within this request. */
  async proceed(ctx: ServerContext, state: CallState): Promise<CalledTurn> {
    const answer = answerOf(ctx.mcpReq.inputResponses);
    // Nothing of use came back: the round before, which is on record, asks again.
    if (answer === undefined) return this.#turn(ctx, { fields: {}, at: { ...state, round: state.round - 1 } });
    return this.#turn(ctx, { ...answer, at: state });
  }

  /** Answers what a conversation waits for. */
  resume(ctx: ServerContext, state: CallState, answer: Answer): Promise<CalledTurn> {
    return this.#turn(ctx, { ...answer, at: state });
  }

  /** Asks the client for what a flow waits for; undefined where the client can't ask anybody. */
  async ask(ctx: ServerContext, turn: CalledTurn): Promise<InputRequiredResult | undefined> {
    const { sdk, handles, offering } = this.#options;
    const asked = this.#requestOf(ctx, turn);
    if (asked === undefined) return undefined;
    const { conversation } = turn.next;
    ctx.mcpReq.signal.addEventListener(
      "abort",
      () => {
        // Who called off the question isn't coming back with an answer; who lost the connection may.
        if (this.#isCalledOff(ctx)) offering.end(conversation).catch(() => undefined);
      },
      { once: true },
    );
    return sdk.inputRequired({ inputRequests: asked, requestState: await handles.seal(turn.next) });
  }

  #requestOf(ctx: ServerContext, turn: OfferedTurn): Record<string, InputRequest> | undefined {
    const { sdk, abilitiesOf } = this.#options;
    const { canElicit, canSample } = abilitiesOf(ctx);
    const { asks, reply } = turn;
    if (asks?.kind === "model")
      return canSample ? { model: sdk.inputRequired.createMessage(asks.request as never) } : undefined;
    if (!canElicit) return undefined;
    const said = textOf(reply, { choices: asks === undefined });
    const message = said === "" ? "An answer is needed to go on" : said;
    const requestedSchema = (asks?.schema ?? REPLY_SCHEMA) as ElicitRequestFormParams["requestedSchema"];
    return { [asks === undefined ? "reply" : "form"]: sdk.inputRequired.elicit({ message, requestedSchema }) };
  }

  async #turn(
    ctx: ServerContext,
    call: Answer & { readonly flow?: OfferedFlow; readonly at: CallState },
  ): Promise<CalledTurn> {
    const { offering, abilitiesOf } = this.#options;
    const { flow, at, ...answer } = call;
    const { conversation, round } = at;
    let nodes = at.nodes;
    const token = ctx.mcpReq._meta?.progressToken;
    const cancel = new AbortController();
    const onAbort = (): void => {
      if (this.#isCalledOff(ctx)) cancel.abort();
    };
    const { signal } = ctx.mcpReq;
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const hasLog = flow?.offer.logs ?? at.logs ?? false;
    try {
      const turn = await offering.call({
        ...answer,
        flow,
        conversation,
        id: `${conversation}:${round}`,
        canSample: abilitiesOf(ctx).canSample,
        signal: cancel.signal,
        onNode: ({ flow: id, node }) => {
          nodes++;
          if (token === undefined) return;
          const params = { progressToken: token, progress: nodes, message: `${id}: ${node}` };
          ctx.mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
        },
        ...(hasLog && {
          onLog: ({ level, message, node }) => {
            ctx.mcpReq.log(level === "warn" ? "warning" : level, message, node).catch(() => undefined);
          },
        }),
      });
      // Nobody has a name for what is left of it.
      if (turn.error?.code === CALLED_OFF) await offering.end(conversation);
      return { ...turn, next: { ...at, round: round + 1, nodes, logs: hasLog } };
    } catch (error) {
      if (isGreenticError(error, CALLED_OFF)) await offering.end(conversation);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tells a request that was called off from one whose connection broke: the latter's turn is durable and goes on. */
  #isCalledOff(ctx: ServerContext): boolean {
    const { signal } = ctx.mcpReq;
    return signal.aborted && !(signal.reason instanceof this.#options.sdk.SdkError);
  }

  #conversationOf(ctx: ServerContext, name: string): string {
    const { connection } = this.#options;
    const key = ctx.mcpReq._meta?.[IDEMPOTENCY_KEY];
    const { id } = ctx.mcpReq;
    const named =
      typeof key === "string" && key !== ""
        ? `key\n${name}\n${key}`
        : `id\n${ctx.sessionId ?? connection}\n${typeof id}\n${id}`;
    return hash("sha256", named, "hex").slice(0, 40);
  }
}

const REPLY_SCHEMA: JsonObject = {
  type: "object",
  properties: { reply: { type: "string", title: "Reply" } },
  required: ["reply"],
};

/** Reads what a client answered; undefined where none of it is an answer. */
function answerOf(responses: Record<string, unknown> | undefined): Answer | undefined {
  const [key, given] = Object.entries(responses ?? {})[0] ?? [];
  if (given === undefined) return undefined;
  const response = readFields(given);
  if (key === "model") return modelAnswer(response);
  const { action, content } = response;
  if (action === "decline" || action === "cancel") return { fields: {}, isDeclined: true };
  if (action !== "accept" || content === undefined || !isJsonObject(content)) return undefined;
  if (key === "form") return { fields: content };
  return typeof content["reply"] === "string" ? { fields: {}, text: content["reply"] } : undefined;
}

/** A model's message as fields of an answer. @see MCP 2025-11-25, sampling/createMessage */
function modelAnswer({ content, model, stopReason }: JsonObject): Answer | undefined {
  if (content === undefined) return undefined;
  const blocks = (Array.isArray(content) ? content : [content]) as readonly JsonValue[];
  const texts = blocks.flatMap((block) =>
    isJsonObject(block) && block["type"] === "text" && typeof block["text"] === "string" ? [block["text"]] : [],
  );
  return { fields: { text: texts.join("\n"), model: model ?? "", stop_reason: stopReason ?? "" } };
}
