import { expect, test } from "vitest";
import type { ReceivedMessage } from "../messaging/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { dyingStore, Platform } from "./crash-fixture.ts";
import { makePack, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    orders: `
id: orders
type: messaging
start: ask
nodes:
  ask:
    qa: { questions: [{ id: item, prompt: "What?" }], expires: 1h }
    routing: [{ to: reserve }]
  reserve:
    component.exec: { component: shop, operation: reserve, input: { item: "{{ask.answers.item}}", at: "{{now.iso}}" } }
    routing: [{ to: count }]
  count:
    state.set: { key: last, value: "{{reserve.order}}" }
    routing: [{ to: charge }]
  charge:
    component.exec: { component: shop, operation: charge, input: { order: "{{state.last}}" } }
    routing: [{ to: tell }]
  tell:
    message.send: { text: "{{charge.order}} paid" }
    routing: [{ to: again }]
  again:
    message.send: { text: "Anything else?" }
    routing: out
`,
  },
  components: { shop: 'http = ["https://api.example.com"]\nstate = "read-write"' },
});

interface Run {
  readonly delivered: readonly JsonValue[];
  readonly keys: readonly string[];
  readonly effects: ReadonlyMap<string, number>;
  readonly dead: number;
  readonly crashed: boolean;
}

async function converse(dies: { readonly at: number; readonly when: "before" | "after" }): Promise<Run> {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const platform = new Platform();
  const effects = new Map<string, number>();
  const component = async (
    ctx: { readonly idempotencyKey?: string },
    call: { readonly operation: string; readonly input: JsonValue },
  ): Promise<JsonValue> => {
    const key = `${call.operation} ${ctx.idempotencyKey ?? ""} ${JSON.stringify(call.input)}`;
    effects.set(key, (effects.get(key) ?? 0) + 1);
    return {
      order: `o-${(call.input as { item?: string; order?: string }).item ?? (call.input as { order?: string }).order}`,
    };
  };
  const first = dyingStore(inner, dies);
  const options = { pack, world, providers: [platform.channel], component, defaults: { leaseTtlMs: 30_000 } };
  let current = await openTestRuntime({ ...options, store: first.store });
  const received = (n: number, text: string): ReceivedMessage =>
    receiveConsole(platform.channel.address, { text }, { session: "chat", id: `m${n}` });
  for (const [n, text] of ["hi", "tea", "hi", "cake"].entries()) {
    // The platform delivers again until it was told that the message was taken.
    const delivery = { isTaken: false };
    while (!delivery.isTaken) {
      void current.runtime.accept(platform.channel, received(n, text)).then(() => {
        delivery.isTaken = true;
      });
      await settle();
      if (first.isDead() && current.store === first.store)
        current = await openTestRuntime({ ...options, store: inner });
    }
    await world.advance(100);
  }
  if (first.isDead() && current.store === first.store) current = await openTestRuntime({ ...options, store: inner });
  await world.advance(200_000);
  const crashed = first.isDead();
  const letters = await inner.listDeadLetters({});
  return {
    delivered: [...platform.delivered.values()],
    keys: [...platform.delivered.keys()],
    effects,
    dead: letters.length,
    crashed,
  };
}

const whole = await converse({ at: Number.POSITIVE_INFINITY, when: "before" });

test("without a crash every message is answered once and every effect happens once", () => {
  expect(whole.delivered).toEqual([
    "What?",
    "o-o-tea paid",
    "Anything else?",
    "What?",
    "o-o-cake paid",
    "Anything else?",
  ]);
  expect(new Set(whole.effects.values())).toEqual(new Set([1]));
  expect(whole.effects.size).toBe(4);
});

test.each(["before", "after"] as const)(
  "a crash %s any operation of the store changes nothing of the outcome",
  async (when) => {
    let points = 0;
    let repeated = 0;
    for (let at = 1; ; at++) {
      const run = await converse({ at, when });
      if (!run.crashed) break;
      points++;
      expect(run.delivered, `crash ${when} operation ${at}`).toEqual(whole.delivered);
      expect(run.dead).toBe(0);
      // An effect may happen again only under the key that it had; its time of day is the message's own.
      for (const [key, times] of run.effects) {
        expect(times, key).toBeLessThanOrEqual(2);
        repeated += times - 1;
      }
      expect(run.effects.size, `effects of crash ${when} operation ${at}`).toBe(4);
    }
    expect(points).toBeGreaterThan(20);
    // Only a crash between an effect and its record repeats it.
    expect(repeated).toBe(when === "before" ? 4 : 0);
  },
);
