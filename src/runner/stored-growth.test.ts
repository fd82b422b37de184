import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openMemoryBlobs } from "../blob/index.ts";
import type { BlobStore } from "../blob/index.ts";
import type { TenantQuota } from "../config/index.ts";
import { DEFAULT_FILE_RULES, FileKeeper, receiveConsole } from "../messaging/index.ts";
import { PolicyGate, Quotas } from "../policy/index.ts";
import type { SessionStore } from "../session/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { AuditEntry } from "../telemetry/index.ts";
import { memoryAuditLog } from "../telemetry/index.ts";
import type { Attachment, SessionKeyText } from "../types/index.ts";
import { tenantId } from "../types/index.ts";
import type { ComponentBehaviour, TestRuntime } from "./runtime-fixture.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, settle, TENANT, TestWorld } from "./runtime-fixture.ts";
import { fileRoom } from "./stored-growth.ts";

const ACME = { env: ENV, tenant: TENANT };
const GLOBEX = { env: ENV, tenant: tenantId("globex") };

/** What each flow does is said by the first word. */
const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: choose
nodes:
  choose:
    message.send: { text: "{{in.text}}" }
    routing:
      - { if: 'in.text == "keep"', to: keep }
      - { if: 'in.text == "less"', to: less }
      - { if: 'in.text == "forget"', to: forget }
      - { if: 'in.text == "ask"', to: ask }
      - { if: 'in.text == "work"', to: work }
      - { if: 'in.text == "show"', to: show }
      - { if: 'in.text == "later"', to: later }
      - out
  keep:
    state.set: { key: big, value: "${"x".repeat(3_000)}" }
    routing: [{ on: error, to: full }, out]
  less: { state.set: { key: big, value: small }, routing: out }
  forget: { state.delete: { key: big }, routing: out }
  ask:
    qa: { questions: [{ id: name, prompt: "name?" }, { id: age, prompt: "age?" }] }
    routing: out
  work:
    component.exec: { component: shop, operation: work, input: {} }
    routing: [{ on: error, to: full }, out]
  show:
    message.send: { text: "look", attachments: [{ asset: picture.txt }] }
    routing: [{ on: error, to: full }, out]
  later: { delay: 1h, routing: [{ to: keep }] }
  full: { message.send: { text: "{{prev.error.code}}" }, routing: out }
