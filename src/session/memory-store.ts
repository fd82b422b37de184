import { GreenticError } from "../types/index.ts";
import type { SessionKeyText, TenantId, World } from "../types/index.ts";
import { DueHeap } from "./due-heap.ts";
import { erasureFilter } from "./erasure.ts";
import { LeaseTable } from "./lease-table.ts";
import { MemoryJournals } from "./memory-journal.ts";
import { MemoryLogs } from "./memory-logs.ts";
import { MemoryOutbox } from "./memory-outbox.ts";
import { MemorySession, NO_STATE, NO_STEPS } from "./memory-session.ts";
import { TokenBuckets } from "./token-buckets.ts";
import { checkIngress, fenceStale, notUnread, rowDuplicate } from "./turn-rules.ts";
import { channelOf, conversationOf, LEASE_TTL_MS } from "./store.ts";
import type {
  Accepted,
  DeadLetter,
  Erased,
  Erasure,
  IngressEntry,
  InboxEntry,
  JournalEntry,
  Lease,
  LeaseTo,
  LogEntry,
  LogRange,
  OutboxRow,
  OutboxStatus,
  Overdue,
  SendResult,
  SessionFilter,
  SessionStore,
  SessionSummary,
  Step,
  StoreStats,
  Timer,
  TokenRate,
  TurnCommit,
} from "./store.ts";

interface Delivery {
  readonly key: SessionKeyText;
  readonly order: number;
  readonly expiresAtMs: number;
  /** What a repetition is told. */
  answer: Accepted;
}

interface TimerDue {
  readonly session: MemorySession;
  readonly timer: Timer;
}

const DUPLICATE: Accepted = { kind: "duplicate" };
const ACCEPTED: Accepted = { kind: "accepted" };

/** Opens a store that lives in this process's memory: the same promises, and nothing survives. */
export function openMemoryStore(world: World): SessionStore {
  return new MemorySessionStore(world);
}

class MemorySessionStore implements SessionStore {
  readonly isDurable = false;
  readonly #world: World;
  readonly #sessions = new Map<SessionKeyText, MemorySession>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #leases = new LeaseTable<MemorySession>();
  readonly #timers = new DueHeap<TimerDue>();
  /** Timers due up to this were taken out of the heap. */
  #timersSeenMs = Number.NEGATIVE_INFINITY;
  readonly #outbox: MemoryOutbox;
  readonly #logs = new MemoryLogs();
  readonly #journals = new MemoryJournals();
  readonly #buckets: TokenBuckets;
  readonly #dead = new Map<number, DeadLetter>();
  /** Orders and fences are drawn from here. */
  #last = 0;
  #isClosed = false;

  constructor(world: World) {
    this.#world = world;
    this.#outbox = new MemoryOutbox(world);
    this.#buckets = new TokenBuckets(world);
  }

  async accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted> {
    this.#checkOpen();
    checkIngress(entry);
    const known = this.#sessions.get(entry.key);
    const delivery = `${known?.channel ?? channelOf(entry.key)} ${entry.dedupeKey}`;
    const nowMs = this.#world.nowMs();
    const first = this.#deliveries.get(delivery);
    if (first !== undefined && first.expiresAtMs > nowMs) return first.answer;
    const session = known ?? this.#create(entry.key);
    const order = ++this.#last;
    const { dedupeKey, receivedAtMs, traceId, envelope } = entry;
    const to = options?.leaseTo;
    const isLeased = to !== undefined && this.#leases.isFree(session, this.#world.monotonicMs());
    const isForgotten = entry.isUnnamed === true && isLeased;
    session.inbox.push(
      isForgotten
        ? { order, dedupeKey, receivedAtMs, traceId, envelope, isForgotten }
        : { order, dedupeKey, receivedAtMs, traceId, envelope },
    );
    const logIndex =
      entry.log === undefined
        ? undefined
        : this.#logs.append(session.conversation, entry.log, { nowMs, keepMs: entry.logKeepMs });
    if (!isForgotten) {
      const answer: Accepted = logIndex === undefined ? DUPLICATE : { kind: "duplicate", logIndex };
      this.#deliveries.set(delivery, { key: session.key, order, expiresAtMs: nowMs + entry.dedupeTtlMs, answer });
    }
    if (isLeased) {
      // Whatever fell due came before this message, though no sweep has noticed yet.
      this.#wakeTimers(nowMs);
      const lease = this.#grant(session, to.worker, to.ttlMs ?? LEASE_TTL_MS);
      return logIndex === undefined ? { kind: "accepted", lease } : { kind: "accepted", logIndex, lease };
    }
    this.#leases.refresh(session);
    return logIndex === undefined ? ACCEPTED : { kind: "accepted", logIndex };
  }

