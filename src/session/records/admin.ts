import type { SessionKeyText, TenantId } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "../store.ts";
import type {
  DeadLetter,
  Erasure,
  JournalEntry,
  OutboxRow,
  OutboxStatus,
  SessionFilter,
  SessionSummary,
  TokenRate,
} from "../store.ts";
import { filingOf } from "./core.ts";
import type { RecordCore } from "./core.ts";
import { forget, isEmpty, loadHead, putHead } from "./head.ts";
import type { Body, Head } from "./head.ts";
import { bucketName, letterName, pad, prefixed, ROW_PLACES, short } from "./names.ts";
import type { Index, RowPlace } from "./names.ts";
import { scanEach } from "./pick.ts";
import type { StoredRecord } from "./space.ts";
import type { KeptTurn } from "./turns.ts";

const PAGE = 100;

/** Reads sessions as operators see them; those that have nothing are left out. */
export async function readSummaries(
  { units, names }: RecordCore,
  attempt: Attempt,
  keys: readonly SessionKeyText[],
): Promise<readonly SessionSummary[]> {
  const wanted = keys.map((key) => names.session(key));
  const found = await units.records.get(
    attempt,
    wanted.flatMap(({ head, body }) => [head, body]),
  );
  return keys.flatMap((key, n) => {
    const [head, body] = [found[2 * n], found[2 * n + 1]];
    const { inbox = [], ...rest } = head === undefined ? {} : (JSON.parse(head.body) as Head);
    if (head === undefined || isEmpty({ inbox, ...rest } as Head)) return [];
    const session = body === undefined ? null : (JSON.parse(body.body) as Body).session;
    return [{ key, session: session ?? undefined, unread: inbox.length }];
  });
}

/** Lists sessions in the order of their keys. */
export async function listSessions(
  core: RecordCore,
  attempt: Attempt,
  filter: SessionFilter & { readonly after?: SessionKeyText },
): Promise<readonly SessionSummary[]> {
  const { tenant, after, limit = 100 } = filter;
  const keys: SessionKeyText[] = [];
  const from = after === undefined ? {} : { after: short(after) };
  if (tenant === undefined) keys.push(...(await keysIn(core, attempt, { ...from, limit })));
  else {
    for await (const env of envs(core, attempt, after)) {
      const { after: first, before } = prefixed("", `${env}:${tenant}:`);
      const isInside = after?.startsWith(`${env}:${tenant}:`) === true;
      const range = { after: isInside ? short(after) : first, before };
      keys.push(...(await keysIn(core, attempt, { ...range, limit: limit - keys.length })));
      if (keys.length >= limit) break;
    }
  }
  return readSummaries(core, attempt, keys.slice(0, limit));
}

/** Adds up what a tenant's records and state take. */
export async function storedBytes(
  core: RecordCore,
  attempt: Attempt,
  { env, tenant }: Pick<Erasure, "env" | "tenant">,
): Promise<number> {
  const { after: first, before } = prefixed("", `${env}:${tenant}:`);
  let bytes = 0;
  for (let after = first; ;) {
    const keys = await keysIn(core, attempt, { after, before, limit: PAGE });
    const heads = await core.units.records.get(
      attempt,
      keys.map((key) => core.names.session(key).head),
    );
    for (const head of heads) bytes += head === undefined ? 0 : ((JSON.parse(head.body) as Head).bytes ?? 0);
    const last = keys.at(-1);
    if (last === undefined || keys.length < PAGE) return bytes;
    after = short(last);
  }
}

/** The envs that have sessions, from that of `after` on. */
async function* envs(core: RecordCore, attempt: Attempt, after: SessionKeyText | undefined): AsyncGenerator<string> {
  let from = after === undefined ? "" : `${after.split(":", 1)[0] ?? ""}:`;
  for (;;) {
    const [key] = await keysIn(core, attempt, { ...(from === "" ? {} : { after: from }), limit: 1 });
    if (key === undefined) return;
    const [env = ""] = key.split(":", 1);
    yield env;
    // ";" is the character behind the separator ":".
    from = `${env};`;
  }
}

