import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { entryOf, keyOf, recordOf, rowOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { isGreenticError } from "../types/index.ts";
import type { GreenticError, SessionKeyText } from "../types/index.ts";
import { leaseOf, rawIngress, rawTurn } from "./sqlite-codec.ts";
import type { RawAccepted, RawCall, RawLease } from "./sqlite-protocol.ts";
import { openDatabase } from "./sqlite-schema.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import { conversationOf } from "./store.ts";
import type { TurnCommit } from "./store.ts";

/** More by hand: FLIPS=10000. */
const FLIPS = Number(process.env["FLIPS"] ?? 300);
const SESSIONS = 12;

const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-damage-"));
afterAll(() => rmSync(root, { recursive: true }));
const file = join(root, "sessions.db");
const clock = { nowMs: 1_800_000_000_000, monotonicMs: 0 };
const keys = Array.from({ length: SESSIONS }, (_, n) => keyOf({ conversation: `c${n}` }));

function call(writer: SqliteWriter, ...call: RawCall): unknown {
  const { results, failures } = writer.run([call], clock);
  return failures === undefined ? results[0] : { failed: failures[0]?.code };
}

/** Fills a file with something of everything. */
function fill(): Buffer {
  const db = openDatabase(file);
  const writer = new SqliteWriter(db, clock.nowMs);
  const turn = (key: SessionKeyText, name: string, extra: Partial<TurnCommit>): void => {
    const entry = entryOf(name, { key, log: `said ${name}` });
    const [, , raw] = call(writer, "accept", [rawIngress(entry, { worker: "w" })]) as RawAccepted;
    if (raw === undefined) throw new Error("expected a lease");
    const lease = leaseOf(raw, "w", entry);
    const answers = lease.inbox.map(({ order }) => ({ order, answer: `answer to ${name}` }));
    const dead = extra.deadLetters === undefined ? undefined : lease.inbox.map(({ order }) => ({ order, reason: "X" }));
    const made = turnOf(lease, {
      ...extra,
      answers,
      ...(dead === undefined ? {} : { consumed: [], deadLetters: dead }),
    });
    call(writer, "commit", [rawTurn(lease, made, false)]);
  };
  for (const [n, key] of keys.entries()) {
    for (let k = 1; k <= 3; k++) {
      turn(key, `${n}-${k}`, {
        session: recordOf(k, { snapshot: { text: "a long text of a person ".repeat(20 + n), k } }),
        state: [{ key: `flow/${k}`, value: `value ${n} ${k}` }],
        timersNew: [{ onceKey: `t${k}`, dueAtMs: clock.nowMs + 1_000_000 + n, payload: `timer ${n} ${k}` }],
        outbox: [rowOf(`${n}-${k}`), rowOf(`${n}-${k}b`)],
        log: [`log ${n} ${k}`],
        journal: { n, k },
        ...(k === 2 ? { deadLetters: [] } : {}),
      });
    }
    call(writer, "accept", rawArgs(`unread-${n}`, key));
  }
  writer.close();
  return readFileSync(file);
}

function rawArgs(name: string, key: SessionKeyText): [ReturnType<typeof rawIngress>] {
  return [rawIngress(entryOf(name, { key }), undefined)];
}

/** Everything that a store can be asked, each answer under the session that it is about. */
function answers(writer: SqliteWriter): Map<string, string> {
  const all = new Map<string, string>();
  const ask = (name: string, ...asked: RawCall): void => void all.set(name, JSON.stringify(call(writer, ...asked)));
  for (const [n, key] of keys.entries()) {
    ask(`read ${n}`, "read", [key]);
    ask(`journal ${n}`, "readJournal", [key, 9]);
    ask(`log ${n}`, "readLog", [conversationOf(key), { after: -1, limit: 99 }]);
    for (let k = 1; k <= 3; k++) ask(`again ${n} ${k}`, "accept", rawArgs(`${n}-${k}`, key));
  }
  ask("list", "list", [{ tenant: undefined, limit: 99, after: "" }]);
  ask("outbox", "listOutbox", [{ tenant: undefined, limit: 999 }, undefined]);
  ask("dead", "listDeadLetters", [{ tenant: undefined, limit: 99 }]);
  ask("claims", "claimSends", ["s", 99, 1_000]);
  ask("overdue", "sweep", [clock.nowMs]);
  const later = writer.run([["lease", ["w", 99, 1_000, undefined]]], { ...clock, nowMs: clock.nowMs + 2_000_000 });
  const leases = later.results[0] as readonly RawLease[] | undefined;
  for (const [key, , ...rest] of leases ?? [])
    all.set(`lease ${keys.indexOf(key as SessionKeyText)}`, JSON.stringify(rest));
  return all;
}

test(`a flipped bit in any of ${FLIPS} places is told of, or changes no answer`, { timeout: 600_000 }, () => {
  verifies("session.bit-rot");

  const whole = fill();
  const ask = (
    bytes: Uint8Array,
  ): { readonly damage: GreenticError[]; readonly said: Map<string, string> | undefined } => {
    writeFileSync(file, bytes);
    const damage: GreenticError[] = [];
    let writer: SqliteWriter | undefined;
    let db: ReturnType<typeof openDatabase> | undefined;
    try {
      db = openDatabase(file);
      writer = new SqliteWriter(db, clock.nowMs, { onDamage: (error) => void damage.push(error) });
      return { damage, said: answers(writer) };
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      return { damage: [error], said: undefined };
    } finally {
      if (db?.isOpen === true) db.close();
    }
  };
  const before = ask(whole);
  expect(before.damage).toEqual([]);
  const counts = { refused: 0, told: 0, harmless: 0, othersUntouched: 0 };
  const silent: string[] = [];
  let seed = 12_345;
  for (let flip = 0; flip < FLIPS; flip++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const at = seed % whole.length;
    const bit = (seed >>> 13) % 8;
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    const { damage, said } = ask(bytes);
    const differing =
      said === undefined ? [] : [...(before.said ?? [])].filter(([name, answer]) => said.get(name) !== answer);
    for (const error of damage) if (said !== undefined) expect(error.code).toBe("STORE_DATA_CORRUPT");
    if (said === undefined) counts.refused++;
    else if (damage.length > 0) {
      counts.told++;
      // At most the answers about one session and the lists that it is missing from.
      const about = new Set(differing.map(([name]) => name.split(" ")[1]).filter((n) => n !== undefined));
      if (about.size <= 1) counts.othersUntouched++;
    } else if (differing.length === 0) counts.harmless++;
    else
      silent.push(
        `${at}/${bit}: ${differing.map(([name, answer]) => `${name}: ${answer} -> ${said.get(name)}`).join("; ")}`,
      );
  }
  if (process.env["FLIPS"] !== undefined) process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(silent).toEqual([]);
  // Between a quarter and a third in long runs; a short one has luck.
  expect(counts.told).toBeGreaterThan(FLIPS / 8);
});
