import type { SessionKeyText } from "../../types/index.ts";
import { erasureFilter } from "../erasure.ts";
import type { Attempt } from "../patience.ts";
import { conversationOf } from "../store.ts";
import type { DeadLetter, Erased, Erasure } from "../store.ts";
import { dropLetter, rowsIn } from "./admin.ts";
import { filingOf } from "./core.ts";
import type { RecordCore } from "./core.ts";
import { forget, isEmpty, loadHead, putHead } from "./head.ts";
import type { Delivery } from "./intake.ts";
import { unpackRows } from "./lanes.ts";
import { dropLog } from "./logs.ts";
import type { LogHead } from "./logs.ts";
import { prefixed, ROW_PLACES } from "./names.ts";
import type { Index } from "./names.ts";
import { dropRow } from "./sends.ts";
import type { RecordRange } from "./space.ts";
import type { StoredRecord } from "./space.ts";
import type { KeptTurn } from "./turns.ts";

const PAGE = 100;

type Counts = { -readonly [Count in keyof Erased]: number };

/** Erases people's records, some at a time, so that others' turns go on in between. What is written meanwhile stays. */
export async function erase(core: RecordCore, attempt: Attempt, whose: Erasure): Promise<Erased> {
  await core.orders.prepare(attempt);
  const isWanted = erasureFilter(whose);
  const erased: Counts = { sessions: 0, deadLetters: 0, rows: 0, logs: 0 };
  const conversations = new Set<string>();
  // Everything that names a person leads to the conversations whose logs go.
  const wanted = (key: SessionKeyText): boolean =>
    isWanted(key) && conversations.add(conversationOf(key)) !== undefined;
  const walkAll = (index: Index): AsyncGenerator<StoredRecord> => walk(core, attempt, index, "");
  const walkOwn = (index: Index): AsyncGenerator<StoredRecord> =>
    walk(core, attempt, index, `${whose.env}:${whose.tenant}:`);

  for (const place of ROW_PLACES) {
    for await (const record of walkAll(`rows-${place}`)) {
      const rows = rowsIn(record).filter(({ key }) => wanted(key));
      const [first] = rows;
      if (first !== undefined && record.sort.endsWith("+")) await unpackRows(core, attempt, conversationOf(first.key));
      for (const { order } of rows) if (await dropRow(core, attempt, { order, places: [place] })) erased.rows++;
    }
  }
  for await (const { body } of walkAll("dead")) {
    const { key, order } = JSON.parse(body) as DeadLetter;
    if (wanted(key) && (await dropLetter(core, attempt, order))) erased.deadLetters++;
  }
  for await (const { body } of walkOwn("keys")) {
    const [key] = JSON.parse(body) as readonly [SessionKeyText];
    if (wanted(key) && (await eraseSession(core, attempt, key))) erased.sessions++;
  }
  for await (const record of walkOwn("j")) {
    const { key } = JSON.parse(record.body) as KeptTurn;
    if (wanted(key)) await eraseRecord(core, attempt, { record, conversation: conversationOf(key) });
  }
  for await (const record of walkOwn("d")) {
    const { key } = JSON.parse(record.body) as Delivery;
    if (key !== undefined && wanted(key)) await eraseAnswer(core, attempt, { record, key });
  }
  if (whose.user === undefined) {
    for await (const { sort, body } of walkOwn("g")) {
      if (!sort.endsWith(" h")) continue;
      const { conversation } = JSON.parse(body) as LogHead;
      if (isWanted(conversation)) conversations.add(conversation);
    }
  }
  for (const conversation of conversations) {
    const drop = core.units.run(attempt, conversation, (unit) => dropLog(unit, core, conversation));
    if (await drop) erased.logs++;
  }
  return erased;
}

async function* walk(
  { units, names }: RecordCore,
  attempt: Attempt,
  index: Index,
  prefix: string,
): AsyncGenerator<StoredRecord> {
  for (const shard of names.shards) {
    const partition = `${index}:${shard}`;
    let range: Omit<RecordRange, "limit"> = prefix === "" ? { partition } : prefixed(partition, prefix);
    for (;;) {
      const page = await units.records.scan(attempt, { ...range, limit: PAGE });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      range = { ...range, after: last.sort };
    }
  }
}

async function eraseSession(core: RecordCore, attempt: Attempt, key: SessionKeyText): Promise<boolean> {
  const names = core.names.session(key);
  return core.units.run(attempt, names.conversation, async (unit) => {
    const head = await loadHead(unit, names);
    if (isEmpty(head)) return false;
    putHead(unit, await forget(unit, names, head), filingOf(core, names));
    return true;
  });
}

async function eraseRecord(
  core: RecordCore,
  attempt: Attempt,
  { record, conversation }: { readonly record: StoredRecord; readonly conversation: string },
): Promise<void> {
  const { partition, sort } = record;
  await core.units.run(attempt, conversation, async (unit) => {
    await unit.load([{ partition, sort }]);
    if (unit.versionOf({ partition, sort }) !== undefined) unit.delete({ partition, sort });
  });
}

/** Dedupe keys stay until they expire; what they say and whose they are goes. */
async function eraseAnswer(
  core: RecordCore,
  attempt: Attempt,
  { record, key }: { readonly record: StoredRecord; readonly key: SessionKeyText },
): Promise<void> {
  const { partition, sort } = record;
  const name = { partition, sort, isKept: true };
  await core.units.run(attempt, conversationOf(key), async (unit) => {
    const delivery = await unit.read<Delivery>(name);
    if (delivery?.key !== key) return;
    const { key: _key, answer: _answer, ...rest } = delivery;
    unit.put(name, rest satisfies Delivery);
  });
}
