import type {
  IngressEntry,
  Lease,
  NewOutboxRow,
  SessionRecord,
  SessionStore,
  TurnCommit,
} from "../../src/session/index.ts";
import { conversationOf } from "../../src/session/index.ts";
import { channelId, conversationId, envId, formatSessionKey, teamId, tenantId, userId } from "../../src/types/index.ts";
import type { ChannelMessageEnvelope, JsonValue, SessionKeyText, World } from "../../src/types/index.ts";

/** A world whose clocks stand still until they are told to move. */
export class ManualWorld implements World {
  #nowMs = 1_800_000_000_000;
  #monotonicMs = 1_000;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  randomBytes(size: number): Uint8Array {
    return new Uint8Array(size);
  }

  schedule(): () => void {
    throw new TypeError("Schedule: a store starts nothing by itself");
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Moves the wall clock alone. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}

/** What a session key is made from, with defaults. */
export interface KeyParts {
  readonly env?: string;
  readonly tenant?: string;
  readonly team?: string;
  readonly channel?: string;
  readonly conversation?: string;
  readonly user?: string;
}

export function keyOf(parts: KeyParts = {}): SessionKeyText {
  return formatSessionKey({
    env: envId(parts.env ?? "prod"),
    tenant: tenantId(parts.tenant ?? "acme"),
    team: teamId(parts.team ?? "support"),
    channel: channelId(parts.channel ?? "webchat"),
    conversation: conversationId(parts.conversation ?? "c1"),
    user: userId(parts.user ?? "u1"),
  });
}

export const KEY = keyOf();
export const TRACE = "0af7651916cd43dd8448eb211c80319c";

export function envelopeOf(text: string): ChannelMessageEnvelope {
  return {
    id: `id of ${text}`,
    tenant: { env: "prod", tenant: "acme" },
    channel: "webchat",
    session_id: "c1",
    text,
    attachments: [],
    metadata: { greeting: "grüß dich 👋" },
  };
}

/** An entry whose text is its dedupe key. */
export function entryOf(dedupeKey: string, extra: Partial<IngressEntry> = {}): IngressEntry {
  return {
    key: KEY,
    dedupeKey,
    receivedAtMs: 1_800_000_000_000,
    traceId: TRACE,
    envelope: envelopeOf(dedupeKey),
    dedupeTtlMs: 3_600_000,
    ...extra,
  };
}

export function recordOf(revision: number, extra: Partial<SessionRecord> = {}): SessionRecord {
  return {
    cursor: { flow: "main", node: "ask" },
    waitReason: "reply",
    pack: "demo",
    packHash: "ab".repeat(32),
    locale: "en",
    revision,
    snapshot: { vars: { n: revision } },
    ...extra,
  };
}

export function rowOf(id: string, extra: Partial<NewOutboxRow> = {}): NewOutboxRow {
  return { id, provider: "webchat", sinkClass: "C", payload: { text: id }, traceId: TRACE, ...extra };
}

/** A turn that consumes all that the lease carries and changes nothing else but `extra`. */
export function turnOf(lease: Lease, extra: Partial<TurnCommit> = {}): TurnCommit {
  return {
    session: recordOf((lease.session?.revision ?? 0) + 1),
    consumed: lease.inbox.map(({ order }) => order),
    state: [],
    timersDone: lease.timers.map(({ onceKey }) => onceKey),
    timersNew: [],
    outbox: [],
    log: [],
    ...extra,
  };
}

/** Leases one session, which must be possible. */
export async function leaseOf(store: SessionStore, key: SessionKeyText = KEY, worker = "w1"): Promise<Lease> {
  const [lease] = await store.lease(worker, { limit: 1, keys: [key] });
  if (lease === undefined) throw new Error(`expected ${key} to be free and to have work`);
  return lease;
}

let deliveries = 0;

/** Runs one whole turn of a session. */
export async function runTurn(
  store: SessionStore,
  extra: Partial<TurnCommit> = {},
  key: SessionKeyText = KEY,
): Promise<void> {
  await store.accept(entryOf(`turn-${++deliveries}`, { key }));
  const lease = await leaseOf(store, key);
  await store.commit(lease, turnOf(lease, extra));
}

/** Puts rows into the outbox of a session. */
export async function enqueue(store: SessionStore, ids: readonly string[], key: SessionKeyText = KEY): Promise<void> {
  await runTurn(store, { outbox: ids.map((id) => rowOf(id)) }, key);
}

/** What a lease found, without what differs between any two leases. */
export function contentOf({ key, session, inbox, timers, state, steps }: Lease): unknown {
  return { key, session, inbox, timers, state: Object.fromEntries(state), steps };
}

/** All that can be read from a store without changing it. */
export async function dump(store: SessionStore): Promise<unknown> {
  const sessions = await store.list({ limit: 1_000 });
  const logs: Record<string, JsonValue> = {};
  for (const { key } of sessions) {
    const conversation = conversationOf(key);
    const entries = await store.readLog(conversation, { after: -1, limit: 1_000 });
    logs[conversation] = entries.map(({ index, activity }) => [index, activity]);
  }
  return {
    sessions,
    logs,
    outbox: await store.listOutbox({ limit: 1_000 }),
    dead: await store.listDeadLetters({ limit: 1_000 }),
  };
}