`,
  },
  assets: { "picture.txt": "y".repeat(3_000) },
  components: { shop: 'http = ["https://api.example.com"]' },
});

interface Bounded {
  readonly opened: TestRuntime;
  readonly blobs: BlobStore;
  readonly notes: readonly AuditEntry[];
  /** What the worker says to a word. */
  readonly say: (text: string, how?: { readonly tenant?: string; readonly session?: string }) => Promise<unknown>;
  readonly used: () => Promise<number>;
  /** Keeps a file for a session. */
  readonly keep: (text: string) => Promise<Attachment | undefined>;
}

const OWNER = "test:acme:default:console:s1:console" as SessionKeyText;

async function bounded(
  quota: Readonly<Record<string, TenantQuota>>,
  how: { readonly store?: SessionStore; readonly world?: TestWorld; readonly component?: ComponentBehaviour } = {},
): Promise<Bounded> {
  const world = how.world ?? new TestWorld();
  const store = how.store ?? openMemoryStore(world);
  const blobs = openMemoryBlobs();
  const audit = memoryAuditLog();
  const nowMs = (): number => world.nowMs();
  const quotas = new Quotas({ quota: { all: {}, tenants: quota }, buckets: store, keepers: [store, blobs], nowMs });
  const gate = new PolicyGate({ engine: { judges: () => false, decide: () => ({ kind: "allow" }) }, world, audit });
  const opened = await openTestRuntime({
    world,
    store,
    quotas,
    gate,
    files: new FileKeeper({
      blobs,
      rules: DEFAULT_FILE_RULES,
      keepMs: () => 86_400_000,
      nowMs,
      room: fileRoom({ quotas, gate }),
    }),
    apps: [ACME, GLOBEX].map((scope) => ({ scope, pack })),
    providers: [consoleChannel(), consoleChannel("globex")],
    ...(how.component && { component: how.component }),
  });
  return {
    opened,
    blobs,
    notes: audit.entries,
    say: async (text, { tenant = "acme", session = "s1" } = {}) => {
      const report = await opened.say({ text }, { provider: consoleChannel(tenant), session });
      return report.error?.code ?? report.reply.map((message) => message.text).at(-1);
    },
    keep: async (text) =>
      opened.runtime.files?.keep(OWNER, {
        content: (async function* (): AsyncGenerator<Uint8Array, void> {
          yield Buffer.from(text);
        })(),
        mimeType: "text/plain",
        name: "a.txt",
      }),
    used: async () => (await store.storedBytes(ACME)) + (await blobs.storedBytes(ACME)),
  };
}

const DENIED = expect.objectContaining({ action: "quota.exceeded", rule: "quota.stored_bytes", outcome: "denied" });

test("state that grows beyond the quota is its node's error, and less of it never is", async () => {
  verifies("quota.stored-bytes", "policy.events");
  const { say, used, notes } = await bounded({ acme: { storedBytes: 5_000 } });
  expect(await say("keep")).toBe("keep");
  expect(await used()).toBeGreaterThan(3_000);
  expect(await say("keep", { session: "s2" })).toBe("POLICY_QUOTA_EXCEEDED");
  expect(notes).toEqual([DENIED]);
  expect(await used()).toBeLessThanOrEqual(5_000);
  // The same again takes no more.
  expect(await say("keep")).toBe("keep");
  expect(await say("keep", { tenant: "globex" })).toBe("keep");
  expect(await say("less")).toBe("less");
  expect(await say("keep", { session: "s2" })).toBe("keep");
  expect(await say("forget", { session: "s2" })).toBe("forget");
  expect(await say("keep")).toBe("keep");
  expect(notes).toHaveLength(1);
});

test("what a component writes beyond the quota is refused to it", async () => {
  verifies("quota.stored-bytes");
  const { say, opened } = await bounded(
    { acme: { storedBytes: 2_000 } },
    {
      component: async (ctx, { services }) => {
        await services.stateWrite(ctx, "shop/small", Buffer.from('"fits"'));
        await services.stateWrite(ctx, "shop/big", Buffer.from(JSON.stringify("z".repeat(3_000))));
        return null;
      },
    },
  );
  expect(await say("work")).toBe("POLICY_QUOTA_EXCEEDED");
  const [lease] = await reopen(opened, "s1");
  expect(lease).toEqual([]);
});

test("a flow that would wait with more than there is room for leaves its session as it was, and loses no message", async () => {
  verifies("quota.stored-bytes");
  const { say, opened, notes, used, keep } = await bounded({ acme: { storedBytes: 4_500 } });
  expect(await say("ask", { session: "form" })).toBe("name?");
  expect(await say("keep")).toBe("keep");
  expect((await keep("k".repeat(4_500 - (await used()) - 100)))?.url).toBeDefined();
  const before = await opened.store.list({});
  expect(await say("n".repeat(1_000), { session: "form" })).toBe("POLICY_QUOTA_EXCEEDED");
  expect(await say("ask", { session: "third" })).toBe("POLICY_QUOTA_EXCEEDED");
  expect(notes).toEqual([DENIED, DENIED]);
  expect(opened.errors).toEqual([]);
  const waiting = (sessions: typeof before): unknown =>
    sessions.flatMap(({ key, session }) => (session?.cursor === undefined ? [] : [[key, session.snapshot]]));
  expect(waiting(await opened.store.list({}))).toEqual(waiting(before));
  const dead = await opened.store.listDeadLetters({});
  expect(dead.map(({ reason }) => reason)).toEqual(["POLICY_QUOTA_EXCEEDED", "POLICY_QUOTA_EXCEEDED"]);
  // Room is made, and what was sent is said after all.
  expect(await say("forget")).toBe("forget");
  const first = dead.at(-1);
  expect(await opened.store.redrive(first?.order ?? 0)).toBe(true);
  await opened.world.advance(2_000);
  const [form] = (await opened.store.list({})).filter(({ key }) => key === first?.key);
  expect(JSON.stringify(form?.session?.snapshot)).toContain("n".repeat(1_000));
  expect(await used()).toBeLessThanOrEqual(4_500);
});

test("a flow that waits for time goes on whatever is kept", async () => {
  verifies("quota.stored-bytes");
  const { say, opened } = await bounded({ acme: { storedBytes: 4_000 } });
  expect(await say("later", { session: "timed" })).toBe("later");
  expect(await say("keep")).toBe("keep");
  await opened.world.advance(3_700_000);
  const [timed] = (await opened.store.list({})).filter(({ key }) => key.includes(":timed:"));
  // It met the quota at its node, took the way that the flow has for it, and ended.
  expect(timed?.session?.cursor).toBeUndefined();
  expect(await opened.store.listDeadLetters({})).toEqual([]);
});

test("files that there is no room for are named with why, and those that a flow says are its node's error", async () => {
  verifies("quota.stored-bytes", "policy.events");
  const { opened, blobs, notes, say, used, keep } = await bounded({ acme: { storedBytes: 5_000 } });
  expect((await keep("a".repeat(4_000)))?.url).toMatch(/^blob:/);
  const refused = await keep("b".repeat(2_000));
  expect(refused?.url).toBeUndefined();
  // Whoever sent it needn't know how much its tenant keeps.
  expect(refused?.content).toEqual({ code: "POLICY_QUOTA_EXCEEDED" });
  expect(await blobs.storedBytes(ACME)).toBe(4_000);
  expect(await say("show")).toBe("POLICY_QUOTA_EXCEEDED");
  expect(notes).toEqual([DENIED, DENIED]);
  expect((await keep("c".repeat(500)))?.url).toMatch(/^blob:/);
  // One that comes with a message: its flow runs and sees why.
  const url = `data:text/plain;base64,${Buffer.alloc(2_000, "d").toString("base64")}`;
  const message = receiveConsole(
    consoleChannel().address,
    { text: "x", attachments: [{ mime_type: "text/plain", url }] },
    { session: "s1", id: "with-file" },
  );
  const report = await opened.runtime.request(consoleChannel(), message, { timeoutMs: 1_000_000 });
  expect(report.status).toBe("done");
  expect(await used()).toBeLessThanOrEqual(5_000);
  await blobs.erase(ACME);
  // What was erased elsewhere is seen once it is measured anew.
  await opened.world.advance(6_000);
  await say("x");
  await settle();
  expect((await keep("e".repeat(4_000)))?.url).toMatch(/^blob:/);
});

test("nobody measures what isn't bounded, and what is only now and then", async () => {
  verifies("quota.stored-bytes");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const asked: string[] = [];
  const count = store.storedBytes.bind(store);
  store.storedBytes = (whose) => {
    asked.push(whose.tenant);
    return count(whose);
  };
  const one = await bounded({ acme: { storedBytes: 5_000 } }, { world, store });
  for (let n = 0; n < 5; n++) await one.say("x", { tenant: "globex", session: `s${n}` });
  expect(asked).toEqual([]);
  for (let n = 0; n < 5; n++) await one.say("x", { session: `s${n}` });
  expect(asked).toEqual(["acme"]);
  await world.advance(5_000);
  await one.say("x");
  expect(asked).toEqual(["acme", "acme"]);
});

/** The state of a session, as its next turn would find it. */
async function reopen(opened: TestRuntime, session: string): Promise<readonly (readonly unknown[])[]> {
  const summaries = (await opened.store.list({})).filter(({ key }) => key.includes(`:${session}:`));
  return Promise.all(
    summaries.map(async ({ key }) => {
      await opened.store.accept({
        key,
        dedupeKey: `look ${session}`,
        receivedAtMs: opened.world.nowMs(),
        traceId: "0".repeat(32),
        envelope: {} as never,
        dedupeTtlMs: 1_000,
      });
      const [lease] = await opened.store.lease("looker", { limit: 1, keys: [key] });
      return [...(lease?.state.keys() ?? [])];
    }),
  );
}
