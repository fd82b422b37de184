// component.toml describes a component's source directory:
//   name = "forecast"            lower-case letters, digits, hyphens; also the built file's name
//   world = "node"               node: a default export of defineComponent, seen as greentic:component/node@0.6.0;
//                                mcp: exports wasix:mcp/router; component: exports execute; own: the world in `wit`
//   language = "c"               typescript, c, assemblyscript or rust; told by Cargo.toml, asconfig.json or the entry where it is absent
//   entry = "src/main.ts"        default, by language; TypeScript that Node could strip, or JavaScript
//   wasi = true                  links the engine to clocks, randomness and stderr; without it `Date.now()` traps. Default false
//   telemetry = true             imports the logger. Default true in world "node", else false
//   wit = "wit"                  only with world = "own": a directory with one world; the host's packages are beside it
//   [grants]                     what it asks for, as in pack.toml; each grant becomes an import
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readToml } from "../../config/index.ts";
import type { SourceDocument, SourceRules } from "../../config/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";

/** What a component is written in. */
export type ComponentLanguage = "typescript" | "c" | "assemblyscript" | "rust";

/** A component's source directory, as its `component.toml` describes it. */
export interface ComponentSource {
  readonly directory: string;
  readonly name: string;
  readonly world: "node" | "component" | "mcp" | "own";
  readonly language: ComponentLanguage;
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

const RULES: SourceRules = {
  doing: "Read a component's source",
  syntaxInvalid: "COMPONENT_SOURCE_INVALID",
  keyUnknown: "COMPONENT_SOURCE_INVALID",
};
const KEYS = ["name", "world", "language", "entry", "wit", "wasi", "telemetry", "grants"];
const ENTRIES: Readonly<Record<ComponentLanguage, string>> = {
  typescript: "src/main.ts",
  c: "src/main.c",
  assemblyscript: "src/main.ts",
  rust: "src/lib.rs",
};
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
  const present = new Set(await readdir(directory));
  return parseComponentSource(text, { directory, file, present });
}

function parseComponentSource(
  text: string,
  where: { readonly directory: string; readonly file: string; readonly present: ReadonlySet<string> },
): ComponentSource {
  const document = readToml(text, where.file, RULES);
  const table = document.value as JsonObject;
  const fail = (path: readonly string[], expected: string): GreenticError =>
    new GreenticError("COMPONENT_SOURCE_INVALID", `Read ${quote(path.at(-1) ?? "")}: expected ${expected}`, {
      at: document.positionOf(path),
    });
  for (const key of Object.keys(table)) if (!KEYS.includes(key)) throw document.unknownKey([key], KEYS);
  const { name, world = "component", wit, wasi = false } = table;
  const { language = languageOf(where.present, table["entry"]), telemetry = world === "node" } = table;
  if (typeof name !== "string" || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw fail(["name"], "[a-z0-9-]");
  if (world !== "node" && world !== "component" && world !== "mcp" && world !== "own")
    throw fail(["world"], "node, component, mcp or own");
  if (language !== "typescript" && language !== "c" && language !== "assemblyscript" && language !== "rust")
    throw fail(["language"], "typescript, c, assemblyscript or rust");
  if (language !== "typescript" && (world === "node" || world === "mcp"))
    throw fail(["world"], `component or own, since ${world} is made of TypeScript`);
  const { entry = ENTRIES[language] } = table;
  if (typeof entry !== "string" || !RELATIVE.test(entry)) throw fail(["entry"], "a path inside the directory");
  if (wit !== undefined && (typeof wit !== "string" || !RELATIVE.test(wit))) {
    throw fail(["wit"], "a path inside the directory");
  }
  if ((world === "own") !== (wit !== undefined)) throw fail(["wit"], 'to stand exactly beside world = "own"');
  if (typeof wasi !== "boolean") throw fail(["wasi"], "true or false");
  if (typeof telemetry !== "boolean") throw fail(["telemetry"], "true or false");
  const grants = parseGrants(table["grants"] ?? {}, { document, fail });
  return { directory: where.directory, name, world, language, entry, wit, wasi, telemetry, grants };
}

/** What a directory is written in, where it doesn't say so. */
function languageOf(present: ReadonlySet<string>, entry: JsonValue | undefined): ComponentLanguage {
  if (present.has("Cargo.toml")) return "rust";
  if (present.has("asconfig.json")) return "assemblyscript";
  return typeof entry === "string" && entry.endsWith(".c") ? "c" : "typescript";
}

function parseGrants(
  value: unknown,
  at: {
    readonly document: SourceDocument;
    readonly fail: (path: readonly string[], expected: string) => GreenticError;
  },
): ComponentGrants {
  if (!isJsonObject(value)) throw at.fail(["grants"], "a table");
  const names = (key: "http" | "secrets" | "secrets_write" | "tools" | "oauth"): readonly string[] => {
    const list = value[key] ?? [];
    if (!Array.isArray(list) || !list.every((item) => typeof item === "string"))
      throw at.fail(["grants", key], "a list of texts");
    return list;
  };
  const state = value["state"] ?? "none";
  const assets = value["assets"] ?? false;
  const known = ["http", "secrets", "secrets_write", "state", "tools", "assets", "oauth"];
  for (const key of Object.keys(value)) if (!known.includes(key)) throw at.document.unknownKey(["grants", key], known);
  if (state !== "none" && state !== "read" && state !== "read-write")
    throw at.fail(["grants", "state"], "none, read or read-write");
  if (typeof assets !== "boolean") throw at.fail(["grants", "assets"], "true or false");
  return {
    http: names("http"),
    secrets: names("secrets"),
    secretsWrite: names("secrets_write"),
    state,
    tools: names("tools"),
    assets,
    oauth: names("oauth"),
  };
}
