import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { deadLettersOf, openInProcessBus, subjectOf } from "../bus/index.ts";
import type { Bus, BusMessage } from "../bus/index.ts";
import type { Provider } from "../messaging/index.ts";
import type { SendResult, SessionStore } from "../session/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { channelId } from "../types/index.ts";
import { apps, pack, platform, received } from "./delivery-fixture.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, settle, TENANT, TestWorld } from "./runtime-fixture.ts";

/** An in-process bus that stands for one between processes. */
function sharedBus(): Bus & { isReady: boolean } {
  const bus = openInProcessBus();
  const state = { isReady: true };
  return {
    isShared: true,
    get isReady() {
      return state.isReady;
    },
    set isReady(isReady: boolean) {
      state.isReady = isReady;
    },
    publish: (subject, payload) => void (state.isReady && bus.publish(subject, payload)),
    subscribe: (...args) => bus.subscribe(...args),
    settle: () => bus.settle(),
    stats: () => bus.stats(),
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
}

/** A store that one process's end doesn't close, as others share it. */
function unclosed(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === Symbol.asyncDispose) return async () => undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

test("a message that no turn can handle, and a row that nobody sends any more, are announced by code and name", async () => {
  verifies("bus.dead-letters");
  const world = new TestWorld();
  const bus = openInProcessBus();
  const letters: BusMessage[] = [];
  bus.subscribe(deadLettersOf(TENANT), (message) => void letters.push(message));
  const { channel } = platform(world, "A", () => ({ kind: "failed", error: "PLATFORM_REFUSED" }));
  const { runtime, store } = await openTestRuntime({ world, bus, apps, providers: [channel] });
  await runtime.accept(channel, received(channel, "1", "a secret thing"));
  await world.advance(1_000);
  const [row] = await store.listOutbox({});
  expect(letters).toEqual([
    {
      subject: "dlq.acme.egress",
      payload: {
        env: ENV,
        tenant: TENANT,
        team: "default",
        stage: "egress",
        platform: "platform",
        msg_id: row?.id,
        ts: expect.any(String) as string,
        error: { code: "PLATFORM_REFUSED" },
      },
    },
  ]);

  // A worker without the channel can't answer on it.
  const other = openMemoryStore(world);
  const gateway = await openTestRuntime({ world, bus, store: other, apps, providers: [channel], roles: ["gateway"] });
  await gateway.runtime.accept(channel, received(channel, "2", "a secret thing"));
  await openTestRuntime({ world, bus, store: other, apps, providers: [consoleChannel()], roles: ["worker"] });
  await world.advance(5_000);
  const [letter] = await other.listDeadLetters({});
  expect(letters[1]).toMatchObject({
    subject: "dlq.acme.ingress",
    payload: { stage: "ingress", msg_id: String(letter?.order), error: { code: "RUNNER_CHANNEL_MISSING" } },
  });
  expect(JSON.stringify(letters)).not.toContain("secret");
});

test("two senders together keep to the pace that a channel's provider gives, and waiting costs no attempt", async () => {
  verifies("egress.rate.shared");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const { channel, sent } = platform(world, "C", (): SendResult => ({ kind: "sent" }));
  const paced: Provider = {
    ...channel,
    sendRates: (conversation) => [
      { name: "bot", rate: { capacity: 2, perSecond: 4 } },
      { name: `chat:${conversation}`, rate: { capacity: 1, perSecond: 1 } },
    ],
  };
  const shared = { world, store, bus: sharedBus(), apps, providers: [paced], isShared: true };
  const gateway = await openTestRuntime({ ...shared, roles: ["gateway", "worker"] });
  for (let i = 0; i < 2; i++) await openTestRuntime({ ...shared, roles: ["egress"] });
  for (let n = 0; n < 40; n++)
    await gateway.runtime.accept(paced, received(paced, `m${n}`, `text ${n}`, n < 10 ? "busy" : `chat-${n}`));
  const startMs = world.nowMs();
  await world.advance(15_000);
  expect(sent).toHaveLength(40);
  for (const { atMs } of sent) {
    const within = sent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000);
    expect(within.length).toBeLessThanOrEqual(6);
  }
  const busy = sent.filter(({ payload }) => typeof payload === "string" && Number(payload.slice(5)) < 10);
  expect(busy.map(({ payload }) => payload)).toEqual(Array.from({ length: 10 }, (_unused, n) => `text ${n}`));
  for (const [n, { atMs }] of busy.entries())
    expect(atMs - (busy[n - 1]?.atMs ?? -1_000)).toBeGreaterThanOrEqual(1_000);
  // 40 at four a second, with two to begin with.
  expect((sent.at(-1)?.atMs ?? 0) - startMs).toBeLessThanOrEqual(12_000);
  const rows = await store.listOutbox({ limit: 100 });
  expect(new Set(rows.map(({ attempts, wasUnknown }) => `${attempts} ${wasUnknown}`))).toEqual(new Set(["1 false"]));
});

