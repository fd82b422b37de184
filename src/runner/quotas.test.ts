import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { AuditEntry } from "../telemetry/index.ts";
import { memoryAuditLog } from "../telemetry/index.ts";
import type { QuotaConfig } from "../config/index.ts";
import { PolicyGate, Quotas } from "../policy/index.ts";
import type { SessionStore } from "../session/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { tenantId } from "../types/index.ts";
import { pack, platform, received } from "./delivery-fixture.ts";
import type { Platform } from "./delivery-fixture.ts";
import type { ComponentBehaviour, TestRuntime } from "./runtime-fixture.ts";
import { consoleChannel, ENV, openTestRuntime, settle, TENANT, TestWorld } from "./runtime-fixture.ts";
import { hasLargestShare, pickFairly } from "./tenant-shares.ts";

const ACME = { env: ENV, tenant: TENANT };
const OTHER = { env: ENV, tenant: tenantId("globex") };

function quotasOf(quota: Partial<QuotaConfig>, world: TestWorld, store: SessionStore): Quotas {
  return new Quotas({ quota: { all: {}, tenants: {}, ...quota }, buckets: store, nowMs: () => world.nowMs() });
}

interface Bounded {
  readonly opened: TestRuntime;
  readonly world: TestWorld;
  readonly platform: Platform;
  readonly notes: readonly AuditEntry[];
}

async function bounded(
  quota: Partial<QuotaConfig>,
  how: { readonly component?: ComponentBehaviour; readonly maxTurns?: number; readonly defaultFlow?: string } = {},
): Promise<Bounded> {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const audit = memoryAuditLog();
  const quotas = quotasOf(quota, world, store);
  const gate = new PolicyGate({
    engine: { judges: () => false, decide: () => ({ kind: "allow" }) },
    world,
    audit,
  });
  const to = platform(world, "A", () => ({ kind: "sent" }));
  const opened = await openTestRuntime({
    world,
    store,
    quotas,
    gate,
    apps: [
      { scope: ACME, pack, defaultFlow: how.defaultFlow ?? "plain" },
      { scope: OTHER, pack, defaultFlow: how.defaultFlow ?? "plain" },
    ],
    providers: [to.channel, consoleChannel(), consoleChannel("globex")],
    ...(how.component && { component: how.component }),
    ...(how.maxTurns !== undefined && { defaults: { maxTurns: how.maxTurns } }),
  });
  return { opened, world, platform: to, notes: audit.entries };
}

describe("turns per minute", () => {
  test("what a platform delivers beyond them waits its turn, and none is lost", async () => {
    verifies("quota.turns");
    const { opened, world, platform: to } = await bounded({ all: { turnsPerMinute: 60 } });
    // A quarter of a minute's worth may come at once.
    for (let i = 0; i < 40; i++)
      await opened.runtime.accept(to.channel, received(to.channel, `m${i}`, `t${i}`, `s${i}`));
    await settle();
    expect(to.sent).toHaveLength(15);
    await world.advance(60_000);
    expect(to.sent).toHaveLength(40);
    expect(new Set(to.sent.map(({ payload }) => payload))).toEqual(
      new Set(Array.from({ length: 40 }, (_, i) => `t${i}`)),
    );
    // Never more than the quota: what came at once, and one a second behind it.
    const [first = to.sent[0]] = to.sent;
    for (const [index, { atMs }] of to.sent.entries())
      expect(index + 1).toBeLessThanOrEqual(15 + Math.ceil((atMs - (first?.atMs ?? 0)) / 1_000) + 1);
    expect(await opened.store.listDeadLetters({})).toEqual([]);
    expect(opened.errors).toEqual([]);
  });

  test("who waits for the answer is told to come again and when, and another tenant isn't", async () => {
    verifies("quota.turns", "policy.events");
    const { opened, notes } = await bounded({ tenants: { acme: { turnsPerMinute: 4 } } });
    const say = (id: string) => opened.say({ text: "hi" }, { provider: consoleChannel(), id, session: id });
    expect((await say("a")).status).toBe("done");
    await expect(say("b")).rejects.toMatchObject({
      code: "POLICY_QUOTA_EXCEEDED",
      kind: "rate_limited",
      retryAfterMs: 15_000,
      details: { rule: "quota.turns_per_minute" },
    });
    expect(notes).toEqual([expect.objectContaining({ action: "quota.exceeded", rule: "quota.turns_per_minute" })]);
    for (const id of ["c", "d", "e"])
      expect((await opened.say({ text: "hi" }, { provider: consoleChannel("globex"), id, session: id })).status).toBe(
        "done",
      );
    await opened.world.advance(15_000);
    expect((await say("f")).status).toBe("done");
  });
});

test("sends beyond a tenant's quota wait, and all leave in their order", async () => {
  verifies("quota.sends");
  const { opened, world, platform: to } = await bounded({ all: { sendsPerMinute: 12 } });
  for (let i = 0; i < 8; i++) await opened.runtime.accept(to.channel, received(to.channel, `m${i}`, `t${i}`, "one"));
  await settle();
  expect(to.sent).toHaveLength(3);
  await world.advance(120_000);
  expect(to.sent.map(({ payload }) => payload)).toEqual(Array.from({ length: 8 }, (_, i) => `t${i}`));
  expect(await opened.store.listOutbox({ status: "failed" })).toEqual([]);
});

