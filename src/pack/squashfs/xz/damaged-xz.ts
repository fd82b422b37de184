import { GreenticError } from "../../../types/index.ts";

/** Makes the error for xz data that isn't whole. */
export function damagedXz(what: string): GreenticError {
  return new GreenticError("PACK_SQUASHFS_INVALID", `Inflate xz block: damaged data: ${what}`);
}