async function keysIn(
  core: RecordCore,
  attempt: Attempt,
  range: { readonly after?: string; readonly before?: string; readonly limit: number },
): Promise<SessionKeyText[]> {
  const { records } = await scanEach(core, attempt, { index: "keys", ...range });
  const keys = records.map(({ body }) => (JSON.parse(body) as readonly [SessionKeyText, number])[0]);
  return keys.slice(0, range.limit);
}

/** Lists outbox rows, newest first. */
export async function listRows(
  core: RecordCore,
  attempt: Attempt,
  { tenant, status, limit = 100 }: SessionFilter & { readonly status?: OutboxStatus },
): Promise<readonly OutboxRow[]> {
  const places = status === undefined ? ROW_PLACES : [placeOf(status)];
  const rows = await Promise.all(
    places.map((place) =>
      newest(core, attempt, {
        index: `rows-${place}`,
        limit,
        read: (record) =>
          rowsIn(record).filter((row) => isOf(row.key, tenant) && (status ?? row.status) === row.status),
      }),
    ),
  );
  return byOrder(rows.flat(), limit);
}

/** The rows of a record: one, or many that one commit made. */
export function rowsIn({ body }: StoredRecord): readonly OutboxRow[] {
  const rows = JSON.parse(body) as OutboxRow | readonly OutboxRow[];
  return Array.isArray(rows) ? (rows as readonly OutboxRow[]) : [rows as OutboxRow];
}

function placeOf(status: OutboxStatus): RowPlace {
  switch (status) {
    case "sent":
      return "s";
    case "failed":
      return "f";
    case "abandoned":
      return "a";
    case "queued":
    case "sending":
    case "unknown":
    default:
      return "p";
  }
}

/** Lists dead letters, newest first. */
export async function listLetters(
  core: RecordCore,
  attempt: Attempt,
  { tenant, limit = 100 }: SessionFilter,
): Promise<readonly DeadLetter[]> {
  const read = ({ body }: StoredRecord): DeadLetter[] => {
    const letter = JSON.parse(body) as DeadLetter;
    return isOf(letter.key, tenant) ? [letter] : [];
  };
  return byOrder(await newest(core, attempt, { index: "dead", limit, read }), limit);
}

async function newest<T>(
  { units, names }: RecordCore,
  attempt: Attempt,
  {
    index,
    limit,
    read,
  }: { readonly index: Index; readonly limit: number; readonly read: (record: StoredRecord) => readonly T[] },
): Promise<T[]> {
  const found = names.shards.map(async (shard) => {
    const items: T[] = [];
    for (let before: string | undefined; items.length < limit;) {
      const range = { partition: `${index}:${shard}`, isBackwards: true, limit: PAGE };
      const page = await units.records.scan(attempt, before === undefined ? range : { ...range, before });
      for (const record of page) items.push(...read(record));
      before = page.at(-1)?.sort;
      if (page.length < PAGE) break;
    }
    return items;
  });
  return (await Promise.all(found)).flat();
}

function byOrder<T extends { readonly order: number }>(items: readonly T[], limit: number): T[] {
  return items.toSorted((a, b) => b.order - a.order).slice(0, limit);
}

/** Puts a dead letter back into its session's inbox; false where there is none. */
export async function redrive(core: RecordCore, attempt: Attempt, order: number): Promise<boolean> {
  await core.orders.prepare(attempt);
  const [found] = await core.units.records.get(attempt, [letterName(order)]);
  if (found === undefined) return false;
  const names = core.names.session((JSON.parse(found.body) as DeadLetter).key);
  return core.units.run(attempt, names.conversation, async (unit) => {
    const letter = await unit.read<DeadLetter>(letterName(order));
    if (letter === undefined) return false;
    const head = await loadHead(unit, names);
    const { key: _key, reason: _reason, diedAtMs: _diedAtMs, ...entry } = letter;
    const last = core.orders.draw(names.shard, head.last);
    unit.delete(letterName(order));
    unit.put(names.entry(last), { ...entry, order: last });
    const inbox = [...head.inbox, [last, entry.receivedAtMs] as const];
    putHead(unit, { ...head, last, inbox }, filingOf(core, names));
    return true;
  });
}

