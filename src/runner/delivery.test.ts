import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openInProcessBus } from "../bus/index.ts";
import type { Provider } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";
import { apps, echo, pack, platform, received } from "./delivery-fixture.ts";
import { answerChannel, consoleChannel, makePack, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

test("the same delivery runs once; whoever repeats it gets the replies of the first", async () => {
  let calls = 0;
  const { say } = await openTestRuntime({
    pack,
    providers: [answerChannel()],
    component: (ctx, call) => {
      calls++;
      return echo(ctx, call);
    },
  });
  const choice = { flow: "hook" };
  const first = await say("x", { id: "same", choice });
  expect(first).toMatchObject({ status: "done", output: { said: "x" }, reply: [{ text: "worked" }] });
  const again = await say("x", { id: "same", choice });
  expect(again).toEqual({ ...first, steps: [] });
  await say("x", { id: "other", choice });
  expect(calls).toBe(2);
});

test("a delivery with a name that is too long to keep runs once too, and another with as long a one as well", async () => {
  let calls = 0;
  const { say } = await openTestRuntime({
    pack,
    providers: [answerChannel()],
    component: (ctx, call) => {
      calls++;
      return echo(ctx, call);
    },
  });
  const choice = { flow: "hook" };
  for (const id of ["a", "a", "b"]) await say("x", { id: id.repeat(5_000), choice });
  expect(calls).toBe(2);
});

test("a repeat gets the first one's report from another process, of a failure too, and nothing goes to a log", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const shared = { world, store, pack, providers: [answerChannel()] };
  const first = await openTestRuntime({
    ...shared,
    component: () => {
      throw new GreenticError("COMPONENT_BINARY_INVALID", "Run: broken");
    },
  });
  const failed = await first.say("x", { id: "same" });
  expect(failed).toMatchObject({ status: "error", error: { code: "COMPONENT_BINARY_INVALID" } });
  const second = await openTestRuntime({ ...shared, component: echo });
  expect(await second.say("x", { id: "same" })).toEqual({ ...failed, steps: [] });
  expect((await second.say("y", { id: "other" })).reply).toMatchObject([{ text: "y" }]);
  expect(await store.readLog("test:acme:default:console:s1", { after: -1, limit: 9 })).toEqual([]);
});

test("repeats that come while the turn runs wait for it", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const { say } = await openTestRuntime({
    pack,
    providers: [answerChannel()],
    component: async (ctx, call) => {
      calls++;
      await gate.promise;
      return echo(ctx, call);
    },
  });
  const answers = [1, 2, 3].map(() => say("x", { id: "same" }));
  await settle();
  gate.resolve();
  for (const report of await Promise.all(answers)) expect(report.reply).toMatchObject([{ text: "x" }]);
  expect(calls).toBe(1);
});

test("messages that arrive during a turn are answered in order, other sessions don't wait", async () => {
  const gate = Promise.withResolvers<void>();
  const { runtime, store, say } = await openTestRuntime({
    pack,
    component: async (ctx, call) => {
      if ((call.input as { text: string }).text === "1") await gate.promise;
      return echo(ctx, call);
    },
  });
  const channel = consoleChannel();
  for (const n of ["1", "2", "3", "4"]) await runtime.accept(channel, received(channel, `m${n}`, n));
  expect((await say("other", { session: "s2", id: "o" })).reply).toMatchObject([{ text: "other" }]);
  gate.resolve();
  await settle();
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.map(({ activity }) => (activity as { text: string }).text)).toEqual(["1", "2", "3", "4"]);
});

test("request() gives up waiting, the message stays accepted", async () => {
  const { runtime, store, world } = await openTestRuntime({ pack, component: () => new Promise(() => undefined) });
  const channel = consoleChannel();
  const waiting = runtime.request(channel, received(channel, "m", "x"), { timeoutMs: 500 });
  const refused = expect(waiting).rejects.toMatchObject({ code: "RUNNER_TURN_TIMEOUT" });
  await world.advance(600);
  await refused;
  expect((await store.list({}))[0]?.unread).toBe(1);
});

