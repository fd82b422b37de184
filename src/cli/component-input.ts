import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { buildComponent, COMPONENT_SOURCE_FILE } from "../component/index.ts";
import type { JsonValue, SourcePosition } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { CommandIo } from "./command.ts";
import { readInputFile } from "./files.ts";

/** A component that was named on the command line. */
export interface ComponentInput {
  readonly bytes: Uint8Array;
  /** Its source, where the argument is one or lies in one. */
  readonly directory: string | undefined;
}

/** Reads the component that an argument names: a binary, or a source directory, which is built. @throws CLI_FILE_MISSING, and what a build throws */
export async function readComponentInput(io: CommandIo, argument: string): Promise<ComponentInput> {
  const path = resolve(io.cwd, argument);
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() === true) return { bytes: (await buildComponent(path)).bytes, directory: path };
  const places = [dirname(path), dirname(dirname(path))];
  return {
    bytes: await readInputFile(io, argument),
    directory: places.find((place) => existsSync(join(place, COMPONENT_SOURCE_FILE))),
  };
}

/** The place in the author's source that an error's details name; the component says it, so nothing outside of its source counts. */
export function placeInSource(
  details: JsonValue | undefined,
  directory: string | undefined,
): SourcePosition | undefined {
  const at = isJsonObject(details) ? details["at"] : undefined;
  if (directory === undefined || !isJsonObject(at)) return undefined;
  const { file, line, column } = at;
  if (typeof file !== "string" || typeof line !== "number" || typeof column !== "number") return undefined;
  const path = resolve(directory, file);
  const isInside = !relative(directory, path).split(sep).includes("..");
  return isInside && /\.[cm]?[jt]s$/.test(path) && existsSync(path) ? { file: path, line, column } : undefined;
}