/** Forgets a dead letter; false where there is none. */
export function dropLetter(core: RecordCore, attempt: Attempt, order: number): Promise<boolean> {
  return core.units.run(attempt, `dead ${order}`, async (unit) => {
    if ((await unit.read(letterName(order))) === undefined) return false;
    unit.delete(letterName(order));
    return true;
  });
}

/** Ends a session at once; false where there is none. */
export async function endSession(core: RecordCore, attempt: Attempt, key: SessionKeyText): Promise<boolean> {
  await core.orders.prepare(attempt);
  const names = core.names.session(key);
  return core.units.run(attempt, names.conversation, async (unit) => {
    const head = await loadHead(unit, names);
    if (isEmpty(head)) return false;
    putHead(unit, await forget(unit, names, head), filingOf(core, names));
    return true;
  });
}

/** Reads a session's journal, oldest first. */
export async function readJournal(
  { units, names, clock }: RecordCore,
  attempt: Attempt,
  { key, limit }: { readonly key: SessionKeyText; readonly limit: number },
): Promise<readonly JournalEntry[]> {
  const range = prefixed(names.session(key).journal(0).partition, `${short(key)} `);
  const found = await units.records.scan(attempt, {
    ...range,
    isBackwards: true,
    limit: Math.min(limit, JOURNAL_TURNS_MAX),
  });
  const kept = found.toReversed().map(({ body }) => JSON.parse(body) as KeptTurn);
  return kept.filter(({ atMs }) => atMs + JOURNAL_RETENTION_MS > clock.nowMs()).map(({ key: _key, ...entry }) => entry);
}

/** A bucket that processes share. */
export interface Bucket {
  readonly name: string;
  readonly level: number;
  /** On the monotonic clock. */
  readonly atMs: number;
  /** When it says nothing any more, on the wall clock. */
  readonly fullAtMs: number;
}

/** Takes tokens, or tells how many milliseconds to wait. */
export function takeTokens(
  core: RecordCore,
  attempt: Attempt,
  { bucket, rate, tokens }: { readonly bucket: string; readonly rate: TokenRate; readonly tokens: number },
): Promise<number> {
  const name = bucketName(bucket);
  return core.units.run(attempt, name.partition, async (unit) => {
    const old = await unit.read<Bucket>(name);
    const atMs = core.clock.monotonicMs();
    const passedMs = Math.max(0, atMs - (old?.atMs ?? atMs));
    const level = Math.min(rate.capacity, (old?.level ?? rate.capacity) + (passedMs * rate.perSecond) / 1_000);
    const isEnough = level >= tokens;
    const left = Math.min(rate.capacity, isEnough ? level - tokens : level);
    const fullAtMs = core.clock.nowMs() + ((rate.capacity - left) * 1_000) / rate.perSecond;
    unit.put(name, { name: bucket, level: left, atMs, fullAtMs } satisfies Bucket);
    if (old === undefined) unit.put(bucketNote(bucket, fullAtMs), bucket);
    return isEnough ? 0 : Math.max(1, Math.ceil(((tokens - level) * 1_000) / rate.perSecond));
  });
}

/** What lets a sweep find a bucket that is full. */
export function bucketNote(bucket: string, fullAtMs: number): { readonly partition: string; readonly sort: string } {
  return { partition: "x:0", sort: `${pad(fullAtMs)} b${bucketName(bucket).partition}` };
}

function isOf(key: SessionKeyText, tenant: TenantId | undefined): boolean {
  return tenant === undefined || key.startsWith(`${tenant}:`, key.indexOf(":") + 1);
}
