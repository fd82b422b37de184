import type { Provider, ReceivedMessage } from "../src/messaging/index.ts";
import { createWebChatProvider, createWebhookProvider, receiveConsole } from "../src/messaging/index.ts";
import type { ReadBack } from "../src/messaging/index.ts";
import type { SendResult } from "../src/session/index.ts";
import { channelId } from "../src/types/index.ts";
import type { World } from "../src/types/index.ts";
import { placeOf } from "./flows.ts";
import type { History, Said } from "./history.ts";
import { textOf } from "./history.ts";
import type { SinkName, Talk } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./sim-process.ts";

const NEVER = new Promise<never>(() => undefined);
const TIMEOUT_MS = 5_000;
const CLASSES = { hook: "A", traced: "B", opaque: "C" } as const;

/** One request to a platform. */
interface Sent {
  readonly sink: "hook" | "traced" | "opaque";
  readonly tenant: string;
  readonly conversation: string;
  readonly key: string;
  readonly text: string;
}

/** What may go wrong with a request to a platform. */
export interface SinkWeather {
  /** Connection refused: certainly not delivered. */
  refuses(): boolean;
  /** 429 with a time to wait. */
  isBusy(): boolean;
  losesRequest(): boolean;
  losesAnswer(): boolean;
}

export interface PlatformsOptions {
  readonly scheduler: Scheduler;
  readonly history: History;
  readonly random: Random;
  readonly weather: SinkWeather;
  /** Whether an operator could read, at this moment, that the fate of a row with this text was in doubt. */
  readonly isUnknownOnRecord: (key: string) => boolean;
}

/** The platforms that replies go to: one that honours idempotency keys, and an opaque one. */
export class Platforms {
  readonly #options: PlatformsOptions;
  readonly #seen = new Set<string>();

  constructor(options: PlatformsOptions) {
    this.#options = options;
  }

  /** The channels of one life of a process. */
  connect(process: SimProcess, world: World, talks: readonly Talk[]): readonly Provider[] {
    const providers = new Map<string, Provider>();
    const add = (talk: Talk, sink: SinkName): void => {
      const address = { ...placeOf(talk), channel: channelId(sink) };
      const key = `${address.tenant}:${address.team}:${sink}`;
      if (!providers.has(key)) providers.set(key, this.#channel(process, address, { sink, world }));
    };
    for (const talk of talks) {
      add(talk, talk.sink);
      if (talk.kind === "order" || talk.kind === "clock") add(talk, "hook");
    }
    return [...providers.values()];
  }

  #channel(
    process: SimProcess,
    address: Provider["address"],
    { sink, world }: { readonly sink: SinkName; readonly world: World },
  ): Provider {
    if (sink === "web") return createWebChatProvider(address, { world });
    if (sink === "request") return createWebhookProvider(address, { world });
    const { life } = process;
    return {
      type: "platform",
      address,
      delivery: { kind: "send", sinkClass: CLASSES[sink] },
      dedupeTtlMs: 86_400_000,
      project: (message) => [message.text ?? ""],
      ...(sink === "traced" ? { readBack: ({ idempotencyKey }) => this.#readBack(process, idempotencyKey) } : {}),
      send: (payload, { idempotencyKey, conversation }) => {
        if (!process.isAlive(life)) return NEVER;
        const place = { sink, tenant: String(address.tenant), conversation };
        return this.#send(process, { ...place, key: idempotencyKey, text: textOf(payload) }, world);
      },
    };
  }

  #send(process: SimProcess, sent: Sent, world: World): Promise<SendResult> {
    if (process.reach("send.first-byte")) return NEVER;
    const { scheduler, random, weather } = this.#options;
    return new Promise((resolve) => {
      const respond = (delayMs: number, result: () => SendResult): void => {
        process.post(delayMs, "", () => {
          if (!process.reach("send.response")) resolve(result());
        });
      };
      const afterMs = random.between(1, 40);
      if (weather.refuses()) {
        respond(1, () => ({ kind: "retry", error: "MESSAGING_UNREACHABLE", notBeforeMs: world.nowMs() }));
        return;
      }
      if (weather.isBusy()) {
        const waitMs = random.between(100, 3_000);
        respond(afterMs, () => ({
          kind: "retry",
          error: "MESSAGING_RATE_LIMITED",
          notBeforeMs: world.nowMs() + waitMs,
        }));
        return;
      }
      if (weather.losesRequest()) {
        respond(TIMEOUT_MS, () => ({ kind: "unknown", error: "MESSAGING_TIMEOUT" }));
        return;
      }
      // What has left the process arrives, whether it lives or not.
      scheduler.after(afterMs, "", () => {
        this.#arrive(sent);
        if (process.reach("send.delivered")) return;
        if (weather.losesAnswer()) respond(TIMEOUT_MS, () => ({ kind: "unknown", error: "MESSAGING_TIMEOUT" }));
        else respond(random.between(1, 20), () => ({ kind: "sent" }));
      });
      process.reach("send.left");
    });
  }

  /** Looks for what arrived under a key, which takes a while. */
  #readBack(process: SimProcess, key: string): Promise<ReadBack> {
    const { random } = this.#options;
    return new Promise((resolve) => {
      process.post(random.between(1, 40), "", () => {
        resolve({ kind: this.#seen.has(`traced ${key}`) ? "sent" : "unsent" });
      });
    });
  }

  #arrive(sent: Sent): void {
    const { history, scheduler, isUnknownOnRecord } = this.#options;
    const name = `${sent.sink} ${sent.key}`;
    const isRepeated = this.#seen.has(name);
    this.#seen.add(name);
    scheduler.note(
      `${sent.sink} ${isRepeated ? "gets again" : "gets"} ${sent.tenant} ${sent.conversation}: ${sent.text}`,
    );
    if (isRepeated && sent.sink === "hook") return;
    const wasUnknown = isRepeated && isUnknownOnRecord(sent.key);
    history.delivered.push({ ...sent, atMs: scheduler.nowMs, wasUnknown });
  }
}

/** A message as a channel takes it out of the platform's request. */
export function receivedOf(provider: Provider, said: Said): ReceivedMessage {
  const { talk, id, text } = said;
  const message = receiveConsole(provider.address, { text }, { session: talk.conversation, id, user: "u1" });
  if (talk.sink !== "web") return message;
  return { ...message, log: { type: "message", from: { id: "u1", role: "user" }, text } };
}
