import type { StateChange } from "../state/index.ts";
import type {
  ChannelId,
  ChannelMessageEnvelope,
  ConversationId,
  EnvId,
  ErrorCode,
  JsonValue,
  SessionKeyText,
  TeamId,
  TenantId,
  UserId,
} from "../types/index.ts";

/** Where a session's flow stands. */
export interface Cursor {
  readonly flow: string;
  readonly node: string;
}

/**
 * What outlives a turn. Everything that the engine needs to go on is in `snapshot`, which the store keeps as it is; its size must
 * not grow with past turns.
 */
export interface SessionRecord {
  /** Absent while no flow is running. */
  readonly cursor?: Cursor;
  readonly waitReason?: string;
  readonly pack: string;
  /** Hex hash of the pack that the running flow started with. */
  readonly packHash: string;
  readonly locale: string;
  /** Counts commits, from 1. */
  readonly revision: number;
  readonly expiresAtMs?: number;
  readonly snapshot: JsonValue;
}

/** A message on its way in. */
export interface IngressEntry {
  readonly key: SessionKeyText;
  /** The platform's name for this delivery, unique per channel; a redelivery carries the same. At most 256 characters. */
  readonly dedupeKey: string;
  /** By the caller's clock; a store that several processes share keeps its own time instead, by which timers fall due too. */
  readonly receivedAtMs: number;
  /** 32 hex digits. */
  readonly traceId: string;
  readonly envelope: ChannelMessageEnvelope;
  /** How long `dedupeKey` is remembered: the channel's longest redelivery. */
  readonly dedupeTtlMs: number;
  /** Whether chance made `dedupeKey`, so that nobody can repeat it: where the lease goes to the caller, the delivery isn't remembered. */
  readonly isUnnamed?: boolean;
  /** What to append to the conversation's log in the same commit (channels that keep their own log). */
  readonly log?: JsonValue;
  /** How long the conversation's log keeps each entry, old and new, from then on; see {@link SessionStore.readLog}. */
  readonly logKeepMs?: number;
}

/** What `accept` says. `logIndex` is the log entry made by this delivery, or by the first one where this is a duplicate. */
export interface Accepted {
  readonly kind: "accepted" | "duplicate";
  readonly logIndex?: number;
  /** Of a duplicate: what the turn of the first delivery answered, where it has committed and gave one. */
  readonly answer?: JsonValue;
  /** Where `leaseTo` was asked for, the entry was new and the session was free. */
  readonly lease?: Lease;
}

/** An unread message of a session. `order` rises with arrival within the session. */
export interface InboxEntry {
  readonly order: number;
  readonly dedupeKey: string;
  readonly receivedAtMs: number;
  readonly traceId: string;
  readonly envelope: ChannelMessageEnvelope;
  /** True where its delivery isn't remembered, so that no answer to it can be kept. */
  readonly isForgotten?: boolean;
}

/** Something that a session asked to be woken for. One living timer per (session, onceKey): a new one replaces the old. */
export interface Timer {
  readonly onceKey: string;
  readonly dueAtMs: number;
  readonly payload: JsonValue;
}

/** The journaled outcome of a node with outside effects, inside one turn. `turn` is the session's revision that the turn will commit. */
export interface Step {
  readonly turn: number;
  readonly seq: number;
  readonly node: string;
  /** Hash of what went in; a recovered turn whose input differs must not reuse the outcome. */
  readonly inputHash: string;
  readonly outcome: JsonValue;
}

/**
 * The right to run one session's turns. Past its time to live another worker may take it over (with a greater fence); until one
 * does, the old fence still counts.
 */
export interface Lease {
  readonly key: SessionKeyText;
  readonly worker: string;
  /** Greater than every fence that any lease of this session ever had, across restarts. */
  readonly fence: number;
  readonly session: SessionRecord | undefined;
  /** Unread messages in order, at most 16. */
  readonly inbox: readonly InboxEntry[];
  /** Due timers in order of their time. */
  readonly timers: readonly Timer[];
  /** All state of the session: `prefix/key` → value. */
  readonly state: ReadonlyMap<string, JsonValue>;
  /** Outcomes that a crashed turn left behind, by seq. */
  readonly steps: readonly Step[];
  /**
   * How often the turn that this lease is for was begun and neither committed nor released, as far as the store knows: its worker died
   * or fell silent. A store whose leases end with it counts its own openings that found the session unread. 0 where all is well.
   */
  readonly attempt: number;
}

/** By what a send can be made exactly once. A: idempotent; B: read back; C: opaque. @see turns.md */
export type SinkClass = "A" | "B" | "C";

