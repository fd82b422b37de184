import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { nextOccurrence, loadCron } from "./cron.ts";
import { dyingStore } from "./crash-fixture.ts";
import { ENV, makePack, openTestRuntime, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { TestRuntimeOptions } from "./runtime-fixture.ts";

const packOf = (schedule: string, nodes = FIRE): ReturnType<typeof makePack> =>
  makePack({
    flows: { nightly: `id: nightly\ntype: timer\n${schedule}\nstart: a\nnodes:\n${nodes}` },
    components: { shop: 'http = ["https://api.example.com"]' },
  });
const FIRE = `  a: { component.exec: { component: shop, operation: fire, input: { at: "{{in.scheduled_at}}" } }, routing: out }`;

/** Times at which the flow ran, as its messages say. */
const recorder = (): { readonly fired: string[]; readonly component: NonNullable<TestRuntimeOptions["component"]> } => {
  const fired: string[] = [];
  return {
    fired,
    component: (_ctx, { input }) => {
      fired.push((input as { at: string }).at);
      return null;
    },
  };
};

const hour = 3_600_000;
/** Nothing but calendars wakes it. */
const QUIET: TestRuntimeOptions = { defaults: { sweepIntervalMs: 600_000 } };

describe("schedule", () => {
  test("a flow starts by itself when its calendar says so", async () => {
    verifies("flow.schedule");
    const { fired, component } = recorder();
    const pack = await packOf(`schedule: { cron: "*/15 * * * *" }`);
    const { world, errors } = await openTestRuntime({ ...QUIET, pack, component });
    await world.advance(hour + 1_000);
    expect(fired).toEqual(["10:15", "10:30", "10:45", "11:00"].map((at) => `2026-03-05T${at}:00.000Z`));
    expect(errors).toEqual([]);
  });

  test("a tenant without channels has its schedules all the same, and so has a pack that comes later", async () => {
    const { fired, component } = recorder();
    const opened = await openTestRuntime({ ...QUIET, providers: [], component });
    await opened.runtime.loadPack({ scope: { env: ENV, tenant: TENANT }, pack: await packOf(`cron: "0 * * * *"`) });
    await opened.world.advance(hour + 1_000);
    expect(fired).toEqual(["2026-03-05T11:00:00.000Z"]);
    opened.runtime.unloadPack({ env: ENV, tenant: TENANT }, "app");
    await opened.world.advance(2 * hour);
    expect(fired).toHaveLength(1);
  });

  test("of many workers one runs each firing", async () => {
    verifies("flow.schedule.once");
    const { fired, component } = recorder();
    const pack = await packOf(`cron: "*/5 * * * *"`);
    const world = new TestWorld();
    const store = openMemoryStore(world);
    for (let i = 0; i < 3; i++) await openTestRuntime({ ...QUIET, pack, component, world, store });
    await world.advance(hour + 1_000);
    expect(fired).toHaveLength(12);
    expect(new Set(fired).size).toBe(12);
  });

  test.each([
    ["none", []],
    ["last", ["03-08T00:00"]],
    ["all", ["03-06T00:00", "03-07T00:00", "03-08T00:00"]],
  ] as const)("after a downtime what was missed follows catch_up: %s", async (policy, expected) => {
    verifies("flow.schedule.catch-up");
    const { fired, component } = recorder();
    const pack = await packOf(`schedule: { cron: "0 0 * * *", catch_up: ${policy} }`);
    const world = new TestWorld();
    const store = outliving(openMemoryStore(world));
    const first = await openTestRuntime({ ...QUIET, pack, component, world, store });
    await world.advance(1_000);
    await first.runtime[Symbol.asyncDispose]();
    // Three midnights pass while nobody is there.
    await world.advance(3 * 24 * hour);
    await openTestRuntime({ ...QUIET, pack, component, world, store });
    await world.advance(hour);
    expect(fired).toEqual(expected.map((at) => `2026-${at}:00.000Z`));
  });

  test("a clock that jumps ahead misses, one that goes back fires nothing twice", async () => {
    verifies("flow.schedule.jumps");
    const { fired, component } = recorder();
    const pack = await packOf(`schedule: { cron: "0 * * * *", catch_up: last }`);
    const world = new JumpingWorld();
    await openTestRuntime({ ...QUIET, pack, component, world });
    await world.advance(hour);
    expect(fired).toEqual(["2026-03-05T11:00:00.000Z"]);
    world.jump(10 * hour);
    await world.advance(60_000);
    expect(fired).toEqual(["2026-03-05T11:00:00.000Z", "2026-03-05T21:00:00.000Z"]);
    world.jump(-hour);
    await world.advance(hour + 60_000);
    expect(fired).toHaveLength(2);
    await world.advance(hour);
    expect(fired.slice(2)).toEqual(["2026-03-05T22:00:00.000Z"]);
  });

  test("a worker that was away for days fires nothing again that others have", async () => {
    verifies("flow.schedule.once");
    const { fired, component } = recorder();
    const pack = await packOf(`schedule: { cron: "0 0 * * *", catch_up: all }`);
    const away = new JumpingWorld();
    const world = new TestWorld();
    const store = openMemoryStore(world);
    await openTestRuntime({ ...QUIET, pack, component, world: away, store });
    await away.advance(1_000);
    await openTestRuntime({ ...QUIET, pack, component, world, store });
    await world.advance(6 * 24 * hour);
    expect(fired).toHaveLength(6);
    // Its process stood still for six days.
    away.jump(6 * 24 * hour);
    await away.advance(hour);
    await world.advance(hour);
    expect(fired).toHaveLength(6);
  });

  test("a firing waits for the one before it where that only lets time pass, and ends one that waits for nobody", async () => {
    const { fired, component } = recorder();
    const slow = `
  a: { delay: 90m, routing: [{ to: b }] }
  b: { component.exec: { component: shop, operation: fire, input: { at: "{{in.scheduled_at}}" } }, routing: [{ to: c }] }
  c: { session.wait: {}, routing: out }`;
    const { world, store } = await openTestRuntime({
      ...QUIET,
      pack: await packOf(`cron: "0 * * * *"`, slow),
      component,
    });
    await world.advance(5 * hour + 60_000);
    expect(fired).toEqual(
      ["2026-03-05T11:00:00.000Z", "2026-03-05T12:00:00.000Z", "2026-03-05T13:00:00.000Z"].slice(0, fired.length),
    );
    expect(fired.length).toBeGreaterThanOrEqual(2);
    expect(await store.listDeadLetters({})).toEqual([]);
  });

  test("no crash loses a firing or runs it twice", async () => {
    verifies("flow.schedule.once");
    const pack = await packOf(`schedule: { cron: "0 * * * *", catch_up: all }`);
    let points = 0;
    for (const when of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        const ran = new Map<string, string>();
        const world = new TestWorld();
        const inner = openMemoryStore(world);
        const dying = dyingStore(inner, { at, when });
        const component = (
          ctx: { readonly idempotencyKey?: string },
          call: { readonly input: JsonValue },
        ): JsonValue => {
          ran.set(ctx.idempotencyKey ?? "", (call.input as { at: string }).at);
          return null;
        };
        let store = dying.store;
        await openTestRuntime({ ...QUIET, pack, component, world, store });
        for (let half = 0; half < 7; half++) {
          await world.advance(hour / 2 + 1_000);
          if (!dying.isDead() || store === inner) continue;
          store = inner;
          await openTestRuntime({ ...QUIET, pack, component, world, store });
        }
        const hours = [...ran.values()].sort().map((text) => text.slice(11, 13));
        expect(hours, `crash ${when} ${at}`).toEqual(["11", "12", "13"]);
        if (!dying.isDead()) break;
        points++;
      }
    }
    expect(points).toBeGreaterThan(10);
  });
});

