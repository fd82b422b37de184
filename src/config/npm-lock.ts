import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** An npm package that is locked for what runs; what only builds or tests isn't. */
export interface LockedNpmPackage {
  readonly name: string;
  readonly version: string;
  /** Its folder, relative to the lock: `node_modules/a/node_modules/b`. */
  readonly folder: string;
  /** As its author writes it, most often an SPDX expression. */
  readonly license?: string;
  /** `sha512-<base64>` of what the registry has. */
  readonly integrity?: string;
}

const MAX_BYTES = 16 << 20;
const FOLDER = /^(?:node_modules\/(?:@[\w.~-]+\/)?[\w.~-]+)(?:\/node_modules\/(?:@[\w.~-]+\/)?[\w.~-]+)*$/;

/**
 * Reads the packages that a directory's package-lock.json locks, in the order of their folders; none where there is no lock.
 * @throws CONFIG_SYNTAX_INVALID where it isn't a lock of version 2 or 3
 * @see https://docs.npmjs.com/cli/configuring-npm/package-lock-json
 */
export async function readNpmLock(directory: string): Promise<readonly LockedNpmPackage[]> {
  const file = join(directory, "package-lock.json");
  const bytes = await readFile(file).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  });
  if (bytes === undefined) return [];
  const packages = parsePackages(bytes, file);
  return Object.entries(packages)
    .flatMap(([folder, entry]) => packageOf(folder, entry))
    .toSorted((a, b) => (a.folder < b.folder ? -1 : 1));
}

function parsePackages(bytes: Uint8Array, file: string): JsonObject {
  let lock: JsonValue;
  try {
    lock = parseJson(bytes, { maxBytes: MAX_BYTES });
  } catch (error) {
    throw invalid(file, error);
  }
  const packages = isJsonObject(lock) ? lock["packages"] : undefined;
  if (!isJsonObject(packages)) throw invalid(file);
  return packages;
}

function packageOf(folder: string, entry: JsonValue): readonly LockedNpmPackage[] {
  if (!isJsonObject(entry) || !FOLDER.test(folder)) return [];
  const { version, license, integrity, name } = entry;
  // A link is a folder of the workspace, which is source.
  if (entry["dev"] === true || entry["devOptional"] === true || entry["link"] === true) return [];
  if (typeof version !== "string") return [];
  const last = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  return [
    {
      // An alias is installed in another folder than its name's.
      name: typeof name === "string" ? name : last,
      version,
      folder,
      ...(typeof license === "string" && { license }),
      ...(typeof integrity === "string" && /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity) && { integrity }),
    },
  ];
}

function invalid(file: string, cause?: unknown): GreenticError {
  return new GreenticError("CONFIG_SYNTAX_INVALID", `Read ${quote(file)}: expected a lock of npm, version 2 or 3`, {
    at: { file, line: 1, column: 1 },
    cause,
  });
}
