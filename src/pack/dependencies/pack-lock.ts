/**
 * pack.lock, beside pack.toml: what its dependencies were resolved to, for people to read and to keep under version control.
 *   version = 1
 *   [[pack]] name · version · hash (the pack hash) · source (a file from here, or oci://…@sha256:…) · dependencies (names)
 * One table a pack, in the order of names; the same resolution is the same text.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { satisfies, valid as validVersion } from "semver";
import { readToml } from "../../config/index.ts";
import type { SourceDocument, SourceRules } from "../../config/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { cargoRange } from "../cargo-range.ts";
import type { ResolvedPack } from "../manifest.ts";
import { PACK_NAME } from "../manifest-read.ts";

/** One pack of a resolution. */
export interface LockedPack extends ResolvedPack {
  readonly name: string;
  /** Where it is: a path relative to the lock's folder with `/` between its parts, or an `oci://` reference with its digest. */
  readonly source: string;
  /** Names of the packs that it needs itself, in order. */
  readonly dependencies: readonly string[];
}

/** A whole resolution, by name. */
export type PackLock = ReadonlyMap<string, LockedPack>;

const VERSION = 1;
const RULES: SourceRules = {
  doing: "Read pack.lock",
  syntaxInvalid: "PACK_LOCK_INVALID",
  keyUnknown: "PACK_LOCK_INVALID",
  refusesUnsafeKeys: true,
};
const KEYS = ["name", "version", "hash", "source", "dependencies"];

/** Where the lock of a source file is. */
export function lockPathOf(sourceFile: string): string {
  return join(dirname(sourceFile), "pack.lock");
}

/** Reads a lock file; undefined where there is none. @throws PACK_LOCK_INVALID, PACK_FILE_UNREADABLE */
export async function readPackLock(file: string): Promise<PackLock | undefined> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read ${quote(file)}: can't be read`, { cause: error });
  });
  return text === undefined ? undefined : parsePackLock(text, file);
}

/** Writes a lock as text: the same packs give the same text. */
export function formatPackLock(lock: PackLock): string {
  const packs = [...lock.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const tables = packs.map(({ name, version, packHash, source, dependencies }) =>
    [
      "[[pack]]",
      `name = ${JSON.stringify(name)}`,
      `version = ${JSON.stringify(version)}`,
      `hash = ${JSON.stringify(packHash)}`,
      `source = ${JSON.stringify(source)}`,
      ...(dependencies.length === 0
        ? []
        : [
            `dependencies = [${dependencies
              .toSorted()
              .map((item) => JSON.stringify(item))
              .join(", ")}]`,
          ]),
      "",
    ].join("\n"),
  );
  return ["# Written by `gtc pack resolve`: commit it, don't edit it.", `version = ${VERSION}`, "", ...tables].join(
    "\n",
  );
}

/** Parses a lock. @throws PACK_LOCK_INVALID with the position */
export function parsePackLock(text: string, file: string): PackLock {
  const document = readToml(text, file, RULES);
  const { value } = document;
  if (!isJsonObject(value)) throw invalid(document, [], "expected tables");
  const { version, pack = [] } = value;
  for (const key of Object.keys(value))
    if (key !== "version" && key !== "pack") throw document.unknownKey([key], ["version", "pack"]);
  if (version !== VERSION)
    throw invalid(document, ["version"], `expected version ${VERSION}; another version of gtc wrote it`);
  if (!Array.isArray(pack)) throw invalid(document, ["pack"], "expected [[pack]] tables");
  const lock = new Map<string, LockedPack>();
  for (const [index, table] of pack.entries()) {
    const locked = readLocked(document, { table, index });
    if (lock.has(locked.name)) throw invalid(document, ["pack", index, "name"], `${quote(locked.name)} stands twice`);
    lock.set(locked.name, locked);
  }
  for (const [index, { dependencies }] of [...lock.values()].entries()) {
    const missing = dependencies.find((name) => !lock.has(name));
    if (missing !== undefined)
      throw invalid(document, ["pack", index, "dependencies"], `${quote(missing)} isn't in the lock`);
  }
  return lock;
}

function readLocked(
  document: SourceDocument,
  { table, index }: { readonly table: JsonValue | undefined; readonly index: number },
): LockedPack {
  if (!isJsonObject(table)) throw invalid(document, ["pack", index], "expected a table");
  const unknown = Object.keys(table).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw document.unknownKey(["pack", index, unknown], KEYS);
  const text = (key: string, isRight: (text: string) => boolean, expected: string): string => {
    const found = table[key];
    if (typeof found !== "string" || !isRight(found))
      throw invalid(document, ["pack", index, key], `expected ${expected}`);
    return found;
  };
  const { dependencies = [] } = table;
  if (!Array.isArray(dependencies) || !dependencies.every((item): item is string => typeof item === "string"))
    throw invalid(document, ["pack", index, "dependencies"], "expected a list of names");
  return {
    name: text("name", (name) => PACK_NAME.test(name), "a pack's name"),
    version: text("version", (version) => validVersion(version) !== null, "a semantic version"),
    packHash: text("hash", (hash) => /^[0-9a-f]{64}$/.test(hash), "64 lower-case hex digits"),
    source: text("source", (source) => source !== "", "a file or an oci:// reference"),
    dependencies,
  };
}

/** Takes what a dependency was resolved to out of a lock. @throws PACK_LOCK_STALE where the lock doesn't have it, or not within the range */
export function lockedPackOf(
  lock: PackLock,
  { name, range }: { readonly name: string; readonly range: string },
): ResolvedPack {
  const locked = lock.get(name);
  if (locked !== undefined && satisfies(locked.version, cargoRange(range)))
    return { version: locked.version, packHash: locked.packHash };
  const state = locked === undefined ? "isn't in pack.lock" : `is ${locked.version} in pack.lock`;
  throw new GreenticError("PACK_LOCK_STALE", `Resolve dependency ${quote(name)} ${quote(range)}: it ${state}`);
}

function invalid(document: SourceDocument, path: readonly (string | number)[], state: string): GreenticError {
  const where = path.length === 0 ? "" : ` ${path.join(".")}`;
  return new GreenticError("PACK_LOCK_INVALID", `Read pack.lock${where}: ${state}`, { at: document.positionOf(path) });
}