test("a message that the engine can't handle is tried five times and goes to the dead letters, the session goes on", async () => {
  const channel = answerChannel();
  let tries = 0;
  const poisoned: Provider = {
    ...channel,
    project: (message) => {
      if (message.text !== "poison") return channel.project(message);
      tries++;
      throw new TypeError("broken projector");
    },
  };
  const { runtime, store, world, errors, say } = await openTestRuntime({ apps, providers: [poisoned] });
  await runtime.accept(poisoned, received(poisoned, "m1", "poison"));
  const next = say("fine", { id: "m2" });
  await settle();
  expect((await store.list({}))[0]?.unread).toBe(2);
  await world.advance(60_000);
  expect((await next).reply).toMatchObject([{ text: "fine" }]);
  expect(tries).toBe(5);
  expect((await say("poison", { id: "m1" })).error?.code).toBe("RUNNER_TURN_FAILED");
  expect(await store.listDeadLetters({})).toMatchObject([{ dedupeKey: "cli:m1", reason: "RUNNER_TURN_FAILED" }]);
  expect(errors.length).toBeGreaterThanOrEqual(5);
});

test("what a channel doesn't show as it is, is told with the turn: codes and places, at most twenty of a message", async () => {
  verifies("channels.findings");
  const channel = answerChannel();
  const poor: Provider = {
    ...channel,
    project: (message, note) => {
      for (let n = 0; n < 30; n++) note?.({ code: "element.dropped", element: "Image", path: `cards[0].body[${n}]` });
      return channel.project(message);
    },
  };
  const { events, say } = await openTestRuntime({ apps, providers: [poor] });
  await say("a secret thing");
  const told = events.filter((event) => event.kind === "message.degraded");
  expect(told).toHaveLength(20);
  expect(told[0]).toMatchObject({
    code: "element.dropped",
    element: "Image",
    path: "cards[0].body[0]",
    message: 0,
    count: 30,
  });
  expect(told[1]).not.toHaveProperty("count");
  expect(events.findIndex(({ kind }) => kind === "message.degraded")).toBeLessThan(
    events.findIndex(({ kind }) => kind === "flow.ended"),
  );
  expect(JSON.stringify(told)).not.toContain("secret thing");
});

test("a failing node's message goes to the dead letters with the node's code, and can be driven again", async () => {
  let isBroken = true;
  const { say, store, world } = await openTestRuntime({
    pack,
    component: (ctx, call) => {
      if (isBroken) throw new GreenticError("COMPONENT_BINARY_INVALID", "Run: broken");
      return echo(ctx, call);
    },
  });
  const failed = await say("x");
  expect(failed).toMatchObject({ status: "error", error: { code: "COMPONENT_BINARY_INVALID", node: "call" } });
  expect(failed.reply).toMatchObject([{ text: "Sorry, something went wrong. Please try again later." }]);
  const [letter] = await store.listDeadLetters({});
  expect(letter?.reason).toBe("COMPONENT_BINARY_INVALID");
  isBroken = false;
  expect(await store.redrive(letter?.order ?? -1)).toBe(true);
  await world.advance(2_000);
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.map(({ activity }) => activity)).toContainEqual(expect.objectContaining({ text: "x" }));
});

test("watchLog() fires after the commit that appended, for its conversation only", async () => {
  const { runtime, say } = await openTestRuntime({ apps });
  let mine = 0;
  let others = 0;
  const stop = runtime.watchLog("test:acme:default:console:s1", () => void mine++);
  runtime.watchLog("test:acme:default:console:s2", () => void others++);
  await say("x");
  expect(mine).toBeGreaterThan(0);
  expect(others).toBe(0);
  const before = mine;
  stop();
  await say("y");
  expect(mine).toBe(before);
});

