import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { entryOf, keyOf, recordOf, rowOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { leaseOf, rawIngress, rawTurn } from "./sqlite-codec.ts";
import { lostCommits } from "./sqlite-log-check.ts";
import type { RawAccepted, RawCall, RawSummary } from "./sqlite-protocol.ts";
import { SpaceReserve } from "./sqlite-reserve.ts";
import { openDatabase } from "./sqlite-schema.ts";
import { structureFault } from "./sqlite-scrub.ts";
import { SqliteWriter } from "./sqlite-writer.ts";

const BATCHES = 40;
/** Of each commit. */
const LOSSES_EACH = 3;
const SECTOR = 512;

const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-power-"));
afterAll(() => rmSync(root, { recursive: true }));
const clock = { nowMs: 1_800_000_000_000, monotonicMs: 0 };
const keys = Array.from({ length: 5 }, (_, n) => keyOf({ conversation: `c${n}` }));

let seed = 4_711;
function chance(): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return (seed >>> 8) / 2 ** 24;
}

/** What a disk holds. */
interface Image {
  readonly db: Buffer;
  readonly log: Buffer;
}

function imageOf(file: string): Image {
  return { db: readFileSync(file), log: existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`) : Buffer.alloc(0) };
}

/** Any of the sectors that were written since the last flush may be on the disk, in any order, and any part of what was appended. */
function torn(before: Buffer, after: Buffer): Buffer {
  const size = before.length + Math.floor(chance() * Math.max(0, after.length - before.length + 1));
  const bytes = Buffer.alloc(Math.max(size, Math.min(before.length, after.length)));
  const share = chance();
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const from = chance() < share ? after : before;
    if (at < from.length) from.copy(bytes, at, at, Math.min(at + SECTOR, bytes.length));
  }
  return bytes;
}

/** As `torn`; a log that begins anew has its header flushed before anything else is written. */
function tornLog(before: Buffer, after: Buffer): Buffer {
  const [old, young] = [before.subarray(0, 32), after.subarray(0, 32)];
  if (old.equals(young)) return torn(before, after);
  if (chance() < 0.2) return before;
  const bytes = torn(before, after);
  young.copy(bytes);
  return bytes;
}

test(`nothing acknowledged is lost with the power, ${BATCHES * 2 * LOSSES_EACH} times`, { timeout: 240_000 }, () => {
  verifies("session.power-loss");
  const file = join(root, "sessions.db");
  // A small reserve keeps the log short, so that it's copied and begun anew often.
  const reserve = new SpaceReserve(join(root, "reserve"), 400_000);
  const writer = new SqliteWriter(openDatabase(file), clock.nowMs, { reserve });
  const revisions = keys.map(() => 0);
  let flushed = imageOf(file);
  let copies = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    for (const commit of turns(writer, revisions, batch)) {
      const acknowledged = [...revisions];
      commit();
      const next = imageOf(file);
      const isCopied = !next.db.equals(flushed.db);
      if (isCopied) copies++;
      for (let loss = 0; loss < LOSSES_EACH; loss++) {
        // The log is flushed before it is copied into the file: where that has begun, the log is whole.
        const left =
          isCopied && chance() < 0.5
            ? { db: torn(flushed.db, next.db), log: next.log }
            : { db: flushed.db, log: tornLog(flushed.log, next.log) };
        for (const [n, revision] of found(left).entries()) {
          expect(revision).toBeGreaterThanOrEqual(acknowledged[n] ?? 0);
          expect(revision).toBeLessThanOrEqual(revisions[n] ?? 0);
        }
      }
      flushed = next;
    }
  }
  writer.close();
  expect(copies).toBeGreaterThan(3);
});

/** A turn of each session, as two group commits: what came in, then what the turns made of it. */
function turns(writer: SqliteWriter, revisions: number[], batch: number): readonly (() => void)[] {
  const entries = keys.map((key, n) => entryOf(`${batch}-${n}`, { key }));
  let accepted: readonly RawAccepted[] = [];
  const accept = (): void => {
    const calls = entries.map((entry): RawCall => ["accept", [rawIngress(entry, { worker: "w" })]]);
    accepted = writer.run(calls, clock).results as readonly RawAccepted[];
  };
  const commit = (): void => {
    const calls = accepted.map(([, , raw], n): RawCall => {
      const entry = entries[n];
      if (raw === undefined || entry === undefined) throw new Error("expected a lease");
      const lease = leaseOf(raw, "w", entry);
      const revision = (revisions[n] ?? 0) + 1;
      revisions[n] = revision;
      const turn = turnOf(lease, {
        session: recordOf(revision, { snapshot: { text: "words ".repeat(Math.floor(chance() * 500)) } }),
        state: [{ key: "flow/n", value: revision }],
        outbox: [rowOf(`${batch}-${n}`)],
        log: [revision],
      });
      return ["commit", [rawTurn(lease, turn, false)]];
    });
    expect(writer.run(calls, clock).failures).toBeUndefined();
  };
  return [accept, commit];
}

/** Opens what a disk was left with, and tells each session's revision. */
function found({ db, log }: Image): number[] {
  const file = join(root, "left.db");
  writeFileSync(file, db);
  if (log.length > 0) writeFileSync(`${file}-wal`, log);
  // A torn tail is not taken for damage.
  expect(lostCommits(file)).toBe(0);
  const damage: unknown[] = [];
  const opened = openDatabase(file);
  expect(structureFault(opened)).toBeUndefined();
  const writer = new SqliteWriter(opened, clock.nowMs, { onDamage: (error) => void damage.push(error) });
  const read = keys.map((key) => writer.run([["read", [key]]], clock).results[0] as RawSummary | undefined);
  writer.close();
  expect(damage).toEqual([]);
  for (const end of ["", "-wal"]) rmSync(file + end, { force: true });
  return read.map((summary) => {
    const body = summary?.[1] ?? null;
    return body === null ? 0 : (JSON.parse(body) as { readonly revision: number }).revision;
  });
}
