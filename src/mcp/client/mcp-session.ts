import type {
  CallToolResult,
  Client,
  ElicitRequest,
  JsonSchemaValidatorResult,
  ElicitResult,
  Progress,
  Tool,
  Transport,
} from "@modelcontextprotocol/client";
import type { JsonObject, World } from "../../types/index.ts";
import { GreenticError, quote, VERSION } from "../../types/index.ts";
import type { AnswerElicitation, Elicitation, ElicitationAnswer } from "../elicitation.ts";
import { answerTo } from "../elicitation.ts";
import type { ToolProgress } from "../tool-backend.ts";
import { readElicitation } from "./read-elicitation.ts";

/** A transport and how to say goodbye through it. */
export interface SessionTransport {
  readonly transport: Transport;
  /** Ends the session at the server, before the transport is closed. */
  readonly farewell?: () => Promise<void>;
  /** Trades the consent that a person gave for tokens; false where nobody gave one. */
  readonly finishConsent?: () => Promise<boolean>;
}

export interface SessionOptions {
  /** The server's name in messages. */
  readonly name: string;
  readonly world: World;
  /** Directories that the server is told of; undefined offers no roots. */
  readonly roots: readonly string[] | undefined;
  /** Speaks 2026-07-28, without a handshake; default the revisions before, which begin with `initialize`. */
  readonly isModern?: boolean;
}

/** One call through a session. */
export interface SessionCall {
  readonly tool: string;
  readonly input: JsonObject;
  /** How long the server may be silent. */
  readonly timeoutMs: number;
  /** How long the call may take though it tells of its progress. */
  readonly maxTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly answers: readonly ElicitationAnswer[];
  readonly answerNow: AnswerElicitation | undefined;
  readonly onProgress: ((progress: ToolProgress) => void) | undefined;
  /** Names the attempt for servers that know how not to do a thing twice. */
  readonly idempotencyKey: string | undefined;
}

/** What a call came to: the server's result, or what it asked of the person first. */
export type SessionResult =
  | { readonly kind: "result"; readonly result: CallToolResult }
  | { readonly kind: "elicit"; readonly elicitation: Elicitation };

interface RunningCall {
  readonly answers: readonly ElicitationAnswer[];
  readonly answerNow: AnswerElicitation | undefined;
  asked: Elicitation | undefined;
  /** Told when the server asks what nobody has answered. */
  readonly onAsked: () => void;
}

const MODERN = "2026-07-28";
const CONNECT_MS = 30_000;
const FAREWELL_MS = 1_000;
/** How long a server may take to end a call whose question was cancelled. */
const ASKED_MS = 2_000;
const MAX_DELAY = 2_147_483_647;

/**
 * One connection to an MCP server, for one call at a time: a server's questions don't say which call they are for, so that two
 * calls at once could show one person's question to another.
 */
export class McpSession {
  readonly #client: Client;
  readonly #to: SessionTransport;
  readonly #options: SessionOptions;
  /** Notifications and answers on their way. */
  readonly #sending = new Set<Promise<void>>();
  #tools: Promise<readonly Tool[]> | undefined;
  #running: RunningCall | undefined;
  #isLost = false;
  #hasAborted = false;

  private constructor(client: Client, to: SessionTransport, options: SessionOptions) {
    this.#client = client;
    this.#to = to;
    this.#options = options;
  }

  /** Connects and shakes hands. @throws MCP_SERVER_UNAVAILABLE and what the transport and the SDK throw */
  static async open(to: SessionTransport, options: SessionOptions): Promise<McpSession> {
    const { Client: McpClient } = await import("@modelcontextprotocol/client");
    const { roots } = options;
    const session: { current?: McpSession } = {};
    const client = new McpClient(
      { name: "greentic", version: VERSION },
      {
        capabilities: {
          elicitation: { form: { applyDefaults: true }, url: {} },
          ...(roots === undefined ? {} : { roots: {} }),
        },
        versionNegotiation: { mode: options.isModern === true ? { pin: MODERN } : "legacy" },
        // The SDK would make code of strangers' schemas; ours walks them, and is asked where the result is read.
        jsonSchemaValidator: {
          getValidator: <T>() => trust<T>,
        },
        listChanged: {
          tools: { autoRefresh: false, debounceMs: 0, onChanged: () => session.current?.forgetTools() },
        },
      },
    );
    client.setRequestHandler(
      "elicitation/create",
      (request) => session.current?.answer(request) ?? { action: "cancel" },
    );
    if (roots !== undefined) {
      const { pathToFileURL } = await import("node:url");
      client.setRequestHandler("roots/list", () => ({
        roots: roots.map((root) => ({ uri: pathToFileURL(root).href })),
      }));
    }
    const made = new McpSession(client, to, options);
    session.current = made;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has no other
    client.onclose = () => (made.#isLost = true);
    // Every failure that matters fails a request too; the rest is noise of streams that are opened again.
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has no other
    client.onerror = () => undefined;
    made.#watchSends();
    try {
      await made.#bounded(CONNECT_MS, "Connect to", (signal) =>
        client.connect(to.transport, { signal, timeout: MAX_DELAY }),
      );
    } catch (error) {
      await to.transport.close().catch(() => undefined);
      throw error;
    }
    return made;
  }

  /** True where the session must not be used again. */
  get isSpent(): boolean {
    return this.#isLost || this.#hasAborted;
  }

