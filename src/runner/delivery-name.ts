import { hash } from "node:crypto";

/** As long as names of deliveries may be in a store. */
const MAX_UNITS = 256;

/** The name by which a delivery is remembered: the platform's own, or the hash of one that is too long to keep. */
export function deliveryName(dedupeKey: string): string {
  return dedupeKey.length <= MAX_UNITS ? dedupeKey : `sha256:${hash("sha256", dedupeKey, "hex")}`;
}
