import type { SendResult, SinkClass, TokenRate } from "../session/index.ts";
import type {
  Attachment,
  ChannelId,
  ChannelMessageEnvelope,
  EnvId,
  ErrorCode,
  JsonValue,
  TeamId,
  TenantId,
} from "../types/index.ts";
import type { NoteFinding } from "./findings.ts";

/** Where a channel stands: one provider instance of one team. */
export interface ChannelAddress {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly channel: ChannelId;
}

/** A webhook request as it came; verification sees the raw bytes. */
export interface WebhookRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Lower-case names; a repeated header is an array. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/** One message that a provider took out of a request. The runtime overwrites the envelope's tenant from the route. */
export interface ReceivedMessage {
  readonly envelope: ChannelMessageEnvelope;
  /** Unique for this delivery within the channel. */
  readonly dedupeKey: string;
  /** Whether chance made `dedupeKey`: the sender gave no name that a repetition could carry. */
  readonly isUnnamed?: boolean;
  /** How long its name is remembered, where that isn't the channel's own time. */
  readonly dedupeTtlMs?: number;
  readonly conversation: string;
  readonly user: string;
  /** BCP 47, where the platform tells. */
  readonly locale?: string;
  /** Its entry in the conversation's own log, for channels that keep one. */
  readonly log?: JsonValue;
}

/**
 * Something that happened elsewhere and may start flows, in the words of CloudEvents 1.0. The runtime says whose it is: `source` is the
 * channel's.
 */
export interface ReceivedEvent {
  /** Unique for this delivery within the channel. */
  readonly dedupeKey: string;
  /** The sender's name for it, the same in every delivery. */
  readonly id: string;
  /** `github.issues.opened`: flows subscribe to it. */
  readonly type: string;
  /** What it is about, `octo/shop`. */
  readonly subject?: string;
  /** When it happened, milliseconds since the epoch; default when it came. */
  readonly timeMs?: number;
  readonly data: JsonValue;
}

/** Word of a message that has to be fetched: kept on disk before the platform gets its 2xx, completed after it. */
export interface ReceivedNotice {
  /** Unique for this delivery within the channel. */
  readonly dedupeKey: string;
  /** Notices of one lane are completed one after the other, in the order in which they came. */
  readonly lane: string;
  /** What `complete` needs to fetch the message. */
  readonly data: JsonValue;
}

/** What became of a notice: `retry` is tried again, `failed` stays on record as a dead letter. */
export type Completed =
  | { readonly kind: "messages"; readonly messages: readonly ReceivedMessage[] }
  | { readonly kind: "retry"; readonly error: ErrorCode; readonly notBeforeMs: number }
  | { readonly kind: "failed"; readonly error: ErrorCode };

/** When a channel's events come by themselves. */
export interface ProviderTimer {
  readonly times: { readonly cron: string; readonly zone?: string } | { readonly everyMs: number };
  /** What is run of firings that fell into an absence; default `last`. */
  readonly catchUp?: "last" | "all" | "none";
  /** The event of a firing that was due at `atMs`. */
  readonly eventAt: (atMs: number) => ReceivedEvent;
}

/** What a platform says later of a send, by the key that went with it; `failed` where it took the message and then gave it up. */
export type Receipt =
  | { readonly kind: "sent"; readonly idempotencyKey: string; readonly receipt?: string }
  | { readonly kind: "failed"; readonly idempotencyKey: string; readonly receipt?: string; readonly error: ErrorCode };

/** The answer to a webhook request. */
export interface HookAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What a webhook request turned out to be. `refused` looks the same outside whatever the reason: 401 without a body. */
export type Received =
  | {
      readonly kind: "messages";
      readonly messages: readonly ReceivedMessage[];
      readonly events?: readonly ReceivedEvent[];
      readonly notices?: readonly ReceivedNotice[];
      /** What the platform says of earlier sends. */
      readonly receipts?: readonly Receipt[];
      /** What the platform waits for once the messages are durable. Default an empty 200. */
      readonly answer?: HookAnswer;
    }
  | ({ readonly kind: "answer" } & HookAnswer)
  | { readonly kind: "refused"; readonly reason: string };