describe("components", () => {
  const taking =
    (fuel: number, peakMemoryBytes = 0): ComponentBehaviour =>
    () => ({
      kind: "ok",
      output: { said: "went" },
      stats: { wallMs: 1, fuel, peakMemoryBytes, hostCalls: [], log: "" },
    });
  const run = (opened: TestRuntime, tenant = "acme") =>
    opened.say({ text: "x" }, { provider: consoleChannel(tenant), session: `s${Math.random()}` });

  test("a tenant that used a minute's fuel gets no call before it is paid", async () => {
    verifies("quota.components");
    const { opened, world, notes } = await bounded(
      { all: { fuelPerMinute: 1_000 } },
      { component: taking(700), defaultFlow: "default" },
    );
    // The second is let in with what is left, and pays for itself afterwards.
    expect([(await run(opened)).status, (await run(opened)).status]).toEqual(["done", "done"]);
    const refused = await run(opened);
    expect(refused.error?.code).toBe("POLICY_QUOTA_EXCEEDED");
    expect((await run(opened, "globex")).status).toBe("done");
    expect(notes).toEqual([
      expect.objectContaining({ action: "quota.exceeded", rule: "quota.fuel_per_minute", actor: "component:shop" }),
    ]);
    await world.advance(60_000);
    expect((await run(opened)).status).toBe("done");
  });

  test("a call that took more memory than its tenant may gives nothing", async () => {
    verifies("quota.components");
    const { opened } = await bounded(
      { all: { memoryBytes: 1 << 20 }, tenants: { globex: { memoryBytes: 4 << 20 } } },
      { component: taking(1, 2 << 20), defaultFlow: "default" },
    );
    expect((await run(opened)).error).toMatchObject({ code: "POLICY_QUOTA_EXCEEDED", retryable: false });
    expect((await run(opened, "globex")).status).toBe("done");
  });
});

describe("on a full host", () => {
  const key = (tenant: string, n: number): SessionKeyText => `test:${tenant}:default:c:v${n}:u` as SessionKeyText;
  const keys = (tenant: string, count: number): readonly SessionKeyText[] =>
    Array.from({ length: count }, (_, n) => key(tenant, n));

  test("who has least under way is served first", () => {
    verifies("quota.fair");
    const wanted = new Set([...keys("greedy", 500), ...keys("quiet", 3), ...keys("calm", 2)]);
    const picked = pickFairly(wanted, 8, keys("greedy", 4));
    expect(picked.filter((one) => one.includes("quiet"))).toHaveLength(3);
    expect(picked.filter((one) => one.includes("calm"))).toHaveLength(2);
    expect(picked.filter((one) => one.includes("greedy"))).toHaveLength(3);
    expect(pickFairly(wanted, 1, [])).toEqual([key("greedy", 0)]);
    expect(pickFairly(new Set(keys("greedy", 9)), 3, [])).toEqual(keys("greedy", 3));
    expect(hasLargestShare("greedy", wanted)).toBe(true);
    expect(hasLargestShare("quiet", wanted)).toBe(false);
    expect(hasLargestShare("nobody", wanted)).toBe(false);
  });

  test("a greedy tenant keeps nobody waiting behind its crowd, and is turned away first", async () => {
    verifies("quota.fair");
    const finish: (() => void)[] = [];
    const begun: string[] = [];
    const component: ComponentBehaviour = (ctx) =>
      new Promise((resolve) => {
        begun.push(ctx.tenant);
        finish.push(() => resolve({ said: "went" }));
      });
    const { opened, platform: to } = await bounded(
      { turnsAtOnce: 4 },
      { component, maxTurns: 4, defaultFlow: "default" },
    );
    for (let i = 0; i < 50; i++)
      await opened.runtime.accept(to.channel, received(to.channel, `m${i}`, `t${i}`, `s${i}`));
    await settle();
    expect(begun).toEqual(["acme", "acme", "acme", "acme"]);
    // The host is full of acme: its callers are told to come again, and those of others are taken.
    await expect(opened.say({ text: "x" }, { provider: consoleChannel(), session: "c1" })).rejects.toMatchObject({
      code: "POLICY_QUOTA_EXCEEDED",
      details: { rule: "quota.turns_at_once" },
    });
    const others = ["q1", "q2"].map((session) =>
      opened.say({ text: "x" }, { provider: consoleChannel("globex"), session, id: session }),
    );
    await settle();
    for (const end of finish.splice(0, 2)) end();
    await settle();
    // Forty-six of acme's wait since before, and the next two places are the other tenant's.
    expect(begun).toEqual(["acme", "acme", "acme", "acme", "globex", "globex"]);
    for (let round = 0; round < 60 && begun.length < 52; round++) {
      for (const end of finish.splice(0)) end();
      await settle();
    }
    for (const end of finish.splice(0)) end();
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual(["done", "done"]);
    await opened.world.advance(5_000);
    expect(to.sent).toHaveLength(50);
  });
});

test("allowances are the store's, so that processes share them", async () => {
  verifies("quota.turns");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const [one, two] = [
    quotasOf({ all: { turnsPerMinute: 8 } }, world, store),
    quotasOf({ all: { turnsPerMinute: 8 } }, world, store),
  ];
  expect(await one.takeTurn(ACME)).toBe(0);
  expect(await two.takeTurn(ACME)).toBe(0);
  expect(await two.takeTurn(ACME)).toBe(7_500);
  // Those that wait here come one after the other.
  expect(await two.takeTurn(ACME)).toBe(15_000);
  expect(await one.takeTurn(OTHER)).toBe(0);
});