test("a worker that is full leaves what comes to others", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const gate = Promise.withResolvers<JsonValue>();
  const shared = { world, store, bus: sharedBus(), pack, isShared: true };
  const busy = await openTestRuntime({
    ...shared,
    roles: ["gateway", "worker"],
    component: () => gate.promise,
    defaults: { maxTurns: 1 },
  });
  const other = await openTestRuntime({ ...shared, roles: ["worker"], component: () => ({ said: "by another" }) });
  const channel = consoleChannel();
  await busy.runtime.accept(channel, received(channel, "1", "one", "s1"));
  await busy.runtime.accept(channel, received(channel, "2", "two", "s2"));
  await world.advance(1_500);
  expect(other.events.filter(({ kind }) => kind === "flow.ended")).toHaveLength(1);
  gate.resolve({ said: "late" });
  await settle();
  expect(busy.events.filter(({ kind }) => kind === "flow.ended")).toHaveLength(1);
});

test("what a process has no channel for is left to those that have it, in and out", async () => {
  verifies("roles.unlike");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const { channel, sent } = platform(world, "A", () => ({ kind: "sent" }));
  const shared = { world, store, bus: sharedBus(), apps, isShared: true };
  const old = await openTestRuntime({ ...shared, providers: [consoleChannel()], roles: ["worker", "egress"] });
  const gateway = await openTestRuntime({ ...shared, providers: [channel], roles: ["gateway"] });
  await gateway.runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(5_000);
  expect(await store.list({})).toMatchObject([{ unread: 1 }]);
  await openTestRuntime({ ...shared, providers: [channel], roles: ["worker"] });
  await world.advance(5_000);
  expect(await store.listOutbox({})).toMatchObject([{ status: "queued", attempts: 0 }]);
  await openTestRuntime({ ...shared, providers: [channel], roles: ["egress"] });
  await world.advance(10_000);
  expect(sent.map(({ payload }) => payload)).toEqual(["one"]);
  expect(await store.listDeadLetters({})).toEqual([]);
  expect(old.errors).toEqual([]);
});

test("a session that waits on a version of a pack is left to a process that has it, until none has it for long", async () => {
  verifies("pinned.rolling");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const flow = (words: string): string => `
id: main
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: name, prompt: "${words}?", type: string }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "${words}: {{ask.answers.name}}" }, routing: out }
`;
  const before = await makePack({ flows: { main: flow("old") } });
  const after = await makePack({ version: "2.0.0", flows: { main: flow("new") } });
  const shared = { world, store: unclosed(store), bus: sharedBus(), isShared: true };
  const channel = consoleChannel();
  const said = async (conversation: string): Promise<readonly unknown[]> =>
    (await store.readLog(`test:acme:default:console:${conversation}`, { after: -1, limit: 9 })).map(
      ({ activity }) => (activity as { readonly text: string }).text,
    );
  const old = await openTestRuntime({ ...shared, pack: before });
  for (const conversation of ["s1", "s2"]) {
    await old.runtime.accept(channel, received(channel, conversation, "hello", conversation));
    await world.advance(1_000);
  }
  const updated = await openTestRuntime({ ...shared, pack: after, roles: ["worker"] });
  const gateway = await openTestRuntime({ ...shared, pack: after, roles: ["gateway"] });
  await gateway.runtime.accept(channel, received(channel, "s1-name", "Ana", "s1"));
  await world.advance(5_000);
  expect(await said("s1")).toEqual(["old?", "old: Ana"]);

  const draining = old.runtime.drain(2_000);
  await world.advance(2_000);
  await draining;
  await gateway.runtime.accept(channel, received(channel, "s2-name", "Bob", "s2"));
  await world.advance(20_000);
  expect(await said("s2")).toEqual(["old?"]);
  await world.advance(20_000);
  expect(await said("s2")).toHaveLength(2);
  expect(updated.errors).toEqual([]);
});

test("what nobody has the channel of for long goes to the dead letters", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const { channel } = platform(world, "A", () => ({ kind: "sent" }));
  const shared = { world, store, bus: sharedBus(), apps, isShared: true };
  const gateway = await openTestRuntime({ ...shared, providers: [channel], roles: ["gateway", "worker"] });
  await gateway.runtime.accept(channel, received(channel, "1", "one"));
  await settle();
  const intake = await openTestRuntime({
    ...shared,
    providers: [channel, consoleChannel("acme", "gone")],
    roles: ["gateway"],
  });
  const gone = consoleChannel("acme", "gone");
  await intake.runtime.accept(gone, received(gone, "2", "two"));
  await openTestRuntime({ ...shared, providers: [consoleChannel()], roles: ["worker", "egress"] });
  await world.advance(590_000);
  expect(await store.listOutbox({})).toMatchObject([{ status: "queued" }]);
  expect(await store.listDeadLetters({})).toEqual([]);
  await world.advance(30_000);
  expect(await store.listOutbox({})).toMatchObject([{ status: "failed", lastError: "RUNNER_CHANNEL_MISSING" }]);
  expect(await store.listDeadLetters({})).toMatchObject([{ reason: "RUNNER_CHANNEL_MISSING" }]);
});

