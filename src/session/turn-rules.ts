import { GreenticError, quote } from "../types/index.ts";
import type { IngressEntry } from "./store.ts";

const DEDUPE_KEY_MAX = 256;

/** Checks what a provider must have made sure of. @throws RangeError */
export function checkIngress(entry: IngressEntry): void {
  if (entry.dedupeKey.length === 0 || entry.dedupeKey.length > DEDUPE_KEY_MAX) {
    throw new RangeError(`Accept message: expected a dedupe key of 1 to ${DEDUPE_KEY_MAX} characters`);
  }
}

/** The error of a worker whose lease is gone. */
export function fenceStale(doing: string, lease: { readonly key: string; readonly fence: number }): GreenticError {
  return new GreenticError("STORE_FENCE_STALE", `${doing} of ${quote(lease.key)}: fence ${lease.fence} is stale`);
}

/** The error of a turn that consumes what is not in the inbox. */
export function notUnread(key: string, order: number): RangeError {
  return new RangeError(`Commit turn of ${quote(key)}: expected entry ${order} to be unread`);
}

/** The error of a turn whose outbox row has the id of another. */
export function rowDuplicate(key: string, id: string): GreenticError {
  return new GreenticError("STORE_ROW_DUPLICATE", `Commit turn of ${quote(key)}: outbox row ${quote(id)} exists`);
}
