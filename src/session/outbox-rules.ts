import { GreenticError, quote } from "../types/index.ts";
import type { OutboxRow, OutboxStatus, SendResult } from "./store.ts";

/** The numbers by which stored rows name their status. */
export const STATUS = { queued: 0, sending: 1, sent: 2, failed: 3, unknown: 4, abandoned: 5 } as const;

/** The statuses by those numbers. */
export const STATUSES = Object.keys(STATUS) as readonly OutboxStatus[];

/** What the end of an attempt makes of a row. */
export interface RowFate {
  readonly status: OutboxStatus;
  readonly wasUnknown: boolean;
  readonly notBeforeMs: number;
  readonly lastError: string | undefined;
}

/** Whether a row waits in its conversation's lane. */
export function isPending(status: OutboxStatus): boolean {
  return status === "queued" || status === "sending" || status === "unknown";
}

/**
 * Decides what becomes of a claimed row.
 * @throws STORE_SEND_NOT_BEGUN where the result claims a send that was never begun
 * @see turns.md, "A send's states"
 */
export function fateOf(
  row: Pick<OutboxRow, "id" | "status" | "wasUnknown" | "lastError">,
  result: SendResult,
): RowFate {
  const { wasUnknown, lastError } = row;
  switch (result.kind) {
    case "sent":
      if (row.status === "queued") throw notBegun(row.id);
      return { status: "sent", wasUnknown, notBeforeMs: 0, lastError };
    case "unknown":
      if (row.status === "queued") throw notBegun(row.id);
      return { status: "unknown", wasUnknown: true, notBeforeMs: result.notBeforeMs ?? 0, lastError: result.error };
    case "retry":
      return { status: "queued", wasUnknown, notBeforeMs: result.notBeforeMs, lastError: result.error };
    case "failed":
    case "abandoned":
    default:
      return { status: result.kind, wasUnknown, notBeforeMs: 0, lastError: result.error };
  }
}

/** The error of a sender whose claim is gone. */
export function claimLost(doing: string, id: string): GreenticError {
  return new GreenticError("STORE_CLAIM_LOST", `${doing} ${quote(id)}: the claim is no longer this sender's`);
}

/** The error of a sender that ends what it never began. */
export function notBegun(id: string): GreenticError {
  return new GreenticError("STORE_SEND_NOT_BEGUN", `End send ${quote(id)}: no attempt is on record`);
}
