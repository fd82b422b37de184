import { expect, test } from "vitest";
import { openInProcessBus } from "../bus/index.ts";
import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SendResult, SessionStore, SinkClass } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { channelId, DENY_ALL, GreenticError } from "../types/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, settle, TEAM, TENANT, TestWorld } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: call
nodes:
  call: { component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{call.said}}" }, routing: out }
`,
    hook: `
id: hook
type: webhook
nodes:
  count: { component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }, routing: reply }
`,
    plain: `
id: plain
type: messaging
nodes:
  tell: { message.send: { text: "{{in.text}}" }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});

const echo = (_ctx: unknown, call: { readonly input: JsonValue }): JsonValue => ({
  said: (call.input as { text: string }).text,
  text: "worked",
});

interface Sent {
  readonly payload: JsonValue;
  readonly key: string;
  readonly atMs: number;
}

interface Platform {
  readonly channel: Provider;
  readonly sent: Sent[];
}

/** A platform whose answers the test chooses. */
function platform(
  world: TestWorld,
  sinkClass: SinkClass,
  answer: (sent: Sent) => SendResult | Promise<SendResult>,
): Platform {
  const sent: Sent[] = [];
  const channel: Provider = {
    type: "platform",
    address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("platform") },
    delivery: { kind: "send", sinkClass },
    dedupeTtlMs: 86_400_000,
    project: (message) => [message.text ?? ""],
    send: async (payload, { idempotencyKey }) => {
      const one = { payload, key: idempotencyKey, atMs: world.nowMs() };
      sent.push(one);
      return answer(one);
    },
  };
  return { channel, sent };
}

const received = (provider: Provider, id: string, text: string, session = "s1"): ReceivedMessage =>
  receiveConsole(provider.address, { text }, { session, id });

const apps = [{ scope: { env: ENV, tenant: TENANT }, pack, defaultFlow: "plain" }];

test("the same delivery runs once; whoever repeats it gets the replies of the first", async () => {
  let calls = 0;
  const { say } = await openTestRuntime({
    pack,
    component: (ctx, call) => {
      calls++;
      return echo(ctx, call);
    },
  });
  const choice = { flow: "hook" };
  const first = await say("x", { id: "same", choice });
  expect(first).toMatchObject({ status: "done", output: { said: "x" }, reply: [{ text: "worked" }] });
  const again = await say("x", { id: "same", choice });
  expect(again.reply).toEqual(first.reply);
  await say("x", { id: "other", choice });
  expect(calls).toBe(2);
});

test("repeats that come while the turn runs wait for it", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const { say } = await openTestRuntime({
    pack,
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
  const channel = consoleChannel();
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
  expect(await store.listDeadLetters({})).toMatchObject([{ dedupeKey: "cli:m1", reason: "RUNNER_TURN_FAILED" }]);
  expect(errors.length).toBeGreaterThanOrEqual(5);
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
  expect(log.at(-1)?.activity).toMatchObject({ text: "x" });
});

test("sends keep a conversation's order through refusals and honour the platform's wait", async () => {
  const world = new TestWorld();
  const refused = new Set<string>();
  const { channel, sent } = platform(world, "C", ({ payload }) => {
    if (payload === "one" && !refused.has("one")) {
      refused.add("one");
      return { kind: "retry", error: "TELEGRAM_TOO_MANY", notBeforeMs: world.nowMs() + 20_000 };
    }
    return { kind: "sent" };
  });
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [channel] });
  const startMs = world.nowMs();
  await runtime.accept(channel, received(channel, "1", "one"));
  await runtime.accept(channel, received(channel, "2", "two"));
  await runtime.accept(channel, received(channel, "3", "aside", "s2"));
  await world.advance(10_000);
  expect(sent.map(({ payload }) => payload)).toEqual(["one", "aside"]);
  await world.advance(20_000);
  expect(sent.map(({ payload }) => payload)).toEqual(["one", "aside", "one", "two"]);
  expect(sent[2]?.atMs).toBeGreaterThanOrEqual(startMs + 20_000);
  expect(sent[0]?.key).toBe(sent[2]?.key);
  expect((await store.listOutbox({})).map(({ status }) => status)).toEqual(["sent", "sent", "sent"]);
});

test("a permanent refusal is listed as failed and can be sent again by hand", async () => {
  const world = new TestWorld();
  let isFixed = false;
  const { channel, sent } = platform(world, "C", () =>
    isFixed ? { kind: "sent" } : { kind: "failed", error: "TELEGRAM_CHAT_GONE" },
  );
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [channel] });
  await runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(100);
  const [row] = await store.listOutbox({ status: "failed" });
  expect(row).toMatchObject({ lastError: "TELEGRAM_CHAT_GONE", attempts: 1 });
  isFixed = true;
  await store.retrySend(row?.id ?? "");
  await world.advance(2_000);
  expect(sent).toHaveLength(2);
  expect(await store.listOutbox({ status: "failed" })).toEqual([]);
});

test("a platform that refuses for ever ends in the dead letters after ten attempts", async () => {
  const world = new TestWorld();
  const { channel, sent } = platform(world, "C", () => ({ kind: "retry", error: "TELEGRAM_DOWN", notBeforeMs: 0 }));
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [channel] });
  await runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(3_600_000);
  expect(sent).toHaveLength(10);
  expect((await store.listOutbox({}))[0]).toMatchObject({ status: "failed", lastError: "TELEGRAM_DOWN" });
});

test.each([
  ["A", "at-most-once", 2, "sent"],
  ["C", "at-least-once", 2, "sent"],
  ["C", "at-most-once", 1, "abandoned"],
  ["B", "at-most-once", 1, "abandoned"],
] as const)(
  "a send of class %s in doubt under %s is tried %i times and is then %s",
  async (sinkClass, unknownSends, times, status) => {
    const world = new TestWorld();
    const { channel, sent } = platform(world, sinkClass, () =>
      sent.length === 1 ? { kind: "unknown", error: "PLATFORM_SILENT" } : { kind: "sent" },
    );
    const { runtime, store } = await openTestRuntime({
      world,
      apps,
      providers: [channel],
      policy: () => ({ ...DENY_ALL, unknownSends }),
    });
    await runtime.accept(channel, received(channel, "1", "one"));
    await world.advance(60_000);
    expect(sent).toHaveLength(times);
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
    expect((await store.listOutbox({}))[0]).toMatchObject({ status, wasUnknown: true });
  },
);

test("a platform that never answers leaves the send in doubt, not lost", async () => {
  verifies("engine.policy");
  const world = new TestWorld();
  const { channel, sent } = platform(world, "C", () =>
    sent.length === 1 ? new Promise<never>(() => undefined) : { kind: "sent" },
  );
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [channel] });
  await runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(44_000);
  expect(sent).toHaveLength(1);
  await world.advance(60_000);
  expect(sent).toHaveLength(2);
  expect((await store.listOutbox({}))[0]).toMatchObject({ status: "sent", wasUnknown: true });
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
