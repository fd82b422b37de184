import type { Receipt } from "../../provider.ts";

/** Receipts that are remembered: the statuses of some minutes of a busy number. */
const MAX_RECEIPTS = 20_000;

/** What the platform said of sends. Statuses come in any order and repeat; of each send the best counts, since what was sent stays sent. */
export class ReceiptBook {
  readonly #receipts = new Map<string, Receipt>();
  /** When sends came in doubt. */
  readonly #doubts = new Map<string, number>();

  /** Remembers receipts, the newest longest. */
  note(receipts: readonly Receipt[]): void {
    for (const receipt of receipts) {
      const { idempotencyKey } = receipt;
      const known = this.#receipts.get(idempotencyKey);
      this.#receipts.delete(idempotencyKey);
      this.#receipts.set(idempotencyKey, known?.kind === "sent" ? known : receipt);
    }
    trim(this.#receipts);
  }

  /** Remembers when a send came in doubt. */
  doubt(idempotencyKey: string, nowMs: number): void {
    this.#doubts.set(idempotencyKey, nowMs);
    trim(this.#doubts);
  }

  /** When a send came in doubt, as far as this process knows. */
  doubtedAtMs(idempotencyKey: string): number | undefined {
    return this.#doubts.get(idempotencyKey);
  }

  /** What is known of a send. */
  find(idempotencyKey: string): Receipt | undefined {
    return this.#receipts.get(idempotencyKey);
  }
}

function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MAX_RECEIPTS) break;
    map.delete(key);
  }
}
