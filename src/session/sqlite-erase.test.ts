import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  entryOf,
  envelopeOf,
  keyOf,
  leaseOf,
  ManualWorld,
  recordOf,
  rowOf,
  turnOf,
} from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { envId, tenantId, userId } from "../types/index.ts";
import { openSqliteStore } from "./index.ts";
import type { SessionStore } from "./index.ts";

const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-erase-"));
afterAll(() => rmSync(root, { recursive: true }));

let messages = 0;

/** Runs turns whose texts, of many sizes, all say whose they are. */
async function talk(store: SessionStore, user: string, turns: number): Promise<void> {
  const key = keyOf({ user, conversation: `with-${user}` });
  for (let n = 1; n <= turns; n++) {
    const text = `words of ${user} `.repeat(1 + ((n * 37) % 60));
    const message = ++messages;
    await store.accept(entryOf(`m${message}`, { key, envelope: envelopeOf(text), log: text }));
    const lease = await leaseOf(store, key);
    const order = lease.inbox[0]?.order ?? -1;
    await store.record(lease, {
      turn: (lease.session?.revision ?? 0) + 1,
      seq: 0,
      node: "n",
      inputHash: "h",
      outcome: text,
    });
    await store.commit(
      lease,
      turnOf(lease, {
        session: recordOf((lease.session?.revision ?? 0) + 1, { snapshot: { text: text.repeat(n % 5) } }),
        state: [{ key: `flow/${n % 7}`, value: text }],
        timersNew: [{ onceKey: `t${n % 3}`, dueAtMs: 2_000_000_000_000, payload: text }],
        outbox: [rowOf(`r${message}`, { payload: text })],
        log: [text],
        journal: text,
        ...(n % 5 === 0 ? { consumed: [], deadLetters: [{ order, reason: "X" }] } : {}),
        answers: [{ order, answer: text }],
      }),
    );
  }
}

/** How often a text occurs in all files of a folder. */
function count(dir: string, text: string): number {
  let found = 0;
  for (const name of readdirSync(dir)) found += readFileSync(join(dir, name)).toString("latin1").split(text).length - 1;
  return found;
}

test("erase() leaves not one word of a user in the store's files, and every word of others", async () => {
  verifies("session.erase");
  const dir = mkdtempSync(join(root, "user-"));
  const world = new ManualWorld();
  await using store = await openSqliteStore({ dir, world });
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, n) => talk(store, `person${n}x`, 12 + n)));
  }
  await talk(store, "person20x", 3);
  const kept = JSON.stringify(await store.list({ limit: 99 })).split("words of person3x").length;
  expect(count(dir, "words of person7x")).toBeGreaterThan(100);
  const erased = await store.erase({ env: envId("prod"), tenant: tenantId("acme"), user: userId("person7x") });
  expect(erased).toMatchObject({ sessions: 1, logs: 1 });
  expect(erased.rows).toBeGreaterThan(0);
  expect(count(dir, "words of person7x")).toBe(0);
  expect(count(dir, "words of person3x")).toBeGreaterThan(100);
  expect(JSON.stringify(await store.list({ limit: 99 })).split("words of person3x")).toHaveLength(kept);
});
