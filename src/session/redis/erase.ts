import { encodeKeyToken } from "../../types/index.ts";
import { erasureFilter } from "../erasure.ts";
import { STATUS } from "../outbox-rules.ts";
import { conversationOf } from "../store.ts";
import type { Erased, Erasure } from "../store.ts";
import type { SessionKeyText } from "../../types/index.ts";
import type { Argument, RawLetter, RawRow } from "./codec.ts";
import type { RedisFunction } from "./library.ts";
import type { KeyName, RedisShards } from "./shards.ts";

/** Kinds of keys that carry a session's key: record, inbox, state, steps, timers, journal. */
const OF_SESSIONS = "sivetj";
const LOGS = "gn";
const DELIVERY = "d";

type Counts = { -readonly [Count in keyof Erased]: number };

/** Erases people's records, some at a time, so that others' turns go on in between. What is written meanwhile stays. */
export async function eraseFromRedis(shards: RedisShards, whose: Erasure): Promise<Erased> {
  const isWanted = erasureFilter(whose);
  const erased: Counts = { sessions: 0, deadLetters: 0, rows: 0, logs: 0 };
  const drop = async (count: keyof Counts | undefined, request: Drop): Promise<void> => {
    const { shard, name, args = [], items } = request;
    if (items.length === 0) return;
    const [dropped, logs] = (await shards.at(shard, name, [...args, items.length, ...items])) as [number, number];
    if (count !== undefined) erased[count] += dropped;
    erased.logs += logs;
  };

  for (const status of Object.values(STATUS)) {
    for await (const [shard, page] of shards.walk("list_rows", [status, whose.tenant])) {
      const rows = (page as readonly RawRow[]).filter((row) => isWanted(row[1]));
      await drop("rows", { shard, name: "erase_rows", items: rows.map((row) => row[9]) });
    }
  }
  for await (const [shard, page] of shards.walk("list_dead", [whose.tenant])) {
    const letters = (page as readonly RawLetter[]).filter(([key]) => isWanted(key));
    await drop("deadLetters", {
      shard,
      name: "erase_dead",
      items: letters.map((letter) => letter[3].split(" ", 1)[0] ?? ""),
    });
  }
  for await (const page of shards.keysOf(whose)) {
    for (const [shard, names] of Map.groupBy(page, (name) => name.shard)) {
      const found = sorted(names, { isWanted, isPerson: whose.user !== undefined });
      await drop("sessions", { shard, name: "erase_session", items: found.sessions });
      await drop(undefined, { shard, name: "erase_log", items: found.logs });
      await drop(undefined, { shard, name: "erase_answer", args: partsOf(whose), items: found.deliveries });
    }
  }
  return erased;
}

interface Drop {
  readonly shard: number;
  readonly name: RedisFunction;
  readonly args?: readonly Argument[];
  readonly items: readonly string[];
}

interface Found {
  readonly sessions: readonly string[];
  readonly logs: readonly string[];
  readonly deliveries: readonly string[];
}

/** Sorts a page of names by what is to be done about them. */
function sorted(
  names: readonly KeyName[],
  { isWanted, isPerson }: { readonly isWanted: (key: string) => boolean; readonly isPerson: boolean },
): Found {
  const sessions = new Set<string>();
  const logs = new Set<string>();
  const deliveries: string[] = [];
  for (const { kind, rest } of names) {
    if (kind === DELIVERY) deliveries.push(rest);
    else if (LOGS.includes(kind) && !isPerson && isWanted(rest)) logs.add(rest);
    else if (OF_SESSIONS.includes(kind) && isWanted(rest)) sessions.add(rest);
  }
  // The logs of conversations that a person took part in go with their sessions.
  for (const key of sessions) logs.delete(conversationOf(key as SessionKeyText));
  return { sessions: [...sessions], logs: [...logs], deliveries };
}

function partsOf(whose: Erasure): string[] {
  const { env, tenant, team = "", channel = "", conversation, user } = whose;
  return [
    env,
    tenant,
    team,
    channel,
    conversation === undefined ? "" : encodeKeyToken(conversation),
    user === undefined ? "" : encodeKeyToken(user),
  ];
}