/** A reply or action that the commit puts in the outbox. */
export interface NewOutboxRow {
  /** The idempotency key of the send; no row that is yet to be sent may have the same. */
  readonly id: string;
  readonly provider: string;
  readonly sinkClass: SinkClass;
  readonly payload: JsonValue;
  readonly traceId: string;
}

export type OutboxStatus = "queued" | "sending" | "sent" | "failed" | "unknown" | "abandoned";

/** A row of the outbox. Rows of one conversation leave in `order`, one at a time; a `queued` or `unknown` row holds the later ones back. */
export interface OutboxRow extends NewOutboxRow {
  readonly key: SessionKeyText;
  readonly order: number;
  readonly status: OutboxStatus;
  /** How often a send of it was begun. */
  readonly attempts: number;
  /** True from the moment its fate was unknown, for ever. */
  readonly wasUnknown: boolean;
  readonly notBeforeMs: number;
  readonly createdAtMs: number;
  /** The last failure's code; never the platform's text. */
  readonly lastError?: string;
  /** When it was over; absent while it is yet to be sent, and where an earlier version of the store saw its end. */
  readonly endedAtMs?: number;
}

/**
 * How one attempt to send ended. `sent` and `unknown` need a `beginSend` on record; the others are also ways to give a claim back
 * before it (`retry`) or to give the row up. `notBeforeMs` delays the row and, to keep the order, its conversation.
 */
export type SendResult =
  | { readonly kind: "sent"; readonly receipt?: string }
  | { readonly kind: "retry"; readonly error: string; readonly notBeforeMs: number }
  | { readonly kind: "failed"; readonly error: string }
  | { readonly kind: "unknown"; readonly error: string; readonly notBeforeMs?: number }
  | { readonly kind: "abandoned"; readonly error: string };

/** Everything one turn changes, in one commit. */
export interface TurnCommit {
  /** The new record; `null` ends the session: its state and older timers go with it, what is unread stays for the next one. */
  readonly session: SessionRecord | null;
  /** Orders of the unread inbox entries that this turn consumed. */
  readonly consumed: readonly number[];
  /** Entries that could not be handled, with the code of why; they leave the inbox for the dead letters (no need to name them in `consumed` too). */
  readonly deadLetters?: readonly { readonly order: number; readonly reason: string }[];
  readonly state: readonly StateChange[];
  /** Once-keys of timers that this turn fired or no longer wants. */
  readonly timersDone: readonly string[];
  readonly timersNew: readonly Timer[];
  readonly outbox: readonly NewOutboxRow[];
  /** Activities for the conversation's own log: delivered by being committed. */
  readonly log: readonly JsonValue[];
  /** As of {@link IngressEntry}; counts where `log` has entries. */
  readonly logKeepMs?: number;
  /** Answers to unread entries that leave the inbox with this turn; each is kept as long as the entry's delivery is remembered. */
  readonly answers?: readonly { readonly order: number; readonly answer: JsonValue }[];
  /** What operators are shown of the turn; kept as it is, at most `JOURNAL_TURNS_MAX` turns of a session and `JOURNAL_RETENTION_MS` long. */
  readonly journal?: JsonValue;
}

/** One committed turn as operators are shown it. */
export interface JournalEntry {
  /** The session's revision that the turn committed. */
  readonly revision: number;
  readonly atMs: number;
  readonly turn: JsonValue;
}

/** Whose records to erase: everything of a tenant, or of what is named beside it. */
export interface Erasure {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team?: TeamId;
  readonly channel?: ChannelId;
  readonly conversation?: ConversationId;
  readonly user?: UserId;
}

/** What was erased. */
export interface Erased {
  readonly sessions: number;
  readonly deadLetters: number;
  readonly rows: number;
  /** Logs of whole conversations; one that others took part in goes too, since its entries don't say whose they are. */
  readonly logs: number;
}

/** How fast something may be done: `capacity` at once, `perSecond` in the long run. */
export interface TokenRate {
  readonly capacity: number;
  readonly perSecond: number;
}

/** What waits in a store, for metrics. Times are wall-clock milliseconds. */
export interface StoreStats {
  readonly unread: number;
  readonly oldestUnreadAtMs?: number;
  readonly queued: number;
  readonly oldestQueuedAtMs?: number;
  readonly unknown: number;
  readonly failed: number;
  readonly deadLetters: number;
  /** Those that have a record. */
  readonly sessions: number;
}

/** One activity of a conversation's log; `index` counts from 0 without gaps, and goes on where entries are past their time. */
export interface LogEntry {
  readonly index: number;
  readonly activity: JsonValue;
}

