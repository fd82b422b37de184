import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import type { World } from "../types/index.ts";
import { GreenticError, toGreenticError } from "../types/index.ts";

/** One connection with what is made of it; a new one where the old one was given up. */
export interface Link {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

export interface NatsLinkOptions {
  readonly connection: ConnectionOptions;
  readonly world: Pick<World, "schedule" | "randomBytes">;
  /** Told of every new link, and of every one that came back. */
  readonly onUp: (link: Link) => void;
  readonly onError: (error: GreenticError) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const PING_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** Keeps one connection to NATS, from the first attempt until it is closed: whatever ends it, it comes back, ever more slowly. */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  #link: Link | undefined;
  #isUp = false;
  #isClosed = false;
  #failures = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
  }

  /** The link, while it is up. */
  get current(): Link | undefined {
    return this.#isUp ? this.#link : undefined;
  }

  /** Tries for the first time; a server that isn't there is tried again in the background. @throws BUS_CREDENTIAL_INVALID */
  async open(): Promise<void> {
    await this.#connect({ isFirst: true });
  }

  /** Flushes what was published and ends the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    const { nc } = this.#link ?? {};
    const wasUp = this.#isUp;
    this.#isUp = false;
    if (nc === undefined) return;
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.world.schedule(CLOSE_TIMEOUT_MS, resolve);
    if (wasUp) await Promise.race([nc.drain().catch(() => undefined), timeout]);
    cancel();
    await nc.close();
  }

  async #connect({ isFirst }: { readonly isFirst: boolean }): Promise<void> {
    const [{ connect }, { jetstream, jetstreamManager }] = await Promise.all([
      import("@nats-io/transport-node"),
      import("@nats-io/jetstream"),
    ]);
    let nc: NatsConnection;
    try {
      nc = await connect({
        timeout: CONNECT_TIMEOUT_MS,
        pingInterval: PING_MS,
        maxPingOut: 2,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectDelayHandler: () => this.#backoffMs(),
        noAsyncTraces: true,
        ...this.#options.connection,
      });
    } catch (thrown) {
      const error = unreachable(thrown);
      if (isFirst && error.kind === "unauthenticated") throw error;
      this.#options.onError(error);
      this.#retry();
      return;
    }
    if (this.#isClosed) return nc.close();
    const request = { timeout: REQUEST_TIMEOUT_MS };
    this.#link = {
      nc,
      js: jetstream(nc, request),
      jsm: await jetstreamManager(nc, { ...request, checkAPI: false }),
    };
    void this.#watch(this.#link);
    this.#up(this.#link);
  }

  #up(link: Link): void {
    this.#failures = 0;
    this.#isUp = true;
    this.#options.onUp(link);
  }

  async #watch(link: Link): Promise<void> {
    for await (const status of link.nc.status()) {
      if (status.type === "disconnect") this.#isUp = false;
      else if (status.type === "reconnect" && !this.#isClosed) this.#up(link);
      else if (status.type === "error") this.#options.onError(unreachable(status.error));
    }
    const reason = await link.nc.closed();
    if (this.#isClosed || this.#link !== link) return;
    this.#isUp = false;
    this.#options.onError(unreachable(reason ?? undefined));
    this.#retry();
  }

  #retry(): void {
    if (this.#isClosed) return;
    this.#cancelRetry = this.#options.world.schedule(this.#backoffMs(), () => void this.#connect({ isFirst: false }));
  }

  #backoffMs(): number {
    const jitter = (this.#options.world.randomBytes(1)[0] ?? 0) / 255;
    return Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** this.#failures++) * (0.5 + jitter / 2);
  }
}

/** The library's messages may name users and subjects; only what kind of failure it is goes on. */
function unreachable(thrown: unknown): GreenticError {
  const name = thrown instanceof Error ? thrown.name : "";
  if (/Authoriz|Authentication/.test(name))
    return new GreenticError("BUS_CREDENTIAL_INVALID", "Connect to NATS: the server refuses the credentials", {
      cause: thrown,
    });
  return thrown === undefined
    ? new GreenticError("BUS_UNAVAILABLE", "Use NATS: the connection is closed")
    : toGreenticError(thrown, "BUS_UNAVAILABLE", "Use NATS");
}
