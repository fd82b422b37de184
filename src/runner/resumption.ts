import type { JsonObject, JsonValue } from "../types/index.ts";
import { isGreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { FindPack, Frame } from "./frame.ts";
import { decodeFrames } from "./frame.ts";
import { print } from "./kinds/kind.ts";
import type { LoadedPack } from "./loaded-pack.ts";

/**
 * What becomes of flows that wait on a version of a pack that is no longer the current one: they end on it, go on in the new one, or
 * are stopped with a word to the person. A version whose signer is revoked never goes on.
 */
export type PinnedPolicy = "finish" | "migrate" | "stop";

/** How a session goes on. */
export type Resumption =
  | { readonly kind: "same"; readonly pack: LoadedPack }
  | { readonly kind: "migrate"; readonly pack: LoadedPack }
  | { readonly kind: "stop"; readonly why: "gone" | "revoked" | "stopped" };

/** The asset in which a new version says where flows go on whose node it renamed: `"flow/node": "flow/node"`. */
const MIGRATIONS = "migrations.json";

/**
 * Takes frames over into another version of their pack: each goes on at the node that it has there, by the map of the new version or
 * by its name, where that is of the same kind. @returns undefined where one has no such node
 */
export function migrateFrames(
  value: JsonValue | undefined,
  { pack, find }: { readonly pack: LoadedPack; readonly find: FindPack },
): Frame[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const moved = (value as readonly JsonValue[]).map((item) =>
    isJsonObject(item) && item["pack"] === undefined ? moveFrame(item, pack) : item,
  );
  const frames = decodeFrames(moved, { pack, find });
  // Whoever wrote a node of another kind under the old name meant something else by it.
  const isCompatible = frames?.every((frame, i) => {
    const wanted = (value as readonly JsonObject[])[i]?.["op"];
    return wanted === undefined || wanted === frame.flow.nodes.get(frame.node)?.compiled.ir.kind;
  });
  return isCompatible === true ? frames : undefined;
}

function moveFrame(item: JsonObject, pack: LoadedPack): JsonObject {
  const place = `${print(item["flow"])}/${print(item["node"])}`;
  const target = migrationsOf(pack)[place];
  if (typeof target !== "string") return item;
  const slash = target.indexOf("/");
  return { ...item, flow: target.slice(0, slash), node: target.slice(slash + 1) };
}

function migrationsOf(pack: LoadedPack): JsonObject {
  const bytes = pack.asset(MIGRATIONS);
  if (bytes === undefined) return {};
  try {
    const map = parseJson(bytes);
    return isJsonObject(map) ? map : {};
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return {};
  }
}