/** Which entries of a log to read: those behind an index, oldest first, and none that is as old as `keepMs`. */
export interface LogRange {
  readonly after: number;
  readonly limit: number;
  readonly keepMs?: number | undefined;
}

/** A message that no turn could handle. */
export interface DeadLetter extends Omit<InboxEntry, "isForgotten"> {
  readonly key: SessionKeyText;
  /** The code of why. */
  readonly reason: string;
  readonly diedAtMs: number;
}

/** What is overdue and wants to be announced again. */
export interface Overdue {
  /** Free sessions (never leased, given back or with an expired lease) that have unread messages or due timers; at most 1,000. */
  readonly sessions: readonly SessionKeyText[];
  /** Whether `claimSends` would find a row. */
  readonly sends: boolean;
  /** When the next timer is due, if any. */
  readonly nextTimerAtMs?: number;
}

/** A row of `gtc session list`. */
export interface SessionSummary {
  readonly key: SessionKeyText;
  readonly session: SessionRecord | undefined;
  readonly unread: number;
}

/** Who wants the lease of the session that a message arrives for. */
export interface LeaseTo {
  readonly worker: string;
  readonly ttlMs?: number;
}

export interface SessionFilter {
  readonly tenant?: TenantId;
  /** Default 100. */
  readonly limit?: number;
}

/** How long a lease lives without `renew`, unless asked otherwise. */
export const LEASE_TTL_MS = 30_000;
/** How long a sender may hold a row, unless asked otherwise. */
export const CLAIM_TTL_MS = 60_000;
/** Unread messages that one lease carries at most. */
export const LEASE_INBOX_MAX = 16;
/** What a row that an operator gave up has for its last failure. */
export const SEND_GIVEN_UP = "STORE_SEND_GIVEN_UP" satisfies ErrorCode;
/** How long rows that were sent stay listed. */
export const SENT_RETENTION_MS = 24 * 3_600_000;
/** Turns that a session's journal keeps. */
export const JOURNAL_TURNS_MAX = 50;
/** How long a turn stays in the journal. */
export const JOURNAL_RETENTION_MS = 7 * 24 * 3_600_000;
/** Entries that a conversation's log keeps. */
export const LOG_ENTRIES_MAX = 500;
/** How long a conversation's log stays after its last entry, and its count of entries in any case. */
export const LOG_RETENTION_MS = 30 * 24 * 3_600_000;

/**
 * The memory of conversations. Every promise is that of turns.md: what resolves is durable (for stores that keep anything), one
 * commit is all or nothing, and a stale fence changes nothing.
 */
