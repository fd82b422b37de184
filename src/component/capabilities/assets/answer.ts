import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

// As pack entries are named: relative, no empty, `.` or `..` segment, no backslash.
const PATH = /^assets(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;

/** Reads one file of the pack's assets. */
export async function answerAsset(
  { path }: Extract<HostRequest, { kind: "asset" }>,
  { grants, services }: CallScope,
): Promise<HostAnswer> {
  if (!grants.assets) return fault("denied", "assets aren't granted");
  if (path.length > 512 || !PATH.test(path)) return fault("invalid", "the path isn't that of an asset");
  const value = await services.asset(path);
  return value === undefined ? fault("not_found", "the pack has no such asset") : { kind: "ok", value };
}
