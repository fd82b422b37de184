import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Provider } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import { DENY_ALL } from "../types/index.ts";
import type { Policy } from "../types/index.ts";
import { apps, platform, received } from "./delivery-fixture.ts";
import { openTestRuntime, TestWorld } from "./runtime-fixture.ts";

test.each([
  ["its first attempt", 0],
  ["an attempt after a refusal", 1],
])(
  "a platform is asked about a send whose process died in %s once what had left has had time to arrive",
  async (_in, refusals) => {
    verifies("engine.read-back");
    const world = new TestWorld();
    const inner = openMemoryStore(world);
    const never = new Promise<never>(() => undefined);
    const arrived: string[] = [];
    let isDead = false;
    let left = refusals;
    const { channel } = platform(world, "B", ({ payload }) => {
      if (isDead) {
        arrived.push(payload as string);
        return { kind: "sent" };
      }
      if (left-- > 0) return { kind: "retry", error: "PLATFORM_BUSY", notBeforeMs: world.nowMs() };
      // The process dies with its request under way, which arrives a moment after another has taken over.
      isDead = true;
      world.schedule(62_000, () => void arrived.push(payload as string));
      return never;
    });
    const readable: Provider = {
      ...channel,
      readBack: async () => ({ kind: arrived.includes("one") ? "sent" : "unsent" }),
    };
    const dying = new Proxy(inner, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]): unknown => (isDead ? never : Reflect.apply(member, target, args));
      },
    });
    const first = await openTestRuntime({ world, apps, providers: [readable], store: dying });
    await first.runtime.accept(readable, received(readable, "1", "one"));
    await world.advance(61_000);
    expect(arrived).toEqual([]);
    await openTestRuntime({ world, apps, providers: [readable], store: inner });
    await world.advance(30_000);
    expect(arrived).toEqual(["one"]);
    expect(await inner.listOutbox({})).toMatchObject([{ status: "sent", wasUnknown: true, attempts: refusals + 1 }]);
  },
);

test("what a conversation says next doesn't overtake what a dead process sent", async () => {
  verifies("engine.policy");
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const never = new Promise<never>(() => undefined);
  const arrived: string[] = [];
  let isDead = false;
  const { channel } = platform(world, "C", ({ payload }) => {
    if (isDead) {
      arrived.push(payload as string);
      return { kind: "sent" };
    }
    isDead = true;
    world.schedule(62_000, () => void arrived.push(payload as string));
    return never;
  });
  const dying = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => (isDead ? never : Reflect.apply(member, target, args));
    },
  });
  const policy = (): Policy => ({ ...DENY_ALL, unknownSends: "at-most-once" });
  const first = await openTestRuntime({ world, apps, providers: [channel], store: dying, policy });
  await first.runtime.accept(channel, received(channel, "1", "one"));
  await world.advance(61_000);
  const second = await openTestRuntime({ world, apps, providers: [channel], store: inner, policy });
  await second.runtime.accept(channel, received(channel, "2", "two"));
  await world.advance(30_000);
  expect(arrived).toEqual(["one", "two"]);
});
