import { readFileSync } from "node:fs";
import type { ConnectionOptions, Subscription as CoreSubscription, TlsOptions } from "@nats-io/transport-node";
import type { EnvId, JsonValue, World } from "../types/index.ts";
import { GreenticError, parseJson, quote, toGreenticError } from "../types/index.ts";
import type { Bus, BusMessage, BusStats, SubscribeOptions, Unsubscribe } from "./bus.ts";
import type { Link } from "./nats-link.ts";
import { NatsLink } from "./nats-link.ts";
import { NatsPull } from "./nats-pull.ts";
import { parseNatsUrl } from "./nats-servers.ts";
import { ensureStream } from "./nats-stream.ts";
import type { Subject, SubjectPattern } from "./subjects.ts";
import { isStreamed } from "./subjects.ts";

/** What a NATS bus is opened with. */
export interface NatsBusOptions {
  /** `nats://user:password@host:4222`, `tls://…`; several with commas between them. */
  readonly url: string;
  /** The env whose wake-ups go through a stream. */
  readonly env: EnvId;
  readonly world: Pick<World, "schedule" | "randomBytes">;
  /** A `.creds` file: a user's JWT and its key. Read again at each connection. */
  readonly credentialsFile?: string;
  /** PEM files; given at all, the connection is encrypted or not made. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** How the server's monitoring names this process. */
  readonly name?: string;
  readonly onError?: (error: GreenticError) => void;
}

const DEFAULT_CREDITS = 256;
/** Wake-ups on their way to the stream, not yet confirmed; what comes on top is dropped. */
const MAX_UNCONFIRMED = 10_000;
/** Messages outside of the stream since the server last confirmed what it got. */
const MAX_UNFLUSHED = 10_000;

/**
 * Opens a bus over NATS: wake-ups of groups through a JetStream stream with a durable consumer for each group, all else by plain publish
 * and subscribe. A server that isn't there yet is tried again, ever more slowly, while everything else goes on.
 * @throws BUS_URL_INVALID, BUS_CREDENTIAL_INVALID
 */
export async function openNatsBus(options: NatsBusOptions): Promise<Bus> {
  const bus = new NatsBus(options, await connectionOf(options));
  await bus.open();
  return bus;
}

async function connectionOf({ url, credentialsFile, tls, name }: NatsBusOptions): Promise<ConnectionOptions> {
  const { servers, login, isTls } = parseNatsUrl(url);
  const wantsTls: TlsOptions | undefined = tls ?? (isTls ? {} : undefined);
  const base = {
    servers: [...servers],
    ...login,
    ...(wantsTls && { tls: wantsTls }),
    ...(name !== undefined && { name }),
  };
  if (credentialsFile === undefined) return base;
  const read = (): Uint8Array => {
    try {
      return readFileSync(credentialsFile);
    } catch (error) {
      throw new GreenticError("BUS_CREDENTIAL_INVALID", `Read NATS credentials: no file ${quote(credentialsFile)}`, {
        cause: error,
      });
    }
  };
  read();
  const { credsAuthenticator } = await import("@nats-io/transport-node");
  return { ...base, authenticator: credsAuthenticator(read) };
}

interface Entry {
  readonly attach: (link: Link) => void;
  readonly settled: () => Promise<void>;
}

class NatsBus implements Bus {
  readonly isShared = true;
  readonly #options: NatsBusOptions;
  readonly #link: NatsLink;
  readonly #entries = new Set<Entry>();
  #up = Promise.withResolvers<void>();
  #unconfirmed = 0;
  #unflushed = 0;
  #isFlushing = false;
  #published = 0;
  #dropped = 0;
  #delivered = 0;
  #redelivered = 0;