/**
 * How a channel's replies leave. `log`: being committed to the conversation's log is the delivery. `answer`: the caller waits for the
 * turn, whose report is its answer and is kept with the delivery for repetitions; what a turn says that no message led to goes nowhere.
 * `none`: events come by it, and nobody can be written to there.
 */
export type Delivery =
  | { readonly kind: "log" }
  | { readonly kind: "answer" }
  | { readonly kind: "none" }
  | { readonly kind: "send"; readonly sinkClass: SinkClass };

/** A send whose fate is unknown, as the platform is asked about it. */
export interface DoubtfulSend {
  readonly payload: JsonValue;
  readonly idempotencyKey: string;
  readonly conversation: string;
  /** Before this it can't have been sent, by this host's clock. */
  readonly createdAtMs: number;
  readonly signal: AbortSignal;
}

/**
 * What the platform says of a send in doubt. `unsent` lets it be sent again, so it must be certain. `unknown` is asked again at
 * `notBeforeMs`, or, without one, left to the tenant's policy: this platform will never tell.
 */
export type ReadBack =
  | { readonly kind: "sent"; readonly receipt?: string }
  | { readonly kind: "unsent" }
  | { readonly kind: "unknown"; readonly error: string; readonly notBeforeMs?: number };

/** What a channel is asked to fetch, before the turn of the message that names it, in a worker and never in the platform's request. */
export interface FileRequest {
  /** One attachment of the message, as `receive` or `poll` made it. */
  readonly file: Attachment;
  readonly message: ChannelMessageEnvelope;
  /** The most that is kept; larger files needn't be fetched at all. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * A file as the platform gave it, or why it can't be had: `refused` for good (the flow gets the code), `retry` for now (tried again
 * a few times, and after that refused by the same code).
 */
export type FetchedFile =
  | {
      readonly kind: "fetched";
      /** Read once, no faster than it is kept. Breaking off closes the connection. Throws only GreenticError. */
      readonly content: AsyncIterable<Uint8Array>;
      /** What the platform says of it, where that is better than what the message says. */
      readonly mimeType?: string;
      readonly name?: string;
    }
  | { readonly kind: "refused"; readonly error: ErrorCode }
  | { readonly kind: "retry"; readonly error: ErrorCode };

/** A file that leaves. */
export interface OutgoingFile {
  readonly sizeBytes: number;
  /** Reads it from its beginning, as often as it is called, so that an upload can be repeated. */
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** Gives a sender the files of its tenant; `url` is an attachment's, `blob:…`. Undefined where it isn't kept (any more). */
export type OpenFile = (url: string) => Promise<OutgoingFile | undefined>;

/** A pace of a channel: sends of the same name share it. */
export interface SendRate {
  /** `bot`, `chat:42`: unique within the channel. */
  readonly name: string;
  readonly rate: TokenRate;
}

/** What a typing sign is shown in answer to. */
export interface TypingSign {
  readonly conversation: string;
  /** The platform's name of the message that is being worked on, where the envelope has it (`reply_scope.reply_to`). */
  readonly replyTo?: string;
  /** `reply_scope.correlation` of that message. */
  readonly correlation?: string;
  /** Aborts once the turn is over: a sign that arrives after the reply would stand there for nothing. */
  readonly signal: AbortSignal;
}

/** One configured channel: between a platform and the runtime. */
export interface Provider {
  /** The platform, `webchat` or `telegram`. */
  readonly type: string;
  readonly address: ChannelAddress;
  readonly delivery: Delivery;
  /** Whether a conversation is one request: nobody writes to it again once its flow has ended. */
  readonly isOneOff?: boolean;
  /** The platform's longest redelivery. */
  readonly dedupeTtlMs: number;
  /** The largest request that the platform sends, where that is more than others may. */
  readonly maxBodyBytes?: number;
  /** Verifies and normalises one webhook request; pure but for the clock. */
  readonly receive?: (request: WebhookRequest) => Promise<Received>;
  /**
   * Fetches what a notice told of. A notice may be completed more than once: the messages' own names keep them single. Throws only for
   * programming mistakes: every outcome of the network is a result.
   */
  readonly complete?: (
    notice: JsonValue,
    options: { readonly signal: AbortSignal; readonly attempt: number },
  ) => Promise<Completed>;
  /** When its events come by themselves: once each, whatever number of processes serve it. */
  readonly timer?: ProviderTimer;
  /** Starts fetching messages where the platform is polled; ends when the signal aborts. Messages must be accepted before they are acknowledged. */
  readonly poll?: (accept: (message: ReceivedMessage) => Promise<void>, signal: AbortSignal) => Promise<void>;
  /**
   * Takes messages that come by a protocol of the channel's own, in every process that serves channels; ends when the signal aborts.
   * Messages must be accepted before they are acknowledged.
   */
  readonly listen?: (accept: (message: ReceivedMessage) => Promise<void>, signal: AbortSignal) => Promise<void>;
  /** Tells which attachments of a message are files of the platform that `fetchFile` gets; others stay as they are. Pure. */
  readonly isFile?: (attachment: Attachment) => boolean;
  /**
   * Fetches a file with the channel's own credentials, from the platform's own hosts alone. The same request may come again after a
   * crash. Throws only for programming mistakes: every outcome of the network is a result.
   */
  readonly fetchFile?: (request: FileRequest) => Promise<FetchedFile>;
  /** Remembers what the platform said of sends, for `readBack`. */
  readonly noteReceipts?: (receipts: readonly Receipt[]) => void;
  /**
   * The values of actions that a projection offers by number, the first one first, since the channel has no buttons for them: an
   * answer that is such a number means that action.
   */
  readonly numbered?: (message: ChannelMessageEnvelope) => readonly string[];
  /**
   * Projects a message to what the channel can show: each value is one send or one log entry. What it can't show as it is, `note` hears
   * of: no element, action or text is dropped silently. A file has a `blob:` url, its name and its size; a payload holds that url, never
   * the bytes, and `send` opens it.
   */
  readonly project: (message: ChannelMessageEnvelope, note?: NoteFinding) => readonly JsonValue[];
  /**
   * When the next send to a conversation may begin, as far as this process knows, in wall-clock milliseconds; now or earlier means at
   * once. Asked before the attempt is begun on record, so that waiting for a channel's pace costs neither an attempt nor a doubt.
   */
  readonly readyAtMs?: (conversation: string) => number;
  /** The paces of a send to a conversation, widest first: where several processes send, each send takes one token of each. */
  readonly sendRates?: (conversation: string) => readonly SendRate[];
  /** Sends one projected payload. Throws only for programming mistakes: every outcome of the network is a result. */
  readonly send?: (
    payload: JsonValue,
    options: {
      readonly idempotencyKey: string;
      readonly conversation: string;
      readonly signal: AbortSignal;
      /** How often it was tried before. */
      readonly attempt?: number;
      /** Opens the files that the payload names. Absent where none are kept. */
      readonly openFile?: OpenFile;
    },
  ) => Promise<SendResult>;
  /**
   * Shows a person that their message is being worked on, for some seconds, after which it is asked again while the turn runs. Takes no
   * token of a send's pace, and shows nothing where a send is near its limit. Best effort: whatever it throws changes nothing.
   */
  readonly showTyping?: (sign: TypingSign) => Promise<void>;
  /**
   * Looks for a send whose fate is unknown, where the platform can be asked: makes class B what it is. Throws only for programming
   * mistakes.
   */
  readonly readBack?: (send: DoubtfulSend) => Promise<ReadBack>;
}