export interface SessionStore extends AsyncDisposable {
  /** Whether anything survives the process. */
  readonly isDurable: boolean;
  /**
   * Appends to the session's inbox; the same dedupe key of the same channel never makes a second entry. With `leaseTo` a free
   * session is leased in the same step, which saves a worker in this process one round trip a turn.
   * @throws STORE_UNAVAILABLE, STORE_READ_ONLY; RangeError for a dedupe key above 256 characters
   */
  accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted>;
  /** Leases sessions with unread inbox or due timers: of `keys` where given, else any. At most one living lease a session. */
  lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]>;
  /** Lets a lease live `ttlMs` from now; false once the fence has moved on. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** Gives a lease back without a commit; harmless when the fence has moved on. */
  release(lease: Lease): Promise<void>;
  /** Journals an effect's outcome; the same (turn, seq) twice returns the first. @throws STORE_FENCE_STALE */
  record(lease: Lease, step: Step): Promise<Step>;
  /**
   * Commits a turn and, unless `keep` is set, gives the lease back. With `keep` it returns the lease to go on with: same fence,
   * new record, what is unread now; undefined where nothing is left to do.
   * @throws STORE_FENCE_STALE, STORE_ROW_DUPLICATE; RangeError where an order is named that is not unread. Nothing has changed then.
   */
  commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined>;

  /**
   * Claims the next row of up to `limit` conversations: the oldest that is `queued` or `unknown` (to be resolved by its sink class)
   * and not delayed. Claims expire after `ttlMs`; an expired claim that had begun becomes `unknown`. A claim is spent when another
   * one takes its row.
   */
  claimSends(
    sender: string,
    options: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]>;
  /** Records that the attempt starts (the row becomes `sending`); durable before the request's first byte. `row` is what `claimSends` gave. @throws STORE_CLAIM_LOST */
  beginSend(row: OutboxRow, sender: string): Promise<void>;
  /** Records how the attempt ended; durable before the next row of that conversation is claimed. @throws STORE_CLAIM_LOST, STORE_SEND_NOT_BEGUN */
  endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void>;
  /**
   * Lets a sender's claims live `ttlMs` from now where they are still its own, and says of which rows they are, by id. Absent where claims end with the process that made them,
   * so that they can last longer than any send.
   */
  renewSends?(rows: readonly OutboxRow[], sender: string, ttlMs: number): Promise<ReadonlySet<string>>;
  /** Lists rows, newest first. */
  listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]>;
  /** Puts a failed, unknown or abandoned row back to `queued`; false where there is none. */
  retrySend(id: string): Promise<boolean>;
  /**
   * Gives up a row that is `queued` or `unknown`: it becomes `abandoned`, with the code {@link SEND_GIVEN_UP}, and the rows behind it go on.
   * False where there is none, and where a sender holds it.
   */
  abandonSend(id: string): Promise<boolean>;
  /** Forgets the row of that order where it is over (sent, failed or abandoned); false where there is none, and where it is yet to be sent. */
  dropSend(order: number): Promise<boolean>;
  /** Lists dead letters, newest first. */
  listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]>;
  /** Puts a dead letter back into its session's inbox, as its newest entry; false where there is none (so it works once). */
  redrive(order: number): Promise<boolean>;
  /** Forgets a dead letter; false where there is none. */
  dropDeadLetter(order: number): Promise<boolean>;

  /**
   * Reads a conversation's log after an index (-1 for all), oldest first. `conversation` is the key of its sessions without the user part.
   * Where its last entry was appended with a `logKeepMs`, entries that old are told no more, and sweeps drop them; else the log stays
   * as a whole for {@link LOG_RETENTION_MS} after its last entry. With `keepMs` entries that old aren't told either, whatever was said.
   */
  readLog(conversation: string, options: LogRange): Promise<readonly LogEntry[]>;

  /** Reads one session; undefined where it has neither a record nor unread messages nor timers. */
  read(key: SessionKeyText): Promise<SessionSummary | undefined>;
  /** Lists sessions in the order of their keys, those behind `after` alone where one is named. */
  list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]>;
  /** Reads what is kept of a session's last committed turns, oldest first; `limit` takes the newest. They outlive the session. */
  readJournal(key: SessionKeyText, options: { readonly limit: number }): Promise<readonly JournalEntry[]>;
  /**
   * Takes tokens out of a bucket that all processes over this store share, or none. Returns 0 where they were taken, else the
   * milliseconds until there may be enough. A negative count gives back, up to the capacity. Buckets are paces, not records: they need not survive the store. @throws RangeError where more
   * is asked for than the capacity
   */
  takeTokens(bucket: string, rate: TokenRate, tokens?: number): Promise<number>;
  /** Counts what waits; of a store that is shared, of all processes together. May be up to a second old. */
  stats(): Promise<StoreStats>;
  /**
   * How much a tenant's sessions take: the UTF-8 bytes of the JSON texts of their records, and of the names and JSON texts of their state. Changes
   * made meanwhile may be missed. Counts when it is asked, in bounded steps, so that no turn pays for it; ask every some seconds.
   */
  storedBytes(whose: Pick<Erasure, "env" | "tenant">): Promise<number>;
  /**
   * Erases what is kept of people: records, state, unread messages, timers, steps, journals, outbox rows (a send that is under way still
   * ends), dead letters, answers and logs. Leases turn stale. Dedupe keys stay until they expire; they carry no texts.
   */
  erase(whose: Erasure): Promise<Erased>;
  /** Ends a session at once: record, state, unread inbox and timers go, and any lease of it turns stale. */
  end(key: SessionKeyText): Promise<boolean>;
  /**
   * Tells what is overdue; drops expired dedupe keys, sent rows, logs and their entries past retention and expired sessions that are free and have
   * nothing unread; changes nothing else. What it drops in one call is bounded, so call it again and again.
   */
  sweep(nowMs: number): Promise<Overdue>;
}

/** How long a log, or its count of entries alone, stays after its last entry where that was kept for `keepMs`. */
export function logStaysMs(keepMs: number | null | undefined): number {
  return Math.max(LOG_RETENTION_MS, keepMs ?? 0);
}

/** The part of a key that names its channel, `env:tenant:team:channel`: the scope of dedupe keys. */
export function channelOf(key: SessionKeyText): string {
  let end = -1;
  for (let part = 0; part < 4; part++) end = key.indexOf(":", end + 1);
  return key.slice(0, end);
}

/** The log's key of a session: everything but the user, so that a conversation has one log. */
export function conversationOf(key: SessionKeyText): string {
  return key.slice(0, key.lastIndexOf(":"));
}