  async lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]> {
    this.#checkOpen();
    this.#wakeTimers(this.#world.nowMs());
    const ttlMs = options.ttlMs ?? LEASE_TTL_MS;
    const monotonicMs = this.#world.monotonicMs();
    if (options.keys === undefined) {
      return this.#leases.pick(options.limit, monotonicMs).map((session) => this.#grant(session, worker, ttlMs));
    }
    const leases: Lease[] = [];
    for (const key of options.keys) {
      if (leases.length >= options.limit) break;
      const session = this.#sessions.get(key);
      if (session?.hasWork === true && this.#leases.isFree(session, monotonicMs)) {
        leases.push(this.#grant(session, worker, ttlMs));
      }
    }
    return leases;
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    this.#checkOpen();
    const session = this.#held(lease);
    if (session !== undefined) this.#leases.renew(session, this.#world.monotonicMs() + ttlMs);
    return session !== undefined;
  }

  async release(lease: Lease): Promise<void> {
    this.#checkOpen();
    const session = this.#held(lease);
    if (session !== undefined) this.#leases.free(session);
  }

  async record(lease: Lease, step: Step): Promise<Step> {
    this.#checkOpen();
    const session = this.#held(lease);
    if (session === undefined) throw fenceStale("Record step", lease);
    const first = session.steps.find((s) => s.turn === step.turn && s.seq === step.seq);
    if (first !== undefined) return first;
    session.steps = [...session.steps, step].sort((a, b) => a.turn - b.turn || a.seq - b.seq);
    return step;
  }

  async commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined> {
    this.#checkOpen();
    const session = this.#held(lease);
    const hold = session?.hold;
    if (session === undefined || hold === undefined) throw fenceStale("Commit turn", lease);
    this.#checkTurn(session, turn);
    const nowMs = this.#world.nowMs();

    if (turn.session === null) {
      session.record = undefined;
      session.state = NO_STATE;
      session.timers.clear();
    } else {
      session.record = turn.session;
      if (turn.state.length > 0) this.#applyState(session, turn);
    }
    session.steps = NO_STEPS;
    session.attempt = 0;
    if (turn.journal !== undefined) {
      const revision = turn.session?.revision ?? (lease.session?.revision ?? 0) + 1;
      this.#journals.append(session.key, revision, turn.journal, nowMs);
    }
    if (turn.answers !== undefined) this.#answer(session, turn.answers);
    this.#consume(session, turn, nowMs);
    for (const onceKey of turn.timersDone) session.timers.delete(onceKey);
    for (const timer of turn.timersNew) this.#setTimer(session, timer);
    if (session.hasDueTimer || turn.timersNew.length > 0) this.#refreshDue(session, nowMs);
    for (const row of turn.outbox) {
      this.#outbox.add(row, { key: session.key, conversation: session.conversation, order: ++this.#last });
    }
    for (const activity of turn.log) {
      this.#logs.append(session.conversation, activity, { nowMs, keepMs: turn.logKeepMs });
    }

    if (options?.keep === true) this.#wakeTimers(nowMs);
    if (options?.keep === true && session.hasWork) {
      this.#leases.renew(session, this.#world.monotonicMs() + hold.ttlMs);
      return session.lease(hold, nowMs);
    }
    this.#leases.free(session);
    if (session.isEmpty) this.#forget(session);
    return undefined;
  }

  async claimSends(
    sender: string,
    options: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]> {
    this.#checkOpen();
    return this.#outbox.claim(sender, options.limit, options.ttlMs);
  }

  async beginSend(row: OutboxRow, sender: string): Promise<void> {
    this.#checkOpen();
    this.#outbox.begin(row, sender);
  }

  async endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void> {
    this.#checkOpen();
    this.#outbox.end(row, sender, result);
  }

  async listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]> {
    this.#checkOpen();
    return this.#outbox.list((row) => isOf(row.key, filter.tenant), filter.status, filter.limit ?? 100);
  }

  async retrySend(id: string): Promise<boolean> {
    this.#checkOpen();
    return this.#outbox.retry(id);
  }

  async abandonSend(id: string): Promise<boolean> {
    this.#checkOpen();
    return this.#outbox.abandon(id);
  }

  async dropSend(order: number): Promise<boolean> {
    this.#checkOpen();
    return this.#outbox.drop(order);
  }

  async listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]> {
    this.#checkOpen();
    const letters = [...this.#dead.values()].filter((letter) => isOf(letter.key, filter.tenant));
    return letters.toReversed().slice(0, filter.limit ?? 100);
  }

  async redrive(order: number): Promise<boolean> {
    this.#checkOpen();
    const letter = this.#dead.get(order);
    if (letter === undefined) return false;
    this.#dead.delete(order);
    const { key, reason: _reason, diedAtMs: _diedAtMs, ...entry } = letter;
    const session = this.#sessions.get(key) ?? this.#create(key);
    session.inbox.push({ ...entry, order: ++this.#last });
    this.#leases.refresh(session);
    return true;
  }

  async dropDeadLetter(order: number): Promise<boolean> {
    this.#checkOpen();
    return this.#dead.delete(order);
  }

  async readLog(conversation: string, options: LogRange): Promise<readonly LogEntry[]> {
    this.#checkOpen();
    return this.#logs.read(conversation, { ...options, nowMs: this.#world.nowMs() });
  }

  async read(key: SessionKeyText): Promise<SessionSummary | undefined> {
    this.#checkOpen();
    return this.#sessions.get(key)?.summary();
  }

  async list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]> {
    this.#checkOpen();
    const { tenant, after = "" } = filter;
    const keys = [...this.#sessions.keys()].filter((key) => key > after && isOf(key, tenant)).sort();
    return keys.slice(0, filter.limit ?? 100).flatMap((key) => this.#sessions.get(key)?.summary() ?? []);
  }

  async readJournal(key: SessionKeyText, options: { readonly limit: number }): Promise<readonly JournalEntry[]> {
    this.#checkOpen();
    return this.#journals.read(key, options.limit);
  }

  async takeTokens(bucket: string, rate: TokenRate, tokens = 1): Promise<number> {
    this.#checkOpen();
    return this.#buckets.take(bucket, rate, tokens);
  }

  async stats(): Promise<StoreStats> {
    this.#checkOpen();
    let unread = 0;
    let sessions = 0;
    let oldest: InboxEntry | undefined;
    for (const { record, inbox } of this.#sessions.values()) {
      if (record !== undefined) sessions++;
      unread += inbox.length;
      const first = inbox[0];
      if (first !== undefined && first.order < (oldest?.order ?? Number.POSITIVE_INFINITY)) oldest = first;
    }
    return {
      unread,
      ...(oldest === undefined ? {} : { oldestUnreadAtMs: oldest.receivedAtMs }),
      ...this.#outbox.stats(),
      deadLetters: this.#dead.size,
      sessions,
    };
  }

  async storedBytes({ env, tenant }: Pick<Erasure, "env" | "tenant">): Promise<number> {
    this.#checkOpen();
    const sessions = this.#sessions.values().filter(({ key }) => key.startsWith(`${env}:${tenant}:`));
    return sessions.reduce((bytes, session) => bytes + session.storedBytes, 0);
  }

  async erase(whose: Erasure): Promise<Erased> {
    this.#checkOpen();
    const isWanted = erasureFilter(whose);
    const conversations = new Set<string>();
    // Everything that names a person leads to the conversations whose logs go.
    const wanted = (key: SessionKeyText): boolean =>
      isWanted(key) && conversations.add(conversationOf(key)) !== undefined;
    let sessions = 0;
    for (const session of this.#sessions.values()) {
      if (!wanted(session.key)) continue;
      this.#forget(session);
      sessions++;
    }
    let deadLetters = 0;
    for (const [order, { key }] of this.#dead) if (wanted(key) && this.#dead.delete(order)) deadLetters++;
    for (const key of this.#journals.keys()) if (wanted(key)) this.#journals.drop(key);
    for (const delivery of this.#deliveries.values()) {
      if (wanted(delivery.key)) delivery.answer = withoutText(delivery.answer);
    }
    const rows = this.#outbox.erase(wanted);
    const logs = this.#logs.erase((log) => conversations.has(log) || (whose.user === undefined && isWanted(log)));
    return { sessions, deadLetters, rows, logs };
  }

  async end(key: SessionKeyText): Promise<boolean> {
    this.#checkOpen();
    const session = this.#sessions.get(key);
    if (session === undefined) return false;
    this.#forget(session);
    return true;
  }

  async sweep(nowMs: number): Promise<Overdue> {
    this.#checkOpen();
    for (const [delivery, { expiresAtMs }] of this.#deliveries) {
      if (expiresAtMs <= nowMs) this.#deliveries.delete(delivery);
    }
    this.#outbox.dropSent(nowMs);
    this.#logs.dropOld(nowMs);
    this.#journals.dropOld(nowMs);
    const monotonicMs = this.#world.monotonicMs();
    this.#wakeTimers(nowMs);
    for (const session of this.#sessions.values()) {
      const isExpired = (session.record?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs;
      if (isExpired && session.inbox.length === 0 && this.#leases.isFree(session, monotonicMs)) this.#forget(session);
    }
    const nextTimerAtMs = this.#timers.nextAtMs;
    return {
      sessions: this.#leases.pick(1_000, monotonicMs).map((session) => session.key),
      sends: this.#outbox.hasReady(),
      ...(nextTimerAtMs === undefined ? {} : { nextTimerAtMs }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#sessions.clear();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new GreenticError("STORE_UNAVAILABLE", "Use session store: it is closed");
  }

  #create(key: SessionKeyText): MemorySession {
    const session = new MemorySession(key);
    this.#sessions.set(key, session);
    return session;
  }

  #forget(session: MemorySession): void {
    this.#leases.forget(session);
    this.#sessions.delete(session.key);
  }

  #grant(session: MemorySession, worker: string, ttlMs: number): Lease {
    if (session.hold !== undefined) session.attempt++;
    const hold = { worker, fence: ++this.#last, expiresAtMs: this.#world.monotonicMs() + ttlMs, ttlMs };
    this.#leases.grant(session, hold);
    return session.lease(hold, this.#world.nowMs());
  }

  #held(lease: Lease): MemorySession | undefined {
    const session = this.#sessions.get(lease.key);
    return session?.hold?.fence === lease.fence ? session : undefined;
  }

  /** Everything that can refuse a turn, before anything changes. */
  #checkTurn(session: MemorySession, turn: TurnCommit): void {
    for (const order of turn.consumed) {
      if (!session.inbox.some((entry) => entry.order === order)) throw notUnread(session.key, order);
    }
    for (const { order } of [...(turn.deadLetters ?? []), ...(turn.answers ?? [])]) {
      if (!session.inbox.some((entry) => entry.order === order)) throw notUnread(session.key, order);
    }
    for (const [index, row] of turn.outbox.entries()) {
      const isTwice = turn.outbox.findIndex((other) => other.id === row.id) !== index;
      if (isTwice || this.#outbox.has(row.id)) throw rowDuplicate(session.key, row.id);
    }
  }

  #applyState(session: MemorySession, turn: TurnCommit): void {
    const state = new Map(session.state);
    for (const { key, value } of turn.state) {
      if (value === undefined) state.delete(key);
      else state.set(key, value);
    }
    session.state = state;
  }

  #answer(session: MemorySession, answers: NonNullable<TurnCommit["answers"]>): void {
    for (const { order, answer } of answers) {
      const entry = session.inbox.find((unread) => unread.order === order);
      const delivery = entry && this.#deliveries.get(`${session.channel} ${entry.dedupeKey}`);
      if (delivery?.order === order) delivery.answer = { ...delivery.answer, answer };
    }
  }

  #consume(session: MemorySession, turn: TurnCommit, nowMs: number): void {
    const dead = turn.deadLetters ?? [];
    if (turn.consumed.length === 0 && dead.length === 0) return;
    const left: InboxEntry[] = [];
    for (const entry of session.inbox) {
      const letter = dead.find(({ order }) => order === entry.order);
      if (letter !== undefined) {
        const { isForgotten: _isForgotten, ...died } = entry;
        this.#dead.set(entry.order, { ...died, key: session.key, reason: letter.reason, diedAtMs: nowMs });
      } else if (!turn.consumed.includes(entry.order)) left.push(entry);
    }
    session.inbox = left;
  }

  #setTimer(session: MemorySession, timer: Timer): void {
    session.timers.set(timer.onceKey, timer);
    this.#timers.push(timer.dueAtMs, { session, timer });
  }

  #refreshDue(session: MemorySession, nowMs: number): void {
    session.hasDueTimer = false;
    for (const timer of session.timers.values()) {
      if (timer.dueAtMs <= nowMs) session.hasDueTimer = true;
      // The wall clock was set back: what was noticed as due and isn't any more must be noticed again.
      else if (timer.dueAtMs <= this.#timersSeenMs) this.#timers.push(timer.dueAtMs, { session, timer });
    }
  }

  #wakeTimers(nowMs: number): void {
    this.#timersSeenMs = Math.max(this.#timersSeenMs, nowMs);
    for (let due = this.#timers.popDue(nowMs); due !== undefined; due = this.#timers.popDue(nowMs)) {
      if (!isLiving(due) || this.#sessions.get(due.session.key) !== due.session) continue;
      due.session.hasDueTimer = true;
      this.#leases.refresh(due.session);
    }
    // What was replaced or fired is dropped here, so that the next time to wake is a living timer's.
    for (let next = this.#timers.peek(); next !== undefined && !isLiving(next); next = this.#timers.peek()) {
      this.#timers.popDue(Number.POSITIVE_INFINITY);
    }
  }
}

/** What a repetition is told once the answer was erased. */
function withoutText({ kind, logIndex }: Accepted): Accepted {
  return logIndex === undefined ? { kind } : { kind, logIndex };
}

function isLiving({ session, timer }: TimerDue): boolean {
  return session.timers.get(timer.onceKey) === timer;
}

function isOf(key: SessionKeyText, tenant: TenantId | undefined): boolean {
  if (tenant === undefined) return true;
  const start = key.indexOf(":") + 1;
  return key.startsWith(`${tenant}:`, start);
}
