import type { EnvId, TenantId } from "../types/index.ts";

/** Where tenants keep something: a store of sessions, or of files. */
export interface BytesKeeper {
  storedBytes(whose: Tenant): Promise<number>;
}

interface Tenant {
  readonly env: EnvId;
  readonly tenant: TenantId;
}

interface Measure {
  /** What there was when it was measured last, with what this process changed since; undefined before. */
  bytes: number | undefined;
  atMs: number;
  /** How long it counts. */
  freshMs: number;
  /** What this process added while it is measured, which may be counted or not. */
  meanwhile: number;
  running: Promise<void> | undefined;
}

/** How long a measure counts, and how many times as long as it took: measuring may take a twentieth of the time. */
const FRESH_MS = 5_000;
const FRESH_TIMES = 20;
/** How many times as old it may be while a new one is under way, so that nobody waits for it. */
const STALE_TIMES = 12;

/** Knows what tenants keep, as far as somebody asks: measured now and then, with this process's own changes in between. */
export class StoredBytes {
  readonly #keepers: readonly BytesKeeper[];
  readonly #nowMs: () => number;
  readonly #measures = new Map<string, Measure>();

  constructor(keepers: readonly BytesKeeper[], nowMs: () => number) {
    this.#keepers = keepers;
    this.#nowMs = nowMs;
  }

  /** Sees to it that what a tenant keeps is known. @throws STORE_UNAVAILABLE */
  async measure(whose: Tenant): Promise<void> {
    const name = nameOf(whose);
    let known = this.#measures.get(name);
    if (known === undefined) {
      known = { bytes: undefined, atMs: 0, freshMs: FRESH_MS, meanwhile: 0, running: undefined };
      this.#measures.set(name, known);
    }
    const ageMs = this.#nowMs() - known.atMs;
    // A clock that was set back tells no age.
    const isUsable = known.bytes !== undefined && ageMs >= 0;
    if (isUsable && ageMs < known.freshMs) return;
    const running = (known.running ??= this.#measure(whose, known));
    if (isUsable && ageMs < known.freshMs * STALE_TIMES) running.catch(() => undefined);
    else await running;
  }

  /** What a tenant keeps; 0 before it was measured. */
  of(whose: Tenant): number {
    return this.#measures.get(nameOf(whose))?.bytes ?? 0;
  }

  /** Notes what this process added, or took away. */
  add(whose: Tenant, bytes: number): void {
    const known = this.#measures.get(nameOf(whose));
    if (known === undefined) return;
    known.bytes = Math.max(0, (known.bytes ?? 0) + bytes);
    known.meanwhile += Math.max(0, bytes);
  }

  async #measure(whose: Tenant, known: Measure): Promise<void> {
    const startedMs = this.#nowMs();
    known.meanwhile = 0;
    try {
      const parts = await Promise.all(this.#keepers.map((keeper) => keeper.storedBytes(whose)));
      known.bytes = parts.reduce((sum, part) => sum + part, known.meanwhile);
      known.atMs = this.#nowMs();
      known.freshMs = Math.max(FRESH_MS, (known.atMs - startedMs) * FRESH_TIMES);
    } finally {
      known.running = undefined;
    }
  }
}

const nameOf = ({ env, tenant }: Tenant): string => `${env}:${tenant}`;
