import { encodeKeyToken } from "../../types/index.ts";
import type { Erased, Erasure } from "../store.ts";
import type { PostgresFunction } from "./library.ts";

/** Sessions, rows or logs that one call looks at. */
const PAGE = 200;

type Counts = { -readonly [Count in keyof Erased]: number };
/** `[where to go on or null, how many, conversations whose logs go too]` */
type RawPage = readonly [unknown, number, readonly string[]];

/** Erases people's records, some at a time, so that others' turns go on in between. What is written meanwhile stays. */
export async function eraseFromPostgres(
  call: (name: PostgresFunction, args: readonly unknown[]) => Promise<unknown>,
  whose: Erasure,
): Promise<Erased> {
  const erased: Counts = { sessions: 0, deadLetters: 0, rows: 0, logs: 0 };
  const parts = partsOf(whose);
  const dropLogs = async (conversations: Iterable<string>): Promise<void> => {
    const keys = [...new Set(conversations)].sort((a, b) => (a < b ? -1 : 1));
    if (keys.length > 0) erased.logs += Number(await call("erase_logs", [keys]));
  };
  const walk = async (name: PostgresFunction, from: unknown, whoseKeys: readonly unknown[]): Promise<number> => {
    let found = 0;
    for (let after = from; after !== null;) {
      const [next, count, conversations] = (await call(name, [after, ...whoseKeys, PAGE])) as RawPage;
      found += count;
      await dropLogs(conversations);
      after = next;
    }
    return found;
  };
  const [after, before] = rangeOf(parts);
  erased.sessions = await walk("erase_sessions", after, [before, parts]);
  erased.rows = await walk("erase_rows", -1, [whose.tenant, parts]);
  erased.deadLetters = await walk("erase_dead", -1, [whose.tenant, parts]);
  const channels = rangeOf(parts.slice(0, 4));
  await walk("erase_answers", [channels[0], ""], [channels[1], parts]);
  if (whose.user === undefined) {
    const logs = rangeOf(parts.slice(0, 5));
    await walk("logs_between", logs[0], [logs[1], parts.slice(0, 5)]);
  }
  return erased;
}

function partsOf(whose: Erasure): (string | null)[] {
  const { env, tenant, team = null, channel = null, conversation, user } = whose;
  return [
    env,
    tenant,
    team,
    channel,
    conversation === undefined ? null : encodeKeyToken(conversation),
    user === undefined ? null : encodeKeyToken(user),
  ];
}

/** The range of keys in which all that is wanted lies, without its ends. */
function rangeOf(parts: readonly (string | null)[]): readonly [string, string] {
  const end = parts.indexOf(null);
  const prefix = (end < 0 ? parts : parts.slice(0, end)).join(":");
  // ";" is the character behind the separator ":", which ends each part but the last.
  return end < 0 ? [prefix.slice(0, -1), `${prefix};`] : [`${prefix}:`, `${prefix};`];
}
