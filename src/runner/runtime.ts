import type { CallStats } from "../component/index.ts";
import type { RetentionConfig } from "../config/index.ts";
import type { Offer } from "../flow/index.ts";
import type {
  FileKeeper,
  Provider,
  Receipt,
  ReceivedEvent,
  ReceivedMessage,
  ReceivedNotice,
} from "../messaging/index.ts";
import type { ConsentEnd } from "../oauth/index.ts";
import type { PackApp } from "./load-pack.ts";
import type { WebAnswer } from "./web-files.ts";
import type { Accepted, SessionStore } from "../session/index.ts";
import type {
  ChannelMessageEnvelope,
  EnvId,
  JsonObject,
  JsonValue,
  OutcomeError,
  SessionKeyText,
  TeamId,
  TenantId,
} from "../types/index.ts";

/** Whose pack or channel something is; `team` absent means every team of the tenant. */
export interface Scope {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team?: TeamId;
}

/** One node that a turn ran, as `runner run-flow --json` prints it. */
export interface StepReport {
  readonly flow: string;
  readonly node: string;
  readonly kind: string;
  readonly outcome: string;
  readonly durationMs: number;
  readonly stats?: CallStats;
}

/** How one turn ended, for callers that wait for it. @see cli.md, JSON of what judges */
export interface TurnReport {
  readonly status: "done" | "waiting" | "error";
  readonly reply: readonly ChannelMessageEnvelope[];
  readonly output: JsonValue;
  readonly session: SessionKeyText;
  readonly waitingAt?: string;
  /** What an answer to a waiting flow would be, for callers that can show a form or lend a model. */
  readonly asks?: Ask;
  readonly error?: OutcomeError & { readonly node?: string };
  readonly steps: readonly StepReport[];
}

/** What a flow waits for, where its node can say so: fields of a form, or a language model's answer. */
export type Ask =
  /** JSON Schema of an object with primitive fields; the answer's fields go into a message. */
  | { readonly kind: "form"; readonly schema: JsonObject }
  /** A request for one message of a model; the answer is `{ text, model, stop_reason }`. */
  | { readonly kind: "model"; readonly request: JsonObject };

/** A flow that programs of others may call. */
export interface FlowOffer {
  readonly pack: string;
  readonly packHash: string;
  readonly flow: string;
  readonly offer: Offer;
  readonly title?: string;
  readonly description?: string;
  readonly parameters: JsonObject;
}

/** A pack as the runtime holds it. */
export interface PackSummary {
  readonly name: string;
  readonly version: string;
  readonly packHash: string;
  readonly scope: Scope;
  readonly flows: readonly { readonly id: string; readonly type: string; readonly nodes: number }[];
  readonly components: readonly string[];
  readonly tools: readonly string[];
}

/** What one message should run, where the caller chooses it instead of the router. */
export interface FlowChoice {
  readonly pack?: string;
  readonly flow?: string;
  readonly entry?: string;
  /** Nothing in the message chooses another flow: no command, no card's flow. */
  readonly isFixed?: boolean;
  /** The message is an answer: where no flow waits for it any more, none starts. */
  readonly isAnswer?: boolean;
}

/** The running host: everything that the gateway, the command line and tests do goes through here. */
export interface Runtime extends AsyncDisposable {
  readonly store: SessionStore;
  /** Keeps files; absent where none are kept. */
  readonly files?: FileKeeper | undefined;
  /** How long what people say is kept, as it counts now. */
  readonly retention: RetentionConfig;
  /** Appends a message to its session's inbox and wakes a worker; durable when it resolves. The flow runs later. */
  accept(provider: Provider, message: ReceivedMessage): Promise<Accepted>;
  /** Appends an event to the inbox; durable when it resolves. Every flow that wants it starts later, once. */
  acceptEvent(provider: Provider, event: ReceivedEvent): Promise<Accepted>;
  /** Appends word of a message that is to be fetched; durable when it resolves. The channel fetches it later. */
  acceptNotice(provider: Provider, notice: ReceivedNotice): Promise<Accepted>;
  /** Wakes the flow that waits for a consent, once however often it is told; durable when it resolves. @throws RUNNER_CHANNEL_MISSING */
  acceptConsent(end: ConsentEnd): Promise<void>;
  /** Hands on what a platform said of earlier sends, to whichever process has one of them in doubt; what gets lost on the way is read back or left to policy. */
  noteReceipts(provider: Provider, receipts: readonly Receipt[]): void;
  /**
   * Accepts a message and waits for its turn's end: synchronous webhooks and `run-flow`.
   * Aborting `signal` ends the turn where it is, without effects from then on: its report says RUNNER_TURN_CANCELLED.
   * @throws RUNNER_TURN_TIMEOUT when the turn takes longer; the message stays accepted.
   */
  request(
    provider: Provider,
    message: ReceivedMessage,
    options: { readonly timeoutMs: number; readonly choice?: FlowChoice; readonly signal?: AbortSignal },
  ): Promise<TurnReport>;
  /** Calls `listener` after each commit that appended to the conversation's log, or that answered who waits for it. Returns how to stop. */
  watchLog(conversation: string, listener: () => void): () => void;
  /** Calls `listener` every few seconds while a turn of a conversation takes longer than a second, in this process or another. Returns how to stop. */
  watchTyping(conversation: string, listener: () => void): () => void;
  /** Finds a channel's provider; undefined where there is none. */
  channel(scope: Scope, channel: string): Provider | undefined;
  listPacks(): readonly PackSummary[];
  /** Lists what the flows offer that a team can start, the team's own packs before the tenant's. */
  listOffers(scope: Scope): readonly FlowOffer[];
  /** Finds what the packs of a team show the web at a path; undefined where none shows anything. */
  webFile(scope: Scope, path: string): WebAnswer | undefined;
  /** Calls `listener` after every pack that comes, changes or goes. Returns how to stop. */
  watchPacks(listener: () => void): () => void;
  /**
   * Loads a pack, or a new version of one, and swaps it in at once; sessions in flight stay on the version that they started with.
   * Nothing changes where loading fails. @throws the flow, component and mcp layers' errors, with positions
   */
  loadPack(app: PackApp): Promise<PackSummary>;
  /** Loads an older version for the sessions that may still wait on it; no flow starts with it. @throws what `loadPack` throws */
  retainPack(app: PackApp): Promise<void>;
  /** Takes a version out for its signers' sake: no flow starts with it any more, and what waits on it doesn't go on. */
  revokePack(scope: Scope, pack: { readonly name: string; readonly packHash: string }): void;
  /** Takes a pack out: no new flow starts with it, what waits on it goes on. @throws RUNNER_PACK_MISSING */
  unloadPack(scope: Scope, name: string): void;
  /** Starts the loops: turns, sends, sweeps, polls. */
  start(): void;
  /** Stops intake, finishes leases and sends at hand, then closes the store; at most `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}
