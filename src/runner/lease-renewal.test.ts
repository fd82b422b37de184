import { expect, test } from "vitest";
import { openMemoryStore } from "../session/index.ts";
import { makePack, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: call
nodes:
  call: { component.exec: { component: shop, operation: work, input: {} }, routing: [{ to: tell }] }
  tell: { message.send: { text: done }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});

test("WorkerLoop stops renewing with the turn, though a renewal was under way when it ended", async () => {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const renewals: PromiseWithResolvers<boolean>[] = [];
  const store = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name !== "renew") return member.bind(target) as unknown;
      return () => {
        const renewal = Promise.withResolvers<boolean>();
        renewals.push(renewal);
        return renewal.promise;
      };
    },
  });
  const effect = Promise.withResolvers<null>();
  const { say } = await openTestRuntime({
    world,
    store,
    pack,
    component: async () => effect.promise,
    defaults: { leaseTtlMs: 3_000 },
  });
  const said = say("hi");
  await world.advance(1_500);
  expect(renewals).toHaveLength(1);
  effect.resolve(null);
  await settle();
  expect(await said).toMatchObject({ status: "done" });
  renewals[0]?.resolve(true);
  await world.advance(20_000);
  expect(renewals).toHaveLength(1);
});