describe("calendars", () => {
  test("clocks that change neither leave a day out nor run it twice", async () => {
    verifies("flow.schedule.zones");
    await loadCron();
    const zone = "Europe/Berlin";
    const after = (cron: string, from: string, count: number): readonly string[] => {
      const times: string[] = [];
      for (let ms: number | undefined = Date.parse(from); times.length < count;) {
        ms = nextOccurrence({ cron, zone }, ms ?? 0);
        times.push(new Date(ms ?? 0).toISOString().slice(5, 16));
      }
      return times;
    };
    // Half past two doesn't exist on the 29th of March and exists twice on the 25th of October.
    expect(after("30 2 * * *", "2026-03-28T00:00:00Z", 3)).toEqual(["03-28T01:30", "03-29T01:00", "03-30T00:30"]);
    expect(after("30 2 * * *", "2026-10-24T12:00:00Z", 2)).toEqual(["10-25T00:30", "10-26T01:30"]);
    expect(after("0 * * * *", "2026-10-25T00:30:00Z", 2)).toEqual(["10-25T01:00", "10-25T02:00"]);
  });

  test.each([
    ['schedule: { cron: "0 0 30 2 *", zone: Nowhere/Land }', "FLOW_SHAPE_INVALID"],
    ['schedule: { cron: "99 * * * *" }', "RUNNER_CRON_INVALID"],
    ['schedule: { cron: "0 * * * *", catchup: all }', "FLOW_SHAPE_INVALID"],
    ['cron: "every day"', "FLOW_SHAPE_INVALID"],
  ])("%s is refused", async (schedule, code) => {
    await expect(packOf(schedule).then((pack) => openTestRuntime({ ...QUIET, pack }))).rejects.toMatchObject({ code });
  });
});

/** A store that outlives the runtimes over it. */
function outliving(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name === Symbol.asyncDispose) return async () => undefined;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A world whose wall clock can be set. */
class JumpingWorld extends TestWorld {
  #offsetMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.#offsetMs;
  }

  override monotonicMs(): number {
    return super.nowMs();
  }

  jump(ms: number): void {
    this.#offsetMs += ms;
  }
}