test("who watches a conversation sees what is committed while the bus is down, and what was by the time it is back", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const bus = sharedBus();
  const shared = { world, store, bus, apps, isShared: true };
  const gateway = await openTestRuntime({ ...shared, roles: ["gateway"] });
  await openTestRuntime({ ...shared, roles: ["worker"] });
  const conversation = "test:acme:default:console:s1";
  let seen = 0;
  const look = async (): Promise<void> => {
    seen = (await store.readLog(conversation, { after: -1, limit: 50 })).length;
  };
  gateway.runtime.watchLog(conversation, () => void look());
  bus.isReady = false;
  await gateway.runtime.accept(consoleChannel(), received(consoleChannel(), "1", "one"));
  await world.advance(5_000);
  expect(seen).toBe(1);
  await gateway.runtime.accept(consoleChannel(), received(consoleChannel(), "2", "two"));
  await world.advance(1_100);
  bus.isReady = true;
  await world.advance(2_000);
  expect(seen).toBe(2);
});

test("of many processes one fetches a polled channel, and another goes on once it is gone", async () => {
  verifies("roles.poll.once");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const fetching = new Set<string>();
  let most = 0;
  const polled = (name: string): Provider => ({
    ...consoleChannel(),
    poll: async (_accept, signal) => {
      fetching.add(name);
      most = Math.max(most, fetching.size);
      await new Promise<void>((ended) => signal.addEventListener("abort", () => ended(), { once: true }));
      fetching.delete(name);
    },
  });
  const shared = { world, store: unclosed(store), bus: sharedBus(), apps, isShared: true, roles: ["gateway"] as const };
  const first = await openTestRuntime({ ...shared, providers: [polled("first")] });
  await openTestRuntime({ ...shared, providers: [polled("second")] });
  await world.advance(60_000);
  expect([...fetching]).toEqual(["first"]);
  await first.runtime.drain(1_000);
  await world.advance(10_000);
  expect([...fetching]).toEqual(["second"]);
  expect(most).toBe(1);
});

test("a worker that is told to stop gives back what it was offered", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const { runtime } = await openTestRuntime({ world, store, apps });
  const draining = runtime.drain(1_000);
  await expect(runtime.accept(consoleChannel(), received(consoleChannel(), "1", "one"))).rejects.toMatchObject({
    code: "RUNNER_DRAINING",
    kind: "unavailable",
  });
  await draining;
});

test("drain() gives back at once what it has no time for, and another worker goes on with it", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const shared = { world, store: unclosed(store), bus: sharedBus(), pack, isShared: true };
  const stuck = await openTestRuntime({ ...shared, component: () => new Promise(() => undefined) });
  const channel = consoleChannel();
  await stuck.runtime.accept(channel, received(channel, "1", "one"));
  await settle();
  const draining = stuck.runtime.drain(2_000);
  await openTestRuntime({ ...shared, component: () => ({ said: "by another" }) });
  await world.advance(1_900);
  expect(await store.readLog("test:acme:default:console:s1", { after: -1, limit: 9 })).toEqual([]);
  await world.advance(1_200);
  await draining;
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 9 });
  expect(log.map(({ activity }) => activity)).toMatchObject([{ text: "by another" }]);
});

test("what a platform said of sends reaches the processes that send, on the channel's own subject alone, and what it gave up is announced", async () => {
  verifies("channels.whatsapp.read-back", "bus.dead-letters");
  const world = new TestWorld();
  const bus = openInProcessBus();
  const letters: BusMessage[] = [];
  bus.subscribe(deadLettersOf(TENANT), (message) => void letters.push(message));
  const noting = (channel: string): { provider: Provider; noted: unknown[] } => {
    const noted: unknown[] = [];
    const { channel: base } = platform(world, "B", () => ({ kind: "sent" }));
    const address = { ...base.address, channel: channelId(channel) };
    return { noted, provider: { ...base, address, noteReceipts: (receipts) => void noted.push(...receipts) } };
  };
  const [heard, mine, other] = [noting("platform"), noting("platform"), noting("other")];
  const gateway = await openTestRuntime({ world, bus, apps, providers: [heard.provider], roles: ["gateway"] });
  await openTestRuntime({ world, bus, apps, providers: [mine.provider, other.provider], roles: ["egress"] });
  const receipts = [
    { kind: "sent", idempotencyKey: "row-1", receipt: "wamid.1" },
    { kind: "failed", idempotencyKey: "row-2", error: "MESSAGING_WINDOW_CLOSED" },
  ] as const;
  gateway.runtime.noteReceipts(heard.provider, receipts);
  bus.publish(subjectOf("receipt", mine.provider.address), { receipts: [{ kind: "sent" }, "junk", null] });
  await settle();
  expect([heard.noted, mine.noted, other.noted]).toEqual([receipts, receipts, []]);
  expect(letters).toMatchObject([
    { subject: "dlq.acme.egress", payload: { msg_id: "row-2", error: { code: "MESSAGING_WINDOW_CLOSED" } } },
  ]);
});