test("gateway, worker and egress in different processes find each other by bus and store", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const bus = openInProcessBus();
  const { channel, sent } = platform(world, "A", () => ({ kind: "sent" }));
  const shared = { world, store, bus, apps, providers: [channel, consoleChannel()] };
  const gateway = await openTestRuntime({ ...shared, roles: ["gateway"] });
  let changes = 0;
  gateway.runtime.watchLog("test:acme:default:console:s1", () => void changes++);
  const worker = await openTestRuntime({ ...shared, roles: ["worker"] });
  await openTestRuntime({ ...shared, roles: ["egress"] });
  await gateway.runtime.accept(channel, received(channel, "1", "one"));
  await gateway.runtime.accept(consoleChannel(), received(consoleChannel(), "2", "two"));
  await settle();
  expect(sent.map(({ payload }) => payload)).toEqual(["one"]);
  expect(changes).toBeGreaterThan(0);
  expect(worker.events.some(({ kind }) => kind === "flow.ended")).toBe(true);
  expect(gateway.events.some(({ kind }) => kind === "flow.ended")).toBe(false);
});

test("a wake-up that is lost is found by the sweep", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const gateway = await openTestRuntime({ world, store, apps, roles: ["gateway"] });
  await gateway.runtime.accept(consoleChannel(), received(consoleChannel(), "1", "one"));
  await openTestRuntime({ world, store, apps, roles: ["worker"] });
  await world.advance(1_500);
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.map(({ activity }) => activity)).toMatchObject([{ text: "one" }]);
});

test("a lease is renewed while an effect takes long, and given up once it is another's", async () => {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  let renewals = 0;
  const store: SessionStore = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (name === "renew") {
          renewals++;
          if (renewals > 3) return Promise.resolve(false);
        }
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  const gate = Promise.withResolvers<JsonValue>();
  let calls = 0;
  const first = await openTestRuntime({
    world,
    store,
    pack,
    defaults: { nodeTimeoutMs: 600_000, sweepIntervalMs: 1e9 },
    component: () => {
      calls++;
      return gate.promise;
    },
  });
  await first.runtime.accept(consoleChannel(), received(consoleChannel(), "1", "one"));
  await world.advance(35_000);
  expect(renewals).toBe(3);
  const second = await openTestRuntime({ world, store: inner, pack, component: echo });
  await world.advance(100_000);
  gate.resolve({ said: "too late" });
  await settle();
  expect(calls).toBe(1);
  const log = await inner.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.map(({ activity }) => activity)).toMatchObject([{ text: "one" }]);
  expect(second.errors).toEqual([]);
});

