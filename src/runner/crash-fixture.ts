/** A store whose process dies, a platform that delivers once, and the same story told with a death at every operation. */
import { expect } from "vitest";
import type { ComponentCall, ComponentResult } from "../component/index.ts";
import type { Provider } from "../messaging/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { DeadLetter, SessionStore } from "../session/index.ts";
import type { JsonValue, TenantCtx } from "../types/index.ts";
import { channelId } from "../types/index.ts";
import { ENV, openTestRuntime, settle, TEAM, TENANT, TestWorld } from "./runtime-fixture.ts";

/** A platform that delivers a message with a known key once, as class A promises. */
export class Platform {
  readonly delivered = new Map<string, JsonValue>();
  readonly channel: Provider;

  /** `dedupeTtlMs` is how long the channel knows deliveries again: 0 for one that nobody writes to. */
  constructor({ name = "platform", dedupeTtlMs = 86_400_000 } = {}) {
    this.channel = {
      type: "platform",
      address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId(name) },
      delivery: { kind: "send", sinkClass: "A" },
      dedupeTtlMs,
      project: (message) => [message.text ?? ""],
      send: async (payload, { idempotencyKey }) => {
        if (!this.delivered.has(idempotencyKey)) this.delivered.set(idempotencyKey, payload);
        return { kind: "sent" };
      },
    };
  }
}

const COUNTED: readonly string[] = [
  "accept",
  "lease",
  "release",
  "record",
  "commit",
  "claimSends",
  "beginSend",
  "endSend",
];

/** A store whose process dies at its n-th operation, before or after it took effect: from then on nothing ever answers. */
export function dyingStore(
  inner: SessionStore,
  dies: {
    readonly at: number;
    readonly when: "before" | "after";
    /** The operations that count; all that change something where absent. */
    readonly of?: readonly string[];
  },
): { readonly store: SessionStore; readonly isDead: () => boolean } {
  let count = 0;
  let isDead = false;
  const never = new Promise<never>(() => undefined);
  const store = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]): Promise<unknown> => {
        if (isDead) return never;
        const isCounted = (dies.of ?? COUNTED).includes(name as string);
        const isLast = isCounted && ++count === dies.at;
        if (isLast && dies.when === "before") {
          isDead = true;
          return never;
        }
        const result: unknown = await Reflect.apply(value, target, args);
        if (isLast) isDead = true;
        return isDead ? never : result;
      };
    },
  });
  return { store, isDead: () => isDead };
}

/** What is said, and how long nobody says anything after it. */
interface Line {
  readonly text: string;
  readonly thenMs?: number;
}

/** A story whose outcome no crash may change. */
export interface Story {
  readonly pack: Pack;
  /** Packs beside it. */
  readonly others?: readonly Pack[];
  readonly lines: readonly Line[];
  /** What components answer; called with how often they were called with the same key. */
  readonly component: (call: ComponentCall, times: number) => JsonValue | ComponentResult;
  /** How long after the last line everything is over. */
  readonly endMs?: number;
}

/** What came of a story. */
export interface Told {
  readonly delivered: readonly JsonValue[];
  /** What reached `ledger`, a channel that is only written to. */
  readonly ledger: readonly JsonValue[];
  /** Calls by idempotency key: operation, input, and how often. */
  readonly effects: ReadonlyMap<string, { readonly call: string; readonly times: number }>;
  readonly dead: readonly DeadLetter[];
  readonly crashed: boolean;
}

/** Where a story's first process dies. */
export interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

const NEVER: Death = { at: Number.POSITIVE_INFINITY, when: "before" };

/** Tells a story, its first process dying where it is said; a second one goes on. */
export async function tell(story: Story, dies: Death = NEVER): Promise<Told> {
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const platform = new Platform();
  const ledger = new Platform({ name: "ledger", dedupeTtlMs: 0 });
  const effects = new Map<string, { readonly call: string; readonly times: number }>();
  const component = async (ctx: TenantCtx, call: ComponentCall): Promise<JsonValue> => {
    const key = ctx.idempotencyKey ?? "";
    const times = (effects.get(key)?.times ?? 0) + 1;
    effects.set(key, { call: `${call.operation} ${JSON.stringify(call.input)}`, times });
    return story.component(call, times) as JsonValue;
  };
  const first = dyingStore(inner, dies);
  const scope = { env: ENV, tenant: TENANT };
  const apps = [story.pack, ...(story.others ?? [])].map((pack) => ({ scope, pack }));
  const options = { apps, world, providers: [platform.channel, ledger.channel], component };
  let current = await openTestRuntime({ ...options, store: first.store });
  const revive = async (): Promise<void> => {
    if (first.isDead() && current.store === first.store) current = await openTestRuntime({ ...options, store: inner });
  };
  for (const [n, { text, thenMs = 100 }] of story.lines.entries()) {
    const delivery = { isTaken: false };
    while (!delivery.isTaken) {
      const message = receiveConsole(platform.channel.address, { text }, { session: "chat", id: `m${n}` });
      void current.runtime.accept(platform.channel, message).then(() => {
        delivery.isTaken = true;
      });
      await settle();
      await revive();
    }
    await world.advance(thenMs);
    await revive();
  }
  const endMs = story.endMs ?? 200_000;
  await world.advance(endMs / 2);
  await revive();
  await world.advance(endMs / 2);
  await revive();
  await world.advance(100_000);
  return {
    delivered: [...platform.delivered.values()],
    ledger: [...ledger.delivered.values()],
    effects,
    dead: await inner.listDeadLetters({}),
    crashed: first.isDead(),
  };
}

/**
 * Tells a story with a crash before and after every operation of its store. What is delivered stays the same; an effect happens again
 * only under the key that it had, and only where it wasn't recorded.
 */
export async function surviveEveryCrash(story: Story): Promise<{ readonly whole: Told; readonly points: number }> {
  const whole = await tell(story);
  const calls = ({ effects }: Told): readonly string[] => [...effects.values()].map(({ call }) => call).sort();
  let points = 0;
  for (const when of ["before", "after"] as const) {
    for (let at = 1; ; at++) {
      const told = await tell(story, { at, when });
      if (!told.crashed) break;
      points++;
      const where = `crash ${when} operation ${at}`;
      expect(told.delivered, where).toEqual(whole.delivered);
      expect(told.ledger, where).toEqual(whole.ledger);
      expect(calls(told), where).toEqual(calls(whole));
      expect(
        told.dead.map(({ reason }) => reason),
        where,
      ).toEqual(whole.dead.map(({ reason }) => reason));
    }
  }
  return { whole, points };
}
