import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Bus } from "../bus/index.ts";
import { openInProcessBus } from "../bus/index.ts";
import type { Provider, TypingSign } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { pack, platform, received } from "./delivery-fixture.ts";
import { consoleChannel, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

const LOG = "test:acme:default:console:s1";

/** A bus as processes share it. */
function sharedBus(): Bus {
  return Object.assign(openInProcessBus(), { isShared: true });
}

/** A platform that counts its signs. */
function typist(world: TestWorld): { readonly channel: Provider; readonly signs: TypingSign[] } {
  const signs: TypingSign[] = [];
  const { channel } = platform(world, "A", () => ({ kind: "sent" }));
  const showTyping = (sign: TypingSign): Promise<void> => {
    signs.push(sign);
    return Promise.reject(new Error("the platform is away"));
  };
  return { channel: { ...channel, showTyping }, signs };
}

test("a person sees that a long turn runs, again while it does and not behind it; a short one shows nothing", async () => {
  verifies("channels.typing");
  const world = new TestWorld();
  const { channel, signs } = typist(world);
  const gates = [Promise.withResolvers<JsonValue>(), Promise.withResolvers<JsonValue>()];
  let calls = 0;
  const { runtime, errors } = await openTestRuntime({
    world,
    pack,
    providers: [channel],
    component: () => gates[calls++]?.promise ?? { said: "late" },
  });
  const scope = { conversation: "s1", reply_to: "m-1", correlation: "https://service.example/" };
  const first = received(channel, "1", "one", "s1");
  await runtime.accept(channel, { ...first, envelope: { ...first.envelope, reply_scope: scope } });
  await world.advance(900);
  gates[0]?.resolve({ said: "soon" });
  await settle();
  await world.advance(10_000);
  expect(signs).toEqual([]);

  const second = received(channel, "2", "two", "s1");
  await runtime.accept(channel, { ...second, envelope: { ...second.envelope, reply_scope: scope } });
  await world.advance(1_100);
  expect(signs).toMatchObject([{ conversation: "s1", replyTo: "m-1", correlation: "https://service.example/" }]);
  await world.advance(8_000);
  expect(signs).toHaveLength(3);
  expect(signs.some(({ signal }) => signal.aborted)).toBe(false);
  gates[1]?.resolve({ said: "late" });
  await settle();
  expect(signs.every(({ signal }) => signal.aborted)).toBe(true);
  await world.advance(20_000);
  expect(signs).toHaveLength(3);
  // What the platform said of its signs concerns nobody.
  expect(errors).toEqual([]);
});

test("a worker without a platform's credentials leaves the sign to a process that sends", async () => {
  verifies("channels.typing");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const [here, there, gateway] = [typist(world), typist(world), typist(world)];
  const gate = Promise.withResolvers<JsonValue>();
  const shared = { world, store, bus: sharedBus(), pack, isShared: true };
  await openTestRuntime({ ...shared, providers: [here.channel], roles: ["worker"], component: () => gate.promise });
  await openTestRuntime({ ...shared, providers: [there.channel], roles: ["egress"] });
  const { runtime } = await openTestRuntime({ ...shared, providers: [gateway.channel], roles: ["gateway"] });
  await runtime.accept(gateway.channel, received(gateway.channel, "1", "a secret thing", "s1"));
  await world.advance(1_500);
  expect([here.signs.length, there.signs.length, gateway.signs.length]).toEqual([0, 1, 0]);
  gate.resolve({ said: "x" });
  await settle();
});

test.each(["alone", "apart"])("who watches a conversation's log hears of a long turn, %s", async (how) => {
  verifies("channels.typing");
  const world = new TestWorld();
  const gate = Promise.withResolvers<JsonValue>();
  const component = (): Promise<JsonValue> => gate.promise;
  const channel = consoleChannel();
  const shared = { world, store: openMemoryStore(world), pack };
  const apart = { ...shared, bus: sharedBus(), isShared: true };
  const { runtime } =
    how === "alone"
      ? await openTestRuntime({ ...shared, component })
      : await openTestRuntime({ ...apart, roles: ["gateway"] });
  if (how === "apart") await openTestRuntime({ ...apart, roles: ["worker"], component });
  let [mine, others] = [0, 0];
  const stop = runtime.watchTyping(LOG, () => void mine++);
  runtime.watchTyping(LOG.replace("s1", "s2"), () => void others++);
  await runtime.accept(channel, received(channel, "1", "one", "s1"));
  await world.advance(5_500);
  expect([mine, others]).toEqual([2, 0]);
  stop();
  await world.advance(5_000);
  expect(mine).toBe(2);
  gate.resolve({ said: "x" });
  await settle();
});

test("a channel gets few signs at once, however many turns take long", async () => {
  const world = new TestWorld();
  const { channel, signs } = typist(world);
  const gate = Promise.withResolvers<JsonValue>();
  const { runtime } = await openTestRuntime({ world, pack, providers: [channel], component: () => gate.promise });
  for (let n = 0; n < 50; n++) await runtime.accept(channel, received(channel, `${n}`, "x", `s${n}`));
  await world.advance(1_100);
  expect(signs.length).toBeLessThanOrEqual(6);
  expect(signs.length).toBeGreaterThanOrEqual(5);
  gate.resolve({ said: "x" });
  await settle();
});
