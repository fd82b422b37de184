// component.toml describes a component's source directory:
//   name = "forecast"            lower-case letters, digits, hyphens; also the built file's name
//   world = "mcp"                mcp: exports wasix:mcp/router; component: exports execute; own: the world in `wit`
//   entry = "src/main.ts"        default; TypeScript that Node could strip, or JavaScript
//   wasi = true                  links the engine to clocks, randomness and stderr; without it `Date.now()` traps. Default false
//   telemetry = true             imports the logger. Default false
//   wit = "wit"                  only with world = "own": a directory with one world; the host's packages are beside it
//   [grants]                     what it asks for, as in pack.toml; each grant becomes an import
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, TomlError } from "smol-toml";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, SourcePosition } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import { NO_GRANTS } from "../grants.ts";

/** A component's source directory, as its `component.toml` describes it. */
export interface ComponentSource {
  readonly directory: string;
  readonly name: string;
  readonly world: "component" | "mcp" | "own";
  /** Path of the entry file, relative to the directory. */
  readonly entry: string;
  /** Path of the WIT directory, relative to the directory; only where the world is its own. */
  readonly wit: string | undefined;
  readonly wasi: boolean;
  readonly telemetry: boolean;
  readonly grants: ComponentGrants;
}

/** The name of the file that makes a directory a component's source. */
export const COMPONENT_SOURCE_FILE = "component.toml";

const KEYS = ["name", "world", "entry", "wit", "wasi", "telemetry", "grants"];
const RELATIVE = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[\w.@/-]+$/;

/**
 * Reads a component's source description.
 * @throws COMPONENT_SOURCE_INVALID with the position in the file
 */
export async function readComponentSource(directory: string): Promise<ComponentSource> {
  const file = join(directory, COMPONENT_SOURCE_FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new GreenticError("COMPONENT_SOURCE_INVALID", `Read a component's source: no readable ${quote(file)}`, {
      cause: error,
    });
  }
  return parseComponentSource(text, { directory, file });
}

function parseComponentSource(text: string, where: { directory: string; file: string }): ComponentSource {
  const table = parseToml(text, where.file);
  const fail = (key: string, expected: string): GreenticError =>
    new GreenticError("COMPONENT_SOURCE_INVALID", `Read ${quote(key)}: expected ${expected}`, {
      at: positionOf(text, key, where.file),
    });
  for (const key of Object.keys(table)) if (!KEYS.includes(key)) throw fail(key, `one of ${KEYS.join(", ")}`);
  const { name, world = "component", entry = "src/main.ts", wit, wasi = false, telemetry = false } = table;
  if (typeof name !== "string" || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw fail("name", "[a-z0-9-]");
  if (world !== "component" && world !== "mcp" && world !== "own") throw fail("world", "component, mcp or own");
  if (typeof entry !== "string" || !RELATIVE.test(entry)) throw fail("entry", "a path inside the directory");
  if (wit !== undefined && (typeof wit !== "string" || !RELATIVE.test(wit))) {
    throw fail("wit", "a path inside the directory");
  }
  if ((world === "own") !== (wit !== undefined)) throw fail("wit", 'to stand exactly beside world = "own"');
  if (typeof wasi !== "boolean") throw fail("wasi", "true or false");
  if (typeof telemetry !== "boolean") throw fail("telemetry", "true or false");
  const grants = parseGrants(table["grants"] ?? {}, fail);
  return { directory: where.directory, name, world, entry, wit, wasi, telemetry, grants };
}

function parseGrants(value: unknown, fail: (key: string, expected: string) => GreenticError): ComponentGrants {
  if (!isJsonObject(value)) throw fail("grants", "a table");
  const names = (key: "http" | "secrets" | "tools"): readonly string[] => {
    const list = value[key] ?? [];
    if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) throw fail(key, "a list of texts");
    return list;
  };
  const state = value["state"] ?? "none";
  const assets = value["assets"] ?? false;
  for (const key of Object.keys(value)) if (!(key in NO_GRANTS)) throw fail(key, Object.keys(NO_GRANTS).join(", "));
  if (state !== "none" && state !== "read" && state !== "read-write") throw fail("state", "none, read or read-write");
  if (typeof assets !== "boolean") throw fail("assets", "true or false");
  return { http: names("http"), secrets: names("secrets"), state, tools: names("tools"), assets };
}

function parseToml(text: string, file: string): JsonObject {
  try {
    return parse(text) as JsonObject;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new GreenticError("COMPONENT_SOURCE_INVALID", "Read TOML: malformed", {
      at: { file, line: error.line, column: error.column },
    });
  }
}

/** The TOML reader keeps no positions; a key stands at the start of a line, alone or as a table's header. */
function positionOf(text: string, key: string, file: string): SourcePosition {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const match = /^(\s*\[?\s*["']?)([\w-]+)/.exec(line);
    if (match?.[2] === key) return { file, line: index + 1, column: (match[1] ?? "").length + 1 };
  }
  return { file, line: 1, column: 1 };
}