  /** The server's tools, all pages of them; read again after the server said that they changed. */
  tools(): Promise<readonly Tool[]> {
    if (this.#tools === undefined) {
      const listing = this.#bounded(CONNECT_MS, "List the tools of", async (signal) => {
        const options = { signal, timeout: MAX_DELAY, cacheMode: "refresh" } as const;
        const { tools } = await this.#consenting(() => this.#client.listTools(undefined, options));
        return tools;
      });
      this.#tools = listing;
      listing.catch(() => {
        if (this.#tools === listing) this.#tools = undefined;
      });
    }
    return this.#tools;
  }

  forgetTools(): void {
    this.#tools = undefined;
  }

  /** Gives the session up: its server doesn't know it any more. */
  discard(): void {
    this.#isLost = true;
  }

  /** Calls a tool. @throws MCP_CALL_TIMEOUT and what the transport and the SDK throw */
  async call(call: SessionCall): Promise<SessionResult> {
    const { world } = this.#options;
    const stop = new AbortController();
    const late = (): void => stop.abort(this.#timeout("Call a tool of"));
    let silence = world.schedule(call.timeoutMs, late);
    const cancelMax = world.schedule(Math.max(call.timeoutMs, call.maxTimeoutMs), late);
    const giveUp = (): void => stop.abort(this.#timeout("Call a tool of"));
    if (call.signal?.aborted === true) giveUp();
    call.signal?.addEventListener("abort", giveUp, { once: true });
    let cancelAsked: (() => void) | undefined;
    const running: RunningCall = {
      answers: call.answers,
      answerNow: call.answerNow,
      asked: undefined,
      onAsked: () => (cancelAsked ??= world.schedule(ASKED_MS, () => stop.abort())),
    };
    this.#running = running;
    try {
      const { idempotencyKey } = call;
      const request = {
        name: call.tool,
        arguments: call.input,
        ...(idempotencyKey === undefined ? {} : { _meta: { "greentic.ai/idempotency-key": idempotencyKey } }),
      };
      const options = {
        signal: stop.signal,
        timeout: MAX_DELAY,
        onprogress: ({ progress, total }: Progress) => {
          silence();
          silence = world.schedule(call.timeoutMs, late);
          call.onProgress?.({ progress, ...(total === undefined ? {} : { total }) });
        },
      };
      const result = await this.#consenting(() => this.#client.callTool(request, options));
      if (running.asked !== undefined) return { kind: "elicit", elicitation: running.asked };
      return { kind: "result", result };
    } catch (error) {
      // What the server says after its question was cancelled is about the cancelling.
      if (running.asked !== undefined && call.signal?.aborted !== true) {
        return { kind: "elicit", elicitation: running.asked };
      }
      if (stop.signal.aborted) throw stop.signal.reason;
      throw error;
    } finally {
      // A server that goes on with a call that was given up may still ask about it.
      if (stop.signal.aborted) this.#hasAborted = true;
      this.#running = undefined;
      silence();
      cancelMax();
      cancelAsked?.();
      call.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Answers a question of the server with what the person said already, or cancels it and keeps it for the person. */
  answer({ params }: ElicitRequest): ElicitResult {
    const running = this.#running;
    const elicitation = readElicitation(params);
    if (running === undefined || elicitation === undefined) return { action: "cancel" };
    const said = answerTo(elicitation, running.answers) ?? running.answerNow?.(elicitation);
    if (said === undefined) {
      running.asked ??= elicitation;
      running.onAsked();
      return { action: "cancel" };
    }
    if (said.action !== "accept" || said.content === undefined) return { action: said.action };
    return { action: "accept", content: said.content as NonNullable<ElicitResult["content"]> };
  }

  /** Says goodbye and closes; what is still to be said is said first. */
  async close(): Promise<void> {
    const { world } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = world.schedule(FAREWELL_MS, resolve);
    const goodbye = async (): Promise<void> => {
      await Promise.allSettled(this.#sending);
      if (!this.#isLost) await this.#to.farewell?.();
    };
    await Promise.race([goodbye().catch(() => undefined), promise]);
    cancel();
    this.#isLost = true;
    await this.#client.close().catch(() => undefined);
  }

  /** Keeps count of what isn't a request, so that a session isn't closed on its last words. */
  #watchSends(): void {
    const { transport } = this.#to;
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      const sent = send(message, options);
      if (!("method" in message && "id" in message)) {
        const settled = sent.catch(() => undefined).finally(() => this.#sending.delete(settled));
        this.#sending.add(settled);
      }
      return sent;
    };
  }

  /** Repeats what a server refused for want of a consent that a person gave meanwhile. */
  async #consenting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(await hasConsented(this.#to, error))) throw error;
      return work();
    }
  }

  async #bounded<T>(ms: number, doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const cancel = this.#options.world.schedule(ms, () => stop.abort(this.#timeout(doing)));
    try {
      return await work(stop.signal);
    } catch (error) {
      throw stop.signal.aborted ? (stop.signal.reason as GreenticError) : error;
    } finally {
      cancel();
    }
  }

  #timeout(doing: string): GreenticError {
    return new GreenticError("MCP_CALL_TIMEOUT", `${doing} MCP server ${quote(this.#options.name)}: no answer in time`);
  }
}

/** Tells whether a failure was for want of a consent that a person has given since. */
export async function hasConsented({ finishConsent }: SessionTransport, error: unknown): Promise<boolean> {
  const { UnauthorizedError } = await import("@modelcontextprotocol/client");
  return finishConsent !== undefined && error instanceof UnauthorizedError && finishConsent();
}

function trust<T>(data: unknown): JsonSchemaValidatorResult<T> {
  return { valid: true, data: data as T, errorMessage: undefined };
}
