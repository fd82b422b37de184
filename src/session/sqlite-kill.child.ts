// A process for the kill test: talks, runs turns and sends until it is killed, and says on its output what has resolved.
import { channelId, conversationId, envId, formatSessionKey, teamId, tenantId, userId } from "../types/index.ts";
import type { SessionKeyText, World } from "../types/index.ts";
import { openSqliteStore } from "./index.ts";
import type { Lease, SessionStore } from "./index.ts";

const CONVERSATIONS = 8;

const world: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
  schedule: () => () => undefined,
};

/** Acknowledges. One write a line, so that a kill can cut off the last one only. */
function say(...words: readonly (string | number)[]): void {
  process.stdout.write(`${words.join(" ")}\n`);
}

function keyOf(conversation: number): SessionKeyText {
  return formatSessionKey({
    env: envId("prod"),
    tenant: tenantId("acme"),
    team: teamId("default"),
    channel: channelId("webchat"),
    conversation: conversationId(`c${conversation}`),
    user: userId("u"),
  });
}

async function turn(store: SessionStore, conversation: number, lease: Lease): Promise<void> {
  let last = Number(lease.state.get("flow/last") ?? 0);
  const ids: string[] = [];
  for (const { dedupeKey } of lease.inbox) {
    const n = Number(dedupeKey.split("-")[1]);
    if (n !== last + 1) say("disorder", conversation, last, n);
    last = n;
    ids.push(dedupeKey);
  }
  const revision = (lease.session?.revision ?? 0) + 1;
  await store.commit(lease, {
    session: { pack: "p", packHash: "00", locale: "en", revision, snapshot: { last } },
    consumed: lease.inbox.map(({ order }) => order),
    state: [{ key: "flow/last", value: last }],
    timersDone: [],
    timersNew: [],
    outbox: ids.map((id) => ({ id, provider: "p", sinkClass: "C", payload: {}, traceId: "00" })),
    log: ids,
  });
  say("committed", conversation, last);
}

async function talk(store: SessionStore, conversation: number): Promise<never> {
  const key = keyOf(conversation);
  for (const lease of await store.lease("w", { limit: 1, keys: [key] })) await turn(store, conversation, lease);
  const known = (await store.read(key))?.session?.snapshot as { readonly last: number } | undefined;
  for (let n = (known?.last ?? 0) + 1; ; n++) {
    const entry = {
      key,
      dedupeKey: `${conversation}-${n}`,
      receivedAtMs: world.nowMs(),
      traceId: "00",
      envelope: {
        id: `${n}`,
        tenant: { env: "prod", tenant: "acme" },
        channel: "webchat",
        session_id: "c",
        attachments: [],
        metadata: {},
      },
      dedupeTtlMs: 3_600_000,
    };
    const { lease } = await store.accept(entry, n % 3 === 0 ? {} : { leaseTo: { worker: "w" } });
    say("accepted", conversation, n);
    if (lease !== undefined) await turn(store, conversation, lease);
  }
}

async function send(store: SessionStore): Promise<never> {
  for (;;) {
    for (const row of await store.claimSends("s", { limit: 4 })) {
      if (row.status === "unknown") say("doubted", row.id);
      await store.beginSend(row, "s");
      say("delivered", row.id);
      await store.endSend(row, "s", { kind: "sent" });
      say("sent", row.id);
    }
  }
}

const store = await openSqliteStore({ dir: process.argv[2] ?? "", world });
say("opened");
await Promise.all([send(store), ...Array.from({ length: CONVERSATIONS }, (_, n) => talk(store, n))]);
