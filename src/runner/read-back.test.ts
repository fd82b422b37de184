import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { DoubtfulSend, Provider, ReadBack } from "../messaging/index.ts";
import type { OutboxRow, SendResult } from "../session/index.ts";
import { DENY_ALL } from "../types/index.ts";
import type { Policy } from "../types/index.ts";
import { apps, platform, received } from "./delivery-fixture.ts";
import { openTestRuntime, TestWorld } from "./runtime-fixture.ts";

interface Told {
  /** What arrived, in order. */
  readonly arrived: string[];
  readonly asked: DoubtfulSend[];
  readonly row: () => Promise<OutboxRow | undefined>;
}

/** Sends "one" and "two" to a platform whose first answer is lost, and lets time pass. */
async function lose(
  first: "arrives" | "vanishes",
  tell: (arrived: readonly string[], world: TestWorld, asked: number) => ReadBack | Promise<ReadBack>,
  { unknownSends = "at-most-once", forMs = 60_000 }: Partial<Policy> & { readonly forMs?: number } = {},
): Promise<Told> {
  const world = new TestWorld();
  const arrived: string[] = [];
  const asked: DoubtfulSend[] = [];
  let sends = 0;
  const { channel } = platform(world, "B", ({ payload }): SendResult => {
    if (++sends > 1 || first === "arrives") arrived.push(payload as string);
    return sends === 1 ? { kind: "unknown", error: "PLATFORM_SILENT" } : { kind: "sent" };
  });
  const readable: Provider = {
    ...channel,
    readBack: async (send) => {
      asked.push(send);
      return tell(arrived, world, asked.length);
    },
  };
  const { runtime, store } = await openTestRuntime({
    world,
    apps,
    providers: [readable],
    policy: () => ({ ...DENY_ALL, unknownSends }),
  });
  await runtime.accept(readable, received(readable, "1", "one"));
  await runtime.accept(readable, received(readable, "2", "two"));
  await world.advance(forMs);
  return { arrived, asked, row: async () => (await store.listOutbox({})).find(({ payload }) => payload === "one") };
}

const found = (arrived: readonly string[]): ReadBack =>
  arrived.includes("one") ? { kind: "sent", receipt: "r1" } : { kind: "unsent" };

test("a send in doubt that the platform has is sent, not repeated, and the next one follows", async () => {
  verifies("engine.read-back");
  const { arrived, asked, row } = await lose("arrives", found);
  expect(arrived).toEqual(["one", "two"]);
  expect(await row()).toMatchObject({ status: "sent", attempts: 1, wasUnknown: true });
  expect(asked).toMatchObject([{ payload: "one", conversation: "s1" }]);
  expect(asked[0]?.idempotencyKey).toBe((await row())?.id);
});

test("a send in doubt that the platform hasn't is sent again under its key, whatever policy says of opaque ones", async () => {
  verifies("engine.read-back");
  const { arrived, row } = await lose("vanishes", found);
  expect(arrived).toEqual(["one", "two"]);
  expect(await row()).toMatchObject({ status: "sent", attempts: 2, wasUnknown: true });
});

test("a platform that can't say yet is asked again, when it asks to be", async () => {
  const { arrived, asked, row } = await lose("arrives", (all, world, times) =>
    times < 3 ? { kind: "unknown", error: "PLATFORM_BUSY", notBeforeMs: world.nowMs() + 7_000 } : found(all),
  );
  expect(asked).toHaveLength(3);
  expect(arrived).toEqual(["one", "two"]);
  expect(await row()).toMatchObject({ status: "sent", attempts: 1 });
});

test.each([
  ["at-most-once", ["one", "two"], "abandoned"],
  ["at-least-once", ["one", "one", "two"], "sent"],
] as const)("where the platform will never tell, policy %s decides", async (unknownSends, all, status) => {
  const { arrived, asked, row } = await lose("arrives", () => ({ kind: "unknown", error: "NO_SCOPE" }), {
    unknownSends,
  });
  expect(asked).toHaveLength(1);
  expect(arrived).toEqual(all);
  expect(await row()).toMatchObject({ status });
});

test("policy decides too where the platform can't say for ten minutes, or never answers", async () => {
  for (const tell of [
    (_: unknown, world: TestWorld): ReadBack => ({ kind: "unknown", error: "DOWN", notBeforeMs: world.nowMs() }),
    (): Promise<ReadBack> => new Promise(() => undefined),
  ]) {
    const { arrived, asked, row } = await lose("arrives", tell, { forMs: 700_000 });
    expect(arrived).toEqual(["one", "two"]);
    expect(asked.length).toBeGreaterThan(3);
    expect(await row()).toMatchObject({ status: "abandoned", lastError: "RUNNER_SEND_UNKNOWN" });
  }
});
