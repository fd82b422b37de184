import { expect, test } from "vitest";
import { receiveConsole } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { Platform } from "./crash-fixture.ts";
import { makePack, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

const each = await makePack({
  flows: {
    many: `
id: many
type: messaging
start: each
nodes:
  each: { for_each: { items: [a, b, c], do: work, max_concurrency: 2 }, routing: [{ to: tell }] }
  work: { component.exec: { component: shop, operation: item, input: { item: "{{vars.item}}" } }, routing: [{ to: give }] }
  give: { flow.return: { value: "{{work.item}}" } }
  tell: { message.send: { text: "{{json each.results}}" }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});
const echo = async (_ctx: unknown, call: { readonly input: unknown }): Promise<never> => call.input as never;

test("a host that ends while strands are recorded leaves the turn to another, and no half of a result", async () => {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const slow = Promise.withResolvers<void>();
  const late = new Proxy(inner, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      // The host's own end doesn't close what the next one goes on with.
      if (name === Symbol.asyncDispose) return async () => undefined;
      if (name !== "record") return member.bind(target);
      return (...args: Parameters<SessionStore["record"]>) => slow.promise.then(() => inner.record(...args));
    },
  });
  const platform = new Platform();
  const options = { pack: each, world, providers: [platform.channel], component: echo };
  const first = await openTestRuntime({ ...options, store: late });
  const message = receiveConsole(platform.channel.address, { text: "go" }, { session: "chat", id: "m1" });
  await first.runtime.accept(platform.channel, message);
  await world.advance(100);
  const drained = first.runtime.drain(1_000);
  await world.advance(1_100);
  slow.resolve();
  await settle();
  await world.advance(5_000);
  await drained;
  expect(platform.delivered.size).toBe(0);

  await openTestRuntime({ ...options, store: inner });
  await world.advance(120_000);
  expect([...platform.delivered.values()]).toEqual(['["a","b","c"]']);
});

const pausing = await makePack({
  flows: {
    pause: `
id: pause
type: messaging
start: rest
nodes:
  rest: { delay: { for: 10s }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{in.text}}" }, routing: out }
`,
  },
});

test("messages that were kept go before those of now, also where the clock is set back", async () => {
  const world = new TestWorld();
  const platform = new Platform();
  let backMs = 0;
  const wound: TestWorld = Object.assign(Object.create(world) as TestWorld, {
    nowMs: () => world.nowMs() - backMs,
    schedule: world.schedule.bind(world),
    monotonicMs: () => world.monotonicMs(),
    randomBytes: world.randomBytes.bind(world),
  });
  const inner = openMemoryStore(wound);
  const store = new Proxy(inner, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name !== "commit") return member.bind(target);
      return async (...args: Parameters<SessionStore["commit"]>) => {
        // The first delay has ended, and the clock is set back before what was kept has its turn.
        if (args[1].outbox.length > 0) backMs = 60_000;
        return inner.commit(...args);
      };
    },
  });
  const { runtime } = await openTestRuntime({ pack: pausing, world: wound, store, providers: [platform.channel] });
  const say = async (text: string): Promise<void> => {
    await runtime.accept(
      platform.channel,
      receiveConsole(platform.channel.address, { text }, { session: "chat", id: text }),
    );
    await world.advance(100);
  };
  await say("one");
  await say("two");
  await world.advance(10_000);
  await say("three");
  await world.advance(200_000);
  expect([...platform.delivered.values()]).toEqual(["one", "two", "three"]);
});
