/**
 * A process that fills a SQLite store with waiting sessions, or opens one that was filled: `fill DIR COUNT` or `open DIR`. Prints
 * `{ ms, residentMiB }` on stdout.
 */
import { createMachineWorld } from "../../src/runner/index.ts";
import { openSqliteStore } from "../../src/session/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { channelId, conversationId, envId, formatSessionKey, teamId, tenantId, userId } from "../../src/types/index.ts";

const AT_ONCE = 512;

async function wait(store: SessionStore, n: number): Promise<void> {
  const key = formatSessionKey({
    env: envId("prod"),
    tenant: tenantId("acme"),
    team: teamId("support"),
    channel: channelId("telegram"),
    conversation: conversationId(String(1_000_000_000 + n)),
    user: userId(String(1_000_000_000 + n)),
  });
  const accepted = await store.accept(
    {
      key,
      dedupeKey: `u${n}`,
      receivedAtMs: Date.now(),
      traceId: n.toString(16).padStart(32, "0"),
      envelope: {
        id: `m${n}`,
        tenant: { env: "prod", tenant: "acme" },
        channel: "telegram",
        session_id: String(n),
        text: "I would like to book a table",
        attachments: [],
        metadata: {},
      },
      dedupeTtlMs: 1,
    },
    { leaseTo: { worker: "w" } },
  );
  const { lease } = accepted;
  if (lease === undefined) throw new Error("Fill store: no lease");
  await store.commit(lease, {
    session: {
      cursor: { flow: "book", node: "ask" },
      waitReason: "question:day",
      pack: "restaurant",
      packHash: "ab".repeat(32),
      locale: "en",
      revision: 1,
      expiresAtMs: Date.now() + 30 * 86_400_000,
      snapshot: {
        frames: [{ flow: "book", node: "ask", vars: {}, outputs: {}, wait: { kept: { answers: { people: 4 } } } }],
        via: { conversation: String(n), user: String(n) },
      },
    },
    consumed: lease.inbox.map(({ order }) => order),
    state: [],
    timersDone: [],
    timersNew: [],
    outbox: [],
    log: [],
  });
}

const [what, dir = "", count = "0"] = process.argv.slice(2);
const startedMs = performance.now();
const store = await openSqliteStore({ dir, world: createMachineWorld() });
if (what === "fill") {
  let next = 0;
  const last = Number(count);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < last) await wait(store, next++);
    }),
  );
  for (let round = 0; round < 2_000; round++) await store.sweep(Date.now());
}
const openedMs = performance.now() - startedMs;
console.log(JSON.stringify({ ms: openedMs, residentMiB: process.memoryUsage.rss() / 1_048_576 }));
await store[Symbol.asyncDispose]();