test("drain() finishes what runs, takes nothing new and closes the store", async () => {
  const gate = Promise.withResolvers<void>();
  const { runtime, store, world } = await openTestRuntime({
    pack,
    component: async (ctx, call) => {
      await gate.promise;
      return echo(ctx, call);
    },
  });
  const channel = consoleChannel();
  const running = runtime.request(channel, received(channel, "1", "one"), { timeoutMs: 60_000 });
  await settle();
  const drained = runtime.drain(10_000);
  await expect(runtime.accept(channel, received(channel, "2", "two"))).rejects.toMatchObject({
    code: "RUNNER_DRAINING",
  });
  gate.resolve();
  expect((await running).reply).toMatchObject([{ text: "one" }]);
  await drained;
  await expect(store.read("x" as never)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await world.advance(60_000);
});

test("drain() stops waiting after its time", async () => {
  const { runtime, world } = await openTestRuntime({ pack, component: () => new Promise(() => undefined) });
  const channel = consoleChannel();
  await runtime.accept(channel, received(channel, "1", "one"));
  const drained = runtime.drain(1_000);
  await world.advance(1_500);
  await drained;
});

test("the store's outage is waited for, then the turn runs", async () => {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  let isDown = true;
  const store: SessionStore = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (isDown && name === "commit") return Promise.reject(new GreenticError("STORE_UNAVAILABLE", "Commit: down"));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  const { say } = await openTestRuntime({ world, store, apps });
  const answer = say("x");
  await world.advance(10_000);
  isDown = false;
  await world.advance(10_000);
  expect((await answer).reply).toMatchObject([{ text: "x" }]);
  expect(await inner.listDeadLetters({})).toEqual([]);
});

test("events tell what happened by names and codes, never by texts", async () => {
  const { say, events } = await openTestRuntime({ pack, component: echo });
  await say("my secret words");
  expect(events.map(({ kind }) => kind)).toEqual([
    "message.accepted",
    "flow.started",
    "node.ended",
    "node.ended",
    "flow.ended",
  ]);
  expect(events.at(-1)).toMatchObject({ kind: "flow.ended", outcome: "done", flow: "default", pack: "app" });
  expect(JSON.stringify(events)).not.toContain("secret");
});

test("channels that are polled hand their messages over", async () => {
  const world = new TestWorld();
  const { channel, sent } = platform(world, "A", () => ({ kind: "sent" }));
  const aborted = Promise.withResolvers<void>();
  const polled: Provider = {
    ...channel,
    poll: async (accept, signal) => {
      await accept(received(channel, "1", "one"));
      signal.addEventListener("abort", () => aborted.resolve());
      await aborted.promise;
    },
  };
  const { runtime } = await openTestRuntime({ world, apps, providers: [polled] });
  await settle();
  expect(sent.map(({ payload }) => payload)).toEqual(["one"]);
  await runtime.drain(1_000);
});

test("a process without workers runs no turn: who waits there gets the answer though nobody tells of it", async () => {
  verifies("roles.apart");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const shared = { world, store, apps, providers: [answerChannel()], isShared: true };
  const gateway = await openTestRuntime({ ...shared, roles: ["gateway"] });
  const answer = gateway.say("x");
  await world.advance(10_000);
  expect(await store.list({})).toMatchObject([{ unread: 1 }]);
  // Each has a bus of its own: neither hears the other.
  await openTestRuntime({ ...shared, roles: ["worker"] });
  await world.advance(5_000);
  expect((await answer).reply).toMatchObject([{ text: "x" }]);
  expect(gateway.events.some(({ kind }) => kind === "flow.ended")).toBe(false);
});

test("whoever waits for a turn that another process runs gets its replies", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const bus = openInProcessBus();
  const gate = Promise.withResolvers<void>();
  const component = async (ctx: unknown, call: { readonly input: JsonValue }): Promise<JsonValue> => {
    await gate.promise;
    return echo(ctx, call);
  };
  const shared = { world, store, bus, pack, component, providers: [answerChannel()] };
  const worker = await openTestRuntime({ ...shared, roles: ["worker"] });
  const gateway = await openTestRuntime({ ...shared, roles: ["gateway"] });
  await gateway.runtime.accept(answerChannel(), received(answerChannel(), "first", "first"));
  await settle();
  const answer = gateway.say("second", { id: "second" });
  const repeated = gateway.say("first", { id: "first" });
  await settle();
  gate.resolve();
  expect((await repeated).reply).toMatchObject([{ text: "first" }]);
  expect((await answer).reply).toMatchObject([{ text: "second" }]);
  expect(worker.events.some(({ kind }) => kind === "flow.ended")).toBe(true);
});

test("events name what was called and what was written", async () => {
  const { say, events } = await openTestRuntime({
    pack: await makePack({
      flows: {
        default: `
id: default
type: messaging
start: call
nodes:
  call: { shop.work: { text: x }, routing: [{ to: keep }] }
  keep: { state.set: { key: k, value: 1 }, routing: out }
`,
      },
      components: { shop: 'state = "read-write"' },
    }),
    component: async (_ctx, { services }) => {
      await services.stateWrite({} as never, "shop/seen%2F1", Buffer.from("yes"));
      return { ok: true, was: Buffer.from((await services.stateRead({} as never, "shop/seen%2F1")) ?? []).toString() };
    },
  });
  const report = await say("x");
  expect(report.status).toBe("done");
  const ended = events.filter((event) => event.kind === "node.ended");
  expect(ended).toMatchObject([{ target: "shop", wrote: ["shop/seen%2F1"] }, { wrote: ["flow/k"] }]);
});
