import { expect, test } from "vitest";
import { openMemoryStore } from "../session/index.ts";
import { DENY_ALL } from "../types/index.ts";
import { apps, platform, received } from "./delivery-fixture.ts";
import { openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

test("SenderLoop sends nothing under a claim that passed on while it stood still", async () => {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const { channel, sent } = platform(world, "C", () => ({ kind: "sent" }));
  const resumed = Promise.withResolvers<void>();
  let isStanding = true;
  // What it asked for is done, and its answer finds a process that doesn't run.
  const store = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name !== "beginSend") return member.bind(target) as unknown;
      return async (...args: Parameters<typeof inner.beginSend>) => {
        await target.beginSend(...args);
        if (isStanding) await resumed.promise;
      };
    },
  });
  const policy = (): typeof DENY_ALL => ({ ...DENY_ALL, unknownSends: "at-most-once" });
  const { runtime } = await openTestRuntime({ world, apps, providers: [channel], store, policy });
  await runtime.accept(channel, received(channel, "1", "one"));
  await runtime.accept(channel, received(channel, "2", "two"));
  await world.advance(100);
  expect(sent).toEqual([]);
  isStanding = false;
  await openTestRuntime({ world, apps, providers: [channel], store: inner, policy });
  await world.advance(90_000);
  resumed.resolve();
  await settle();
  await world.advance(10_000);
  // The first was given up on record, the second followed: nothing of the first may come now.
  expect(sent.map(({ payload }) => payload)).toEqual(["two"]);
  expect((await inner.listOutbox({})).map(({ status }) => status)).toEqual(["sent", "abandoned"]);
});
