import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

// As pack entries are named: relative, no empty, `.` or `..` segment, no backslash.
const PATH = /^assets(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;
const MAX_PATH = 512;
const MAX_FILES = 10_000;
const MAX_FILE_BYTES = 16 << 20;

/** Lists the pack's assets, or reads one of them. */
export async function answerAsset(
  request: Extract<HostRequest, { kind: "asset" | "asset-list" }>,
  { grants, services }: CallScope,
): Promise<HostAnswer> {
  if (!grants.assets) return fault("denied", "assets aren't granted");
  if (request.kind === "asset-list") {
    const files = (await services.assetList?.()) ?? [];
    const listed = files.filter(({ path }) => isAssetPath(path)).slice(0, MAX_FILES);
    return { kind: "ok", value: listed.map(({ path, sizeBytes }) => ({ path, sizeBytes })) };
  }
  if (!isAssetPath(request.path)) return fault("invalid", "the path isn't that of an asset");
  const value = await services.asset(request.path);
  if (value === undefined) return fault("not_found", "the pack has no such asset");
  return value.byteLength > MAX_FILE_BYTES
    ? fault("invalid", "the asset is larger than 16 MiB")
    : { kind: "ok", value };
}

function isAssetPath(path: unknown): path is string {
  return typeof path === "string" && path.length <= MAX_PATH && PATH.test(path);
}