  constructor(options: NatsBusOptions, connection: ConnectionOptions) {
    this.#options = options;
    this.#link = new NatsLink({
      connection,
      world: options.world,
      onUp: (link) => this.#onUp(link),
      onError: (error) => options.onError?.(error),
    });
  }

  get isReady(): boolean {
    return this.#link.current !== undefined;
  }

  open(): Promise<void> {
    return this.#link.open();
  }

  publish(subject: Subject, payload: JsonValue, { id }: { readonly id?: string } = {}): void {
    const link = this.#link.current;
    if (link === undefined) this.#dropped++;
    else if (isStreamed(subject)) void this.#announce(link, subject, { payload, id });
    else this.#tell(link, subject, payload);
  }

  subscribe(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    { group, credits = DEFAULT_CREDITS }: SubscribeOptions = {},
  ): Unsubscribe {
    return group !== undefined && isStreamed(pattern)
      ? this.#pull(pattern, handler, { group, credits })
      : this.#listen(pattern, handler, group);
  }

  async settle(): Promise<void> {
    await this.#up.promise;
    for (const entry of this.#entries) await entry.settled();
    await this.#link.current?.nc.flush();
  }

  stats(): BusStats {
    return {
      published: this.#published,
      dropped: this.#dropped,
      delivered: this.#delivered,
      redelivered: this.#redelivered,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#up.resolve();
    await this.#link.close();
  }

  #onUp(link: Link): void {
    this.#unflushed = 0;
    for (const entry of this.#entries) entry.attach(link);
    this.#up.resolve();
  }

  /** Puts a wake-up into the stream; who has published goes on meanwhile. */
  async #announce(
    link: Link,
    subject: Subject,
    { payload, id }: { readonly payload: JsonValue; readonly id: string | undefined },
  ): Promise<void> {
    if (this.#unconfirmed >= MAX_UNCONFIRMED) {
      this.#dropped++;
      return;
    }
    this.#unconfirmed++;
    try {
      const msgID = id ?? Buffer.from(this.#options.world.randomBytes(12)).toString("base64url");
      await link.js.publish(subject, JSON.stringify(payload), { msgID });
      this.#published++;
    } catch {
      this.#dropped++;
      // No stream took it: a server that came back with nothing.
      await this.#ensureStream(link);
    } finally {
      this.#unconfirmed--;
    }
  }

  #ensuring: Promise<void> | undefined;

  #ensureStream(link: Link): Promise<void> {
    this.#ensuring ??= ensureStream(link.jsm, this.#options.env)
      .catch((error: unknown) => this.#unusable(error))
      .finally(() => (this.#ensuring = undefined));
    return this.#ensuring;
  }

  #tell(link: Link, subject: Subject, payload: JsonValue): void {
    if (this.#unflushed >= MAX_UNFLUSHED) {
      this.#dropped++;
      return;
    }
    try {
      link.nc.publish(subject, JSON.stringify(payload));
      this.#published++;
      this.#unflushed++;
      if (this.#unflushed > MAX_UNFLUSHED / 2 && !this.#isFlushing) void this.#flush(link);
    } catch {
      // Closing, or larger than the server takes.
      this.#dropped++;
    }
  }

  /** Asks the server to confirm what it got: a connection that hangs must not fill the memory. */
  async #flush(link: Link): Promise<void> {
    this.#isFlushing = true;
    const asked = this.#unflushed;
    try {
      await link.nc.flush();
      this.#unflushed = Math.max(0, this.#unflushed - asked);
    } catch {
      // The link says so itself.
    } finally {
      this.#isFlushing = false;
    }
  }

  #pull(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    { group, credits }: { readonly group: string; readonly credits: number },
  ): Unsubscribe {
    const { env, world } = this.#options;
    const pull = new NatsPull({
      env,
      group,
      pattern,
      credits,
      world,
      handler,
      onDelivered: (isAgain) => this.#count(isAgain),
      onError: (error, subject) => (subject === undefined ? this.#unusable(error) : this.#failed(error)),
    });
    return this.#add({ attach: (link) => pull.attach(link), settled: () => pull.pulling }, () => pull.stop());
  }

  #listen(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    group: string | undefined,
  ): Unsubscribe {
    let subscription: CoreSubscription | undefined;
    let over: Link | undefined;
    const attach = (link: Link): void => {
      // The library subscribes again over a connection that came back.
      if (over === link) return;
      over = link;
      subscription = link.nc.subscribe(pattern, {
        ...(group !== undefined && { queue: group }),
        callback: (error, message) => {
          if (error !== null) this.#unusable(error);
          else void this.#deliver(handler, { subject: message.subject as Subject, data: message.data });
        },
      });
    };
    return this.#add({ attach, settled: async () => undefined }, () => subscription?.unsubscribe());
  }

  #add(entry: Entry, stop: () => void): Unsubscribe {
    this.#entries.add(entry);
    const link = this.#link.current;
    if (link !== undefined) entry.attach(link);
    return () => {
      if (this.#entries.delete(entry)) stop();
    };
  }

  async #deliver(
    handler: (message: BusMessage) => void | Promise<void>,
    { subject, data }: { readonly subject: Subject; readonly data: Uint8Array },
  ): Promise<void> {
    try {
      const payload = parseJson(data);
      this.#count(false);
      await handler({ subject, payload });
    } catch (error) {
      this.#failed(error);
    }
  }

  #count(isAgain: boolean): void {
    this.#delivered++;
    if (isAgain) this.#redelivered++;
  }

  #failed(error: unknown): void {
    this.#options.onError?.(toGreenticError(error, "BUS_HANDLER_FAILED", "Take wake-up"));
  }

  #unusable(error: unknown): void {
    this.#options.onError?.(toGreenticError(error, "BUS_STREAM_UNUSABLE", "Use NATS stream"));
  }
}
