// What the store's thread and its worker say to each other. Bodies are JSON text, made and read on the store's side; arrays rather
// than objects, and many requests to one message, since copying between threads is a good part of a turn's cost.
import type { ErrorCode } from "../types/index.ts";
import type { Erased, Erasure, LogRange, SendResult, StoreStats } from "./store.ts";

/** `[order, dedupeKey, receivedAtMs, traceId, envelope, forgetMs]` */
export type RawEntry = readonly [number, string, number, string, string, number];
/** `[onceKey, dueAtMs, payload]` */
export type RawTimer = readonly [string, number, string];
/** `[key, value]`, value null to delete */
export type RawState = readonly [string, string | null];

/** What a lease carries over. `inbox` is a number, the entry's order, where it holds just what was accepted in the same request. */
export type RawLease = readonly [
  key: string,
  fence: number,
  body: string | null,
  inbox: readonly RawEntry[] | number,
  timers: readonly RawTimer[] | undefined,
  state: readonly RawState[] | undefined,
  steps: readonly string[] | undefined,
  attempt: number,
];

/** `[id, provider, sinkClass, payload, traceId]` */
export type RawNewRow = readonly [string, string, string, string, string];

/** An outbox row as it is stored. */
export interface RawRow {
  readonly ord: number;
  readonly id: string;
  readonly key: string;
  readonly status: number;
  readonly attempts: number;
  readonly was_unknown: number;
  readonly not_before: number;
  readonly created: number;
  readonly provider: string;
  readonly sink: string;
  readonly trace: string;
  readonly error: string | null;
  readonly ended: number | null;
  readonly payload: string;
}

/** A dead letter as it is stored. */
export interface RawDeadLetter {
  readonly ord: number;
  readonly key: string;
  readonly reason: string;
  readonly died: number;
  readonly dedupe: string;
  readonly received: number;
  readonly trace: string;
  readonly body: string;
}

/** `[key, body, unread]` */
export type RawSummary = readonly [string, string | null, number];

/** A message on its way in. */
export type RawIngress = readonly [
  key: string,
  dedupe: string,
  received: number,
  trace: string,
  body: string,
  ttl: number,
  isUnnamed: boolean,
  log: string | undefined,
  worker: string | undefined,
  leaseTtl: number | undefined,
  logKeepMs: number | null,
];

/** `answer` is of a duplicate. */
export type RawAccepted = readonly [
  isNew: boolean,
  logIndex: number | undefined,
  lease: RawLease | undefined,
  answer: string | undefined,
];

/** A turn's changes; what is empty is undefined. A `body` of null ends the session. */
export type RawTurn = readonly [
  key: string,
  fence: number,
  keep: boolean,
  body: string | null,
  expires: number | null,
  consumed: readonly number[] | undefined,
  dead: readonly { readonly order: number; readonly reason: string }[] | undefined,
  state: readonly RawState[] | undefined,
  timersDone: readonly string[] | undefined,
  timersNew: readonly RawTimer[] | undefined,
  outbox: readonly RawNewRow[] | undefined,
  log: readonly string[] | undefined,
  answers: readonly (readonly [number, string])[] | undefined,
  journal: readonly [revision: number, turn: string] | undefined,
  logKeepMs: number | null,
];

/** `[revision, atMs, turn]` */
export type RawJournalEntry = readonly [number, number, string];

/** Names a row that a sender holds. */
export interface RawClaim {
  readonly id: string;
  readonly conversation: string;
  readonly order: number;
  readonly attempts: number;
  readonly sender: string;
}

/** Whose records to list. */
export interface RawFilter {
  readonly tenant: string | undefined;
  readonly limit: number;
}

/** What `sweep` found. */
export interface RawOverdue {
  readonly sessions: readonly string[];
  readonly sends: boolean;
  readonly nextTimerAtMs: number | undefined;
}

/** Where an erasure goes on: behind this key or order of a stage's table. Orders above `last` are younger than it. */
export interface RawErasure {
  readonly whose: Erasure;
  readonly stage: string;
  readonly after: string | number;
  readonly last: number;
}

/** What one step of an erasure dropped; `next` is undefined where there is nothing left. */
export interface RawErased {
  readonly erased: Erased;
  readonly next: RawErasure | undefined;
}

/** What some sessions take, and behind which key to go on; undefined where there are no more. */
export interface RawStored {
  readonly bytes: number;
  readonly after: string | undefined;
}

/** Every operation of the worker. One that throws has changed nothing, or makes its whole transaction start over. */
export interface StoreOps {
  accept(entry: RawIngress): RawAccepted;
  lease(worker: string, limit: number, ttlMs: number, keys: readonly string[] | undefined): readonly RawLease[];
  renew(key: string, fence: number, ttlMs: number): boolean;
  release(key: string, fence: number): void;
  record(
    key: string,
    fence: number,
    step: { readonly turn: number; readonly seq: number; readonly body: string },
  ): string | undefined;
  commit(turn: RawTurn): RawLease | undefined;
  claimSends(sender: string, limit: number, ttlMs: number): readonly RawRow[];
  beginSend(claim: RawClaim): void;
  endSend(claim: RawClaim, result: SendResult): void;
  listOutbox(filter: RawFilter, status: number | undefined): readonly RawRow[];
  retrySend(id: string): boolean;
  abandonSend(id: string): boolean;
  dropSend(order: number): boolean;
  listDeadLetters(filter: RawFilter): readonly RawDeadLetter[];
  redrive(order: number): boolean;
  dropDeadLetter(order: number): boolean;
  readLog(conversation: string, range: LogRange): readonly (readonly [number, string])[];
  read(key: string): RawSummary | undefined;
  list(filter: RawFilter & { readonly after: string }): readonly RawSummary[];
  readJournal(key: string, limit: number): readonly RawJournalEntry[];
  stats(): StoreStats;
  storedBytes(prefix: string, after: string): RawStored;
  erase(erasure: RawErasure | Erasure): RawErased;
  end(key: string): boolean;
  sweep(nowMs: number): RawOverdue;
}

/** One call: the operation and its arguments. */
export type RawCall = { [Op in keyof StoreOps]: readonly [Op, Parameters<StoreOps[Op]>] }[keyof StoreOps];

/** All calls of one tick, with the time at which they were sent. */
interface RawBatch {
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly calls: readonly RawCall[];
}

/** Why a call failed; without a code it is a programming mistake. */
export interface RawFailure {
  readonly index: number;
  readonly code: ErrorCode | undefined;
  readonly message: string;
}

/** The answers to one batch, in its order. */
export interface RawAnswers {
  readonly kind: "answers";
  readonly results: readonly unknown[];
  readonly failures?: readonly RawFailure[];
}

/** What the worker sends: once whether it could open the file, then answers. */
export type FromWorker =
  | { readonly kind: "opened" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: "closed" }
  | { readonly kind: "damaged"; readonly code: ErrorCode; readonly message: string }
  | RawAnswers;

/** What the worker is started with. */
export interface WriterData {
  readonly file: string;
  readonly nowMs: number;
  readonly reserveBytes: number;
}

/** What the worker gets. */
export type ToWorker = RawBatch | { readonly kind: "close" };
