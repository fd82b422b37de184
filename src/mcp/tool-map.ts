// A tool map gives tools their names (greentic-mcp's format), in JSON or TOML:
//   { "tools": [{ "name": "weather.forecast", "component": "forecast", "entry": "forecast",
//                 "timeout_ms": 5000, "max_retries": 2, "retry_backoff_ms": 200 }] }
// `component` names a component of the pack or the path of a .wasm file; `entry` the tool within it, the last part of the name
// where it is absent.
import { readJson, readToml } from "../config/index.ts";
import type { SourceDocument, SourceRules } from "../config/index.ts";
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

const RULES: SourceRules = {
  doing: "Read a tool map",
  syntaxInvalid: "MCP_TOOLMAP_INVALID",
  keyUnknown: "MCP_TOOLMAP_INVALID",
};
const KEYS = ["name", "component", "entry", "timeout_ms", "max_retries", "retry_backoff_ms"];
const NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;
const MAX_TOOLS = 1000;

/** Reads a tool map; files that end in `.toml` are TOML, others JSON. @throws MCP_TOOLMAP_INVALID with the position */
export function parseToolMap(text: string, file: string): ToolMap {
  const document = (file.endsWith(".toml") ? readToml : readJson)(text, file, RULES);
  const { value } = document;
  const list = isJsonObject(value) ? value["tools"] : undefined;
  if (!isJsonObject(value) || !Array.isArray(list) || list.length > MAX_TOOLS) {
    throw invalid(document.positionOf([]), `expected { tools: [...] } with at most ${MAX_TOOLS} tools`);
  }
  for (const key of Object.keys(value)) {
    if (key !== "tools") throw document.unknownKey([key], ["tools"]);
  }
  const tools = new Map<string, ToolMapEntry>();
  for (const [index, item] of list.entries()) {
    const entry = readEntry(item, { document, path: ["tools", index] });
    if (tools.has(entry.name))
      throw invalid(document.positionOf(["tools", index, "name"]), `${quote(entry.name)} stands twice`);
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

function readEntry(
  item: unknown,
  { document, path }: { readonly document: SourceDocument; readonly path: Path },
): ToolMapEntry {
  if (!isJsonObject(item)) throw invalid(document.positionOf(path), "expected an object");
  const fail = (key: string, expected: string): GreenticError =>
    invalid(document.positionOf([...path, key]), `${quote(key)}: expected ${expected}`);
  for (const key of Object.keys(item)) if (!KEYS.includes(key)) throw document.unknownKey([...path, key], KEYS);
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

function invalid(at: SourcePosition, problem: string): GreenticError {
  return new GreenticError("MCP_TOOLMAP_INVALID", `Read a tool map: ${problem}`, { at });
}
