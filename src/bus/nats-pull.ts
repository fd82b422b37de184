import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { EnvId, JsonValue, World } from "../types/index.ts";
import { parseJson } from "../types/index.ts";
import type { BusMessage } from "./bus.ts";
import type { Link } from "./nats-link.ts";
import { ensureConsumer, ensureStream, streamOf } from "./nats-stream.ts";
import type { Subject, SubjectPattern } from "./subjects.ts";

export interface PullOptions {
  readonly env: EnvId;
  readonly group: string;
  readonly pattern: SubjectPattern;
  readonly credits: number;
  readonly world: Pick<World, "schedule">;
  readonly handler: (message: BusMessage) => void | Promise<void>;
  readonly onDelivered: (isAgain: boolean) => void;
  /** Told what a handler threw, with its subject, and what pulling failed with. */
  readonly onError: (error: unknown, subject?: Subject) => void;
}

/** How long one request for messages stays with the server. */
const PULL_MS = 10_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
/** When a message comes again that its handler failed on. */
const NAK_DELAY_MS = 500;

/**
 * Pulls a group's messages, never more than there are credits left: what this process can't take stays for others. A message is
 * acknowledged when its handler resolves.
 */
export class NatsPull {
  readonly #options: PullOptions;
  /** Counts links, and how often they came back. */
  #round = 0;
  #isStopped = false;
  #inHand = 0;
  #freed: (() => void) | undefined;
  #messages: ConsumerMessages | undefined;
  #cancelPause: (() => void) | undefined;
  #pulling = Promise.withResolvers<void>();

  constructor(options: PullOptions) {
    this.#options = options;
  }

  /** Goes on over a link that is new or came back. */
  attach(link: Link): void {
    if (this.#isStopped) return;
    this.#pulling.resolve();
    this.#pulling = Promise.withResolvers();
    this.#round++;
    this.#interrupt();
    void this.#run(link, this.#round);
  }

  /** Resolves once messages are being pulled. */
  get pulling(): Promise<void> {
    return this.#pulling.promise;
  }

  /** Pulls no more. What is in hand is still acknowledged. */
  stop(): void {
    this.#isStopped = true;
    this.#pulling.resolve();
    this.#interrupt();
  }

  /** Lets the loop see that it is over: a request from before the connection broke is lost. */
  #interrupt(): void {
    this.#cancelPause?.();
    this.#freed?.();
    void this.#messages?.close();
  }

  /** Pulls until the next round; a server that came back may have forgotten stream and consumer. */
  async #run(link: Link, round: number): Promise<void> {
    const { env, credits, onError } = this.#options;
    const isOver = (): boolean => this.#isStopped || this.#round !== round || link.nc.isClosed();
    for (let failures = 0; !isOver();) {
      try {
        await ensureStream(link.jsm, env);
        const consumer = await link.js.consumers.get(streamOf(env), await ensureConsumer(link.jsm, this.#options));
        while (!isOver()) {
          const free = credits - this.#inHand;
          if (free <= 0) await this.#room();
          else await this.#take(await consumer.fetch({ max_messages: free, expires: PULL_MS }), isOver);
          failures = 0;
        }
      } catch (error) {
        if (isOver()) return;
        if (++failures === 2) onError(error);
        await this.#pause(Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** failures));
      }
    }
  }

  async #take(messages: ConsumerMessages, isOver: () => boolean): Promise<void> {
    this.#messages = messages;
    this.#pulling.resolve();
    try {
      for await (const message of messages) {
        // What comes after the end is another's; it needn't wait for the time of acknowledgement.
        if (isOver()) message.nak();
        else this.#handle(message);
      }
    } finally {
      this.#messages = undefined;
    }
  }

  #handle(message: JsMsg): void {
    const subject = message.subject as Subject;
    let payload: JsonValue;
    try {
      payload = parseJson(message.data);
    } catch (error) {
      message.term();
      this.#options.onError(error, subject);
      return;
    }
    this.#options.onDelivered(message.redelivered);
    this.#inHand++;
    void this.#serve({ subject, payload })
      .then(
        () => message.ack(),
        (error: unknown) => {
          message.nak(NAK_DELAY_MS);
          this.#options.onError(error, subject);
        },
      )
      // An acknowledgement that can't be sent is one that is missing: the message comes again.
      .catch(() => undefined)
      .finally(() => {
        this.#inHand--;
        this.#freed?.();
      });
  }

  async #serve(message: BusMessage): Promise<void> {
    await this.#options.handler(message);
  }

  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#freed = resolve;
    await promise;
    this.#freed = undefined;
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.world.schedule(ms, resolve);
    this.#cancelPause = () => {
      cancel();
      resolve();
    };
    await promise;
    this.#cancelPause = undefined;
  }
}
