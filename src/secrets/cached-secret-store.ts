import type { World } from "../types/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SecretUri } from "./secret-uri.ts";
import { formatSecretUri } from "./secret-uri.ts";

export interface CacheOptions {
  readonly world: Pick<World, "monotonicMs">;
  /** How long a value is taken as it was read. */
  readonly ttlMs: number;
  /** How long beyond that a value serves while the store can't be asked. */
  readonly staleMs: number;
  /** Default 10,000. */
  readonly maxEntries?: number;
}

interface Entry {
  readonly value: string | undefined;
  readonly readAtMs: number;
}

/**
 * Remembers what a slow store said. Whoever asks for the same secret at the same time waits for the same answer; while the store can't be
 * asked, what it said last serves for a while, since a service that is being restarted shouldn't stop every channel.
 */
export class CachedSecretStore implements SecretStore {
  readonly #store: SecretStore;
  readonly #options: CacheOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<string | undefined>>();

  constructor(store: SecretStore, options: CacheOptions) {
    this.#store = store;
    this.#options = options;
  }

  read(uri: SecretUri): Promise<string | undefined> {
    const key = formatSecretUri(uri);
    const known = this.#entries.get(key);
    if (known !== undefined && this.#ageMs(known) < this.#options.ttlMs) return Promise.resolve(known.value);
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const asking = this.#ask(uri, known).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  async #ask(uri: SecretUri, known: Entry | undefined): Promise<string | undefined> {
    const key = formatSecretUri(uri);
    try {
      const value = await this.#store.read(uri);
      this.#keep(key, { value, readAtMs: this.#options.world.monotonicMs() });
      return value;
    } catch (error) {
      const { ttlMs, staleMs } = this.#options;
      const isAway = isGreenticError(error) && (error.kind === "unavailable" || error.kind === "timeout");
      if (isAway && known !== undefined && this.#ageMs(known) < ttlMs + staleMs) return known.value;
      throw error;
    }
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const { maxEntries = 10_000 } = this.#options;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }

  #ageMs({ readAtMs }: Entry): number {
    return this.#options.world.monotonicMs() - readAtMs;
  }
}
