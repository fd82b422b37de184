// A tool map gives tools their names (greentic-mcp's format), in JSON or TOML:
//   { "tools": [{ "name": "weather.forecast", "component": "forecast", "entry": "forecast",
//                 "timeout_ms": 5000, "max_retries": 2, "retry_backoff_ms": 200 }] }
// `component` names a component of the pack or the path of a .wasm file; `entry` the tool within it, the last part of the name
// where it is absent.
import { parse as parseToml, TomlError } from "smol-toml";
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { SourcePosition } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";

/** One tool of a tool map. */
export interface ToolMapEntry {
  readonly name: string;
  /** Name of a component of the pack, or path of a .wasm file. */
  readonly component: string;
  /** The tool's name within the component. */
  readonly entry: string;
  readonly timeoutMs: number | undefined;
  /** How often a failed call that may go better is repeated. */
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
}

/** Tools by their names, in the order of the file. */
export interface ToolMap {
  readonly tools: ReadonlyMap<string, ToolMapEntry>;
}

type Path = readonly (string | number)[];
/** Finds where a value stands in the file. */
type Locate = (path: Path) => SourcePosition;

const KEYS = new Set(["name", "component", "entry", "timeout_ms", "max_retries", "retry_backoff_ms"]);
const NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;
const MAX_BYTES = 1 << 20;
const MAX_TOOLS = 1000;

/** Reads a tool map; files that end in `.toml` are TOML, others JSON. @throws MCP_TOOLMAP_INVALID with the position */
export function parseToolMap(text: string, file: string): ToolMap {
  if (text.length > MAX_BYTES) {
    throw new GreenticError("MCP_TOOLMAP_INVALID", "Read a tool map: larger than 1 MiB", {
      at: { file, line: 1, column: 1 },
    });
  }
  const { value, locate } = file.endsWith(".toml") ? readToml(text, file) : readJson(text, file);
  const list = isJsonObject(value) ? value["tools"] : undefined;
  if (!isJsonObject(value) || !Array.isArray(list) || list.length > MAX_TOOLS) {
    throw invalid(locate([]), `expected { tools: [...] } with at most ${MAX_TOOLS} tools`);
  }
  for (const key of Object.keys(value)) if (key !== "tools") throw invalid(locate([key]), `unknown key ${quote(key)}`);
  const tools = new Map<string, ToolMapEntry>();
  for (const [index, item] of list.entries()) {
    const entry = readEntry(item, ["tools", index], locate);
    if (tools.has(entry.name)) throw invalid(locate(["tools", index, "name"]), `${quote(entry.name)} stands twice`);
    tools.set(entry.name, entry);
  }
  return { tools };
}

/** Finds a tool by name. @throws MCP_TOOL_UNKNOWN */
export function resolveTool(map: ToolMap, name: string): ToolMapEntry {
  const entry = map.tools.get(name);
  if (entry === undefined)
    throw new GreenticError("MCP_TOOL_UNKNOWN", `Resolve tool: no tool ${quote(name)} in the map`);
  return entry;
}

function readEntry(item: unknown, path: Path, locate: Locate): ToolMapEntry {
  if (!isJsonObject(item)) throw invalid(locate(path), "expected an object");
  const fail = (key: string, expected: string): GreenticError =>
    invalid(locate(key in item ? [...path, key] : path), `${quote(key)}: expected ${expected}`);
  for (const key of Object.keys(item)) if (!KEYS.has(key)) throw fail(key, `one of ${[...KEYS].join(", ")}`);
  const { name, component, entry } = item;
  if (typeof name !== "string" || !NAME.test(name))
    throw fail("name", "letters, digits, dots, hyphens and underscores");
  if (typeof component !== "string" || component === "") throw fail("component", "a component's name or path");
  if (entry !== undefined && (typeof entry !== "string" || entry === "")) throw fail("entry", "a tool's name");
  const whole = (key: string, max: number): number | undefined => {
    const value = item[key];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) return value;
    throw fail(key, `a whole number of 0 to ${max}`);
  };
  return {
    name,
    component,
    entry: entry ?? name.slice(name.lastIndexOf(".") + 1),
    timeoutMs: whole("timeout_ms", 600_000),
    maxRetries: whole("max_retries", 10) ?? 0,
    retryBackoffMs: whole("retry_backoff_ms", 60_000) ?? 200,
  };
}

interface Document {
  readonly value: unknown;
  readonly locate: Locate;
}

function readJson(text: string, file: string): Document {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: "json", strict: true, uniqueKeys: true });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [error] = document.errors;
  if (error !== undefined) throw invalid(at(error.pos[0]), "malformed JSON");
  const locate: Locate = (path) => {
    let node: unknown = document.contents;
    let offset = 0;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
        offset = isScalar(pair?.key) ? (pair.key.range?.[0] ?? offset) : offset;
        node = pair?.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
      }
    }
    return at(offset);
  };
  return { value: document.toJS({ maxAliasCount: 0 }), locate };
}

function readToml(text: string, file: string): Document {
  try {
    return { value: parseToml(text), locate: (path) => locateInToml(text, file, path) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalid({ file, line: error.line, column: error.column }, "malformed TOML");
  }
}

/** The TOML reader keeps no positions: the n-th `[[tools]]` and the key behind it are looked for. */
function locateInToml(text: string, file: string, path: Path): SourcePosition {
  const lines = text.split("\n");
  const [root, index, key = root] = path;
  let table = -1;
  for (const [at, line] of lines.entries()) {
    if (/^\s*\[\[\s*tools\s*\]\]/.test(line)) {
      table++;
      if (table === index && path.length === 2) return { file, line: at + 1, column: 1 };
    }
    const match = /^(\s*["']?)([\w-]+)["']?\s*=/.exec(line);
    if (match === null || match[2] !== key || (index !== undefined && table !== index)) continue;
    return { file, line: at + 1, column: (match[1] ?? "").length + 1 };
  }
  return { file, line: 1, column: 1 };
}

function invalid(at: SourcePosition, problem: string): GreenticError {
  return new GreenticError("MCP_TOOLMAP_INVALID", `Read a tool map: ${problem}`, { at });
}
