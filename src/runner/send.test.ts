import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { DENY_ALL } from "../types/index.ts";
import { apps, platform, received } from "./delivery-fixture.ts";
import { openTestRuntime, TestWorld } from "./runtime-fixture.ts";

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

test("a platform that asks for a while is tried for a day, however often it asks", async () => {
  const world = new TestWorld();
  let asks = 30;
  const { channel, sent } = platform(world, "C", ({ payload }) =>
    payload === "for ever" || asks-- > 0
      ? { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: world.nowMs() + 60_000 }
      : { kind: "sent" },
  );
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [channel] });
  await runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(60 * 60_000);
  expect(sent).toHaveLength(31);
  expect((await store.listOutbox({}))[0]).toMatchObject({ status: "sent", attempts: 31 });
  await runtime.accept(channel, received(channel, "2", "for ever"));
  await world.advance(25 * 3_600_000);
  expect((await store.listOutbox({ status: "failed" }))[0]).toMatchObject({ lastError: "MESSAGING_RATE_LIMITED" });
});

test.each([
  ["A", "at-most-once", 2, "sent"],
  ["C", "at-least-once", 2, "sent"],
  ["C", "at-most-once", 1, "abandoned"],
  ["B", "at-most-once", 1, "abandoned"],
] as const)(
  "a send of class %s in doubt under %s is tried %i times and is then %s",
  async (sinkClass, unknownSends, times, status) => {
    verifies("engine.policy");
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

test.each([
  ["short", 1_500],
  ["long", 20_000],
])("a %s wait for the channel's pace costs no attempt and leaves nothing in doubt", async (_name, waitMs) => {
  const world = new TestWorld();
  const { channel, sent } = platform(world, "C", () => ({ kind: "sent" }));
  const readyAtMs = world.nowMs() + waitMs;
  const paced = { ...channel, readyAtMs: () => readyAtMs };
  const { runtime, store } = await openTestRuntime({ world, apps, providers: [paced] });
  await runtime.accept(paced, received(paced, "1", "one"));
  await world.advance(waitMs - 500);
  expect(sent).toEqual([]);
  expect(await store.listOutbox({})).toMatchObject([{ status: "queued", attempts: 0, wasUnknown: false }]);
  await world.advance(5_000);
  expect(sent).toHaveLength(1);
  expect(await store.listOutbox({})).toMatchObject([{ status: "sent", attempts: 1, wasUnknown: false }]);
});
