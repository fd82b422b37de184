import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { BlobStore } from "../blob/index.ts";
import { openMemoryBlobs } from "../blob/index.ts";
import type { RetentionConfig } from "../config/index.ts";
import { keepTimesOf } from "../config/index.ts";
import { DEFAULT_FILE_RULES, FileKeeper, receiveConsole } from "../messaging/index.ts";
import { conversationOf } from "../session/index.ts";
import { configOf } from "../../test/stand-ins/policy-engine.ts";
import type { SessionKeyText } from "../types/index.ts";
import { parseSessionKey, tenantId } from "../types/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { TestRuntime } from "./runtime-fixture.ts";

const DAY_MS = 86_400_000;

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: x, prompt: "name?" }] }, routing: out }
`,
  },
});

async function kept(
  toml: string,
): Promise<{ readonly opened: TestRuntime; readonly blobs: BlobStore; readonly retention: RetentionConfig }> {
  const { retention } = configOf(toml);
  const world = new TestWorld();
  const blobs = openMemoryBlobs();
  const files = new FileKeeper({
    blobs,
    rules: DEFAULT_FILE_RULES,
    keepMs: (owner) => keepTimesOf(retention, parseSessionKey(owner).tenant).blobsMs ?? DAY_MS,
    nowMs: () => world.nowMs(),
  });
  const opened = await openTestRuntime({
    world,
    retention,
    files,
    apps: [TENANT, tenantId("globex")].map((tenant) => ({ scope: { env: ENV, tenant }, pack })),
    providers: [consoleChannel(), consoleChannel("globex")],
    // A sweep an hour is enough, and moves time quickly.
    defaults: { sweepIntervalMs: 3_600_000 },
  });
  return { opened, blobs, retention };
}

const TENANTS = ["acme", "globex"];
const start = async (opened: TestRuntime): Promise<readonly SessionKeyText[]> =>
  Promise.all(
    TENANTS.map(async (tenant) => (await opened.say({ text: "hi" }, { provider: consoleChannel(tenant) })).session),
  );
const there = async (opened: TestRuntime): Promise<readonly string[]> =>
  (await opened.store.list({}))
    .filter(({ session }) => session !== undefined)
    .map(({ key }) => parseSessionKey(key).tenant);

test("sessions go after their tenant's days", async () => {
  verifies("retention.days");
  const { opened } = await kept("[retention]\nsessions_days = 10\n[retention.tenants.globex]\nsessions_days = 2\n");
  await start(opened);
  expect(await there(opened)).toEqual(TENANTS);
  await opened.world.advance(2 * DAY_MS + 3_600_000);
  expect(await there(opened)).toEqual(["acme"]);
  await opened.world.advance(8 * DAY_MS);
  expect(await there(opened)).toEqual([]);
});

test("dead letters go after their tenant's days, and stay where nobody says any", async () => {
  verifies("retention.days");
  const { opened } = await kept("[retention.tenants.globex]\ndead_letters_days = 3\n");
  for (const key of await start(opened)) {
    const [lease] = await opened.store.lease("w", { limit: 1, keys: [key] });
    expect(lease).toBeUndefined();
  }
  const { store, world } = opened;
  for (const tenant of TENANTS) {
    const key = `test:${tenant}:default:console:late:console` as SessionKeyText;
    await store.accept({
      key,
      dedupeKey: `dead-${tenant}`,
      receivedAtMs: world.nowMs(),
      traceId: "0".repeat(32),
      envelope: {
        id: "m",
        channel: "console",
        session_id: "late",
        metadata: {},
        tenant: { env: "test", tenant, team: "default" },
      } as never,
      dedupeTtlMs: 1_000,
    });
    const [lease] = await store.lease("w", { limit: 1, keys: [key] });
    if (lease === undefined) throw new Error("nothing to lease");
    await store.commit(lease, {
      session: null,
      consumed: [],
      deadLetters: lease.inbox.map(({ order }) => ({ order, reason: "X" })),
      state: [],
      timersDone: [],
      timersNew: [],
      outbox: [],
      log: [],
    });
  }
  const dead = async (): Promise<readonly string[]> =>
    (await store.listDeadLetters({})).map(({ key }) => parseSessionKey(key).tenant).toReversed();
  await world.advance(2 * DAY_MS);
  expect(await dead()).toEqual(TENANTS);
  await world.advance(DAY_MS + 2 * 3_600_000);
  expect(await dead()).toEqual(["acme"]);
  await world.advance(60 * DAY_MS);
  expect(await dead()).toEqual(["acme"]);
});

test("sends that are over go after their tenant's days, and what is in doubt stays", async () => {
  verifies("retention.days");
  const { opened } = await kept("[retention.tenants.globex]\noutbox_days = 3\n");
  const { store, world } = opened;
  await start(opened);
  for (const tenant of TENANTS) {
    const key = `test:${tenant}:default:other:late:console` as SessionKeyText;
    await store.accept({
      key,
      dedupeKey: `said-${tenant}`,
      receivedAtMs: world.nowMs(),
      traceId: "0".repeat(32),
      envelope: {
        id: "m",
        channel: "other",
        session_id: "late",
        metadata: {},
        tenant: { env: "test", tenant, team: "default" },
      } as never,
      dedupeTtlMs: 1_000,
    });
    const [lease] = await store.lease("w", { limit: 1, keys: [key] });
    if (lease === undefined) throw new Error("nothing to lease");
    const row = { provider: "other", sinkClass: "C", payload: null, traceId: "0".repeat(32) } as const;
    await store.commit(lease, {
      session: null,
      consumed: lease.inbox.map(({ order }) => order),
      state: [],
      timersDone: [],
      timersNew: [],
      outbox: ["given-up", "doubtful"].map((id) => ({ ...row, id: `${id}-${tenant}` })),
      log: [],
    });
    expect(await store.abandonSend(`given-up-${tenant}`)).toBe(true);
    const claimed = (await store.claimSends("s", { limit: 9 })).find(({ id }) => id === `doubtful-${tenant}`);
    if (claimed === undefined) throw new Error("nothing to send");
    await store.beginSend(claimed, "s");
    await store.endSend(claimed, "s", { kind: "unknown", error: "X", notBeforeMs: Number.MAX_SAFE_INTEGER });
  }
  const left = async (): Promise<readonly string[]> =>
    (await store.listOutbox({}))
      .map(({ id }) => id)
      .filter((id) => /^(given-up|doubtful)-/.test(id))
      .sort();
  const everything = ["doubtful-acme", "doubtful-globex", "given-up-acme", "given-up-globex"];
  await world.advance(2 * DAY_MS);
  expect(await left()).toEqual(everything);
  // Its days count from its last end.
  expect([await store.retrySend("given-up-globex"), await store.abandonSend("given-up-globex")]).toEqual([true, true]);
  await world.advance(DAY_MS + 2 * 3_600_000);
  expect(await left()).toEqual(everything);
  await world.advance(2 * DAY_MS);
  expect(await left()).toEqual(everything.filter((id) => id !== "given-up-globex"));
  await world.advance(60 * DAY_MS);
  expect(await left()).toEqual(everything.filter((id) => id !== "given-up-globex"));
});

test("files go after their tenant's days though the session stays, and with it where nobody says any", async () => {
  verifies("retention.days");
  const { opened, blobs } = await kept("[retention.tenants.globex]\nblobs_days = 2\n");
  const content = async function* (): AsyncGenerator<Uint8Array, void> {
    yield Buffer.from("hello");
  };
  const urls = await Promise.all(
    (await start(opened)).map(
      async (owner) =>
        (await opened.runtime.files?.keep(owner, { content: content(), mimeType: "text/plain", name: "a.txt" }))?.url ??
        "",
    ),
  );
  const open = (): Promise<readonly boolean[]> =>
    Promise.all(
      TENANTS.map(
        async (tenant, i) => (await blobs.open({ env: ENV, tenant: tenantId(tenant) }, urls[i] ?? "")) !== undefined,
      ),
    );
  await opened.world.advance(1.5 * DAY_MS);
  expect(await open()).toEqual([true, true]);
  await opened.world.advance(DAY_MS);
  expect(await open()).toEqual([true, false]);
  expect(await there(opened)).toEqual(TENANTS);
});

test("entries of a conversation's log go after their tenant's days though it goes on", async () => {
  verifies("retention.conversation-log");
  const { retention } = configOf("[retention.tenants.globex]\nconversation_log_days = 2\n");
  const opened = await openTestRuntime({
    world: new TestWorld(),
    retention,
    apps: [TENANT, tenantId("globex")].map((tenant) => ({ scope: { env: ENV, tenant }, pack })),
    providers: TENANTS.map((tenant) => consoleChannel(tenant)),
    defaults: { sweepIntervalMs: 3_600_000 },
  });
  const say = async (tenant: string, text: string): Promise<string> => {
    const provider = consoleChannel(tenant);
    const message = receiveConsole(provider.address, { text }, { session: "s1", id: `${tenant} ${text}` });
    const { session } = await opened.runtime.request(provider, { ...message, log: { text } }, { timeoutMs: 1_000_000 });
    return conversationOf(session);
  };
  const indexes = async (tenant: string, after = -1): Promise<readonly number[]> => {
    const entries = await opened.store.readLog(logs[tenant] ?? "", { after, limit: 99 });
    return entries.map(({ index }) => index);
  };
  const logs: Record<string, string> = {};
  for (const tenant of TENANTS) logs[tenant] = await say(tenant, "hi");
  // What was said, and what the flow answered.
  expect(await indexes("globex")).toEqual([0, 1]);
  await opened.world.advance(1.5 * DAY_MS);
  for (const tenant of TENANTS) await say(tenant, "Ada");
  const later = await indexes("globex", 1);
  expect(later.length).toBeGreaterThan(0);
  await opened.world.advance(0.5 * DAY_MS);
  expect(await indexes("globex")).toEqual(later);
  expect(await indexes("globex", 0)).toEqual(later);
  expect(await indexes("acme")).toEqual([0, 1, ...later]);
  await opened.world.advance(2 * DAY_MS);
  expect(await indexes("globex")).toEqual([]);
  await say("globex", "again");
  expect((await indexes("globex"))[0]).toBe((later.at(-1) ?? 0) + 1);
  expect(await indexes("acme")).toEqual([0, 1, ...later]);
});
