import type { SendResult, SinkClass, TokenRate } from "../session/index.ts";
import type {
  ChannelId,
  ChannelMessageEnvelope,
  EnvId,
  ErrorCode,
  JsonValue,
  TeamId,
  TenantId,
} from "../types/index.ts";

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
 */
export type Delivery =
  | { readonly kind: "log" }
  | { readonly kind: "answer" }
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

/** A pace of a channel: sends of the same name share it. */
export interface SendRate {
  /** `bot`, `chat:42`: unique within the channel. */
  readonly name: string;
  readonly rate: TokenRate;
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
  /** Starts fetching messages where the platform is polled; ends when the signal aborts. Messages must be accepted before they are acknowledged. */
  readonly poll?: (accept: (message: ReceivedMessage) => Promise<void>, signal: AbortSignal) => Promise<void>;
  /** Remembers what the platform said of sends, for `readBack`. */
  readonly noteReceipts?: (receipts: readonly Receipt[]) => void;
  /**
   * The values of actions that a projection offers by number, the first one first, since the channel has no buttons for them: an
   * answer that is such a number means that action.
   */
  readonly numbered?: (message: ChannelMessageEnvelope) => readonly string[];
  /** Projects a message to what the channel can show: each value is one send or one log entry. Never drops an action or text silently. */
  readonly project: (message: ChannelMessageEnvelope) => readonly JsonValue[];
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
    },
  ) => Promise<SendResult>;
  /**
   * Looks for a send whose fate is unknown, where the platform can be asked: makes class B what it is. Throws only for programming
   * mistakes.
   */
  readonly readBack?: (send: DoubtfulSend) => Promise<ReadBack>;
}
