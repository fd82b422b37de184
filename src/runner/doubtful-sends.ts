import type { Provider, ReadBack } from "../messaging/index.ts";
import type { OutboxRow, SendResult } from "../session/index.ts";
import type { GreenticError, Policy, SessionKeyText, World } from "../types/index.ts";
import { parseSessionKey, toGreenticError } from "../types/index.ts";
import type { Scope } from "./runtime.ts";

export interface DoubtfulSendsOptions {
  readonly world: World;
  readonly policy: (scope: Scope) => Policy;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
}

/** How long a platform that can't say yet is asked about a send, and how soon it is asked again. */
const PATIENCE_MS = 600_000;
const REST_MS = 5_000;
/** Rows beyond these are forgotten, which costs each another rest: others may have resolved them. */
const MAX_ASKED = 10_000;
/** How long one answer may take: together with the send that may follow, less than a claim lasts that nobody renews. */
const TIMEOUT_MS = 10_000;

/** Resolves sends whose fate is unknown: by asking the platform where it can be asked, else by the tenant's policy. */
export class DoubtfulSends {
  readonly #options: DoubtfulSendsOptions;
  /** Ids of rows: since when their platform has been asked, in monotonic milliseconds. */
  readonly #askedSince = new Map<string, number>();

  constructor(options: DoubtfulSendsOptions) {
    this.#options = options;
  }

  /** Notes that an answer was waited for, so that the platform may be asked as soon as the row has rested. */
  waited({ id }: OutboxRow): void {
    for (const [oldest] of this.#askedSince) {
      if (this.#askedSince.size < MAX_ASKED) break;
      this.#askedSince.delete(oldest);
    }
    this.#askedSince.set(id, this.#options.world.monotonicMs());
  }

  /** What becomes of a row in doubt; undefined where it is to be sent again. */
  async judge(row: OutboxRow, provider: Provider): Promise<SendResult | undefined> {
    // An idempotent platform sorts repetitions out by itself.
    if (row.sinkClass === "A") return undefined;
    const { world } = this.#options;
    const sinceMs = this.#askedSince.get(row.id);
    if (sinceMs === undefined) {
      // Nobody here waited for the answer: what a process sent that died may still be on its way. A platform would say that it isn't
      // there, and what is sent next could overtake it.
      this.waited(row);
      return { kind: "unknown", error: "RUNNER_SEND_UNKNOWN", notBeforeMs: world.nowMs() + REST_MS };
    }
    if (row.sinkClass === "B" && provider.readBack !== undefined) {
      const found = await this.#readBack(row, provider);
      const isPatient = found.kind === "unknown" && found.notBeforeMs !== undefined;
      if (isPatient && world.monotonicMs() - sinceMs < PATIENCE_MS)
        return { ...found, notBeforeMs: Math.max(found.notBeforeMs ?? 0, world.nowMs() + REST_MS) };
      this.#askedSince.delete(row.id);
      if (found.kind === "sent") return found;
      if (found.kind === "unsent") return undefined;
    }
    const { env, tenant, team } = parseSessionKey(row.key);
    const { unknownSends } = this.#options.policy({ env, tenant, team });
    return unknownSends === "at-least-once" ? undefined : { kind: "abandoned", error: "RUNNER_SEND_UNKNOWN" };
  }

  async #readBack(row: OutboxRow, provider: Provider): Promise<ReadBack> {
    const { world, onError } = this.#options;
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<ReadBack>();
    const cancel = world.schedule(TIMEOUT_MS, () => {
      abort.abort();
      resolve({ kind: "unknown", error: "RUNNER_SEND_UNKNOWN", notBeforeMs: world.nowMs() });
    });
    const { id: idempotencyKey, payload, createdAtMs } = row;
    const { conversation } = parseSessionKey(row.key);
    try {
      provider
        .readBack?.({ payload, idempotencyKey, conversation, createdAtMs, signal: abort.signal })
        .then(resolve, (error: unknown) => {
          onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Read send back"), row.key);
          resolve({ kind: "unknown", error: "RUNNER_SEND_FAILED" });
        });
      return await promise;
    } finally {
      cancel();
    }
  }
}
