// A tool map gives tools their names (greentic-mcp's format), in JSON or TOML:
//   { "tools": [{ "name": "weather.forecast", "component": "forecast", "entry": "forecast",
//                 "timeout_ms": 5000, "max_retries": 2, "retry_backoff_ms": 200 }],
//     "servers": { "search": { "url": "https://mcp.example.com/mcp", "auth": { "bearer": "search_token" } } } }
// A tool is behind a `component` of the pack (or the path of a .wasm file), behind an MCP `server` (of the map, else of the
// operator), or an `http` endpoint. `entry` is its name there, the last part of its own name where it is absent.
import type { GrantAuth, HttpMcpServer, McpAuth, SourceDocument, SourceRules } from "../config/index.ts";
import { checkDocument, readEndpointAuth, readHttpServer, readJson, readToml } from "../config/index.ts";
import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { toolMapSchema } from "./tool-map-schema.ts";

/** Where a tool's logic is. */
export type ToolTarget =
  /** Name of a component of the pack, or path of a .wasm file. */
  | { readonly kind: "component"; readonly component: string }
  /** Name of an MCP server. */
  | { readonly kind: "server"; readonly server: string }
  | { readonly kind: "http"; readonly endpoint: HttpEndpoint };

/** A tool that is one HTTP request. */
export interface HttpEndpoint {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Fields of the input in braces stand in its path: `https://api.example.com/orders/{id}`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: Extract<McpAuth, { readonly kind: "bearer" | "header" }> | GrantAuth | undefined;
  readonly description: string;
  readonly inputSchema: JsonValue;
  readonly outputSchema: JsonValue | undefined;
}

/** One tool of a tool map. */
export interface ToolMapEntry {
  readonly name: string;
  readonly target: ToolTarget;
  /** The tool's name within its component or server. */
  readonly entry: string;
  /** How long a call may be silent. */
  readonly timeoutMs: number | undefined;
  /** How long a call may take that tells of its progress. */
  readonly maxTimeoutMs: number | undefined;
  /** How often a failed call that may go better is repeated. */
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  /** Whether repeating the call does no harm; undefined leaves it to what the tool says of itself. */
  readonly idempotent: boolean | undefined;
}

/** Tools by their names, in the order of the file, and the servers that the map itself declares. */
export interface ToolMap {
  readonly tools: ReadonlyMap<string, ToolMapEntry>;
  readonly servers: ReadonlyMap<string, HttpMcpServer>;
}

/** Where a pack's tool map stands: the first of these that is there. */
export const TOOL_MAP_FILES: readonly string[] = [
  "assets/toolmap.json",
  "toolmap.json",
  "assets/toolmap.toml",
  "toolmap.toml",
];

const RULES: SourceRules = {
  doing: "Read a tool map",
  syntaxInvalid: "MCP_TOOLMAP_INVALID",
  keyUnknown: "MCP_TOOLMAP_INVALID",
};

/** Reads a tool map; files that end in `.toml` are TOML, others JSON. @throws MCP_TOOLMAP_INVALID with the position */
export function parseToolMap(text: string, file: string): ToolMap {
  const document = (file.endsWith(".toml") ? readToml : readJson)(text, file, RULES);
  checkDocument(document, toolMapSchema, { doing: RULES.doing, valueInvalid: "MCP_TOOLMAP_INVALID" });
  const { tools: list, servers = {} } = document.value as unknown as ToolMapFile;
  const tools = new Map<string, ToolMapEntry>();
  for (const [index, item] of list.entries()) {
    const entry = readEntry(item, { document, index });
    if (tools.has(entry.name))
      throw invalid(document.positionOf(["tools", index, "name"]), `${quote(entry.name)} stands twice`);
    tools.set(entry.name, entry);
  }
  return { tools, servers: new Map(Object.entries(servers).map(([name, server]) => [name, readHttpServer(server)])) };
}

/** Finds a tool by name. @throws MCP_TOOL_UNKNOWN */
export function resolveTool(map: ToolMap, name: string): ToolMapEntry {
  const entry = map.tools.get(name);
  if (entry === undefined)
    throw new GreenticError("MCP_TOOL_UNKNOWN", `Resolve tool: no tool ${quote(name)} in the map`);
  return entry;
}

/** The file as its schema lets it be. */
interface ToolMapFile {
  readonly tools: readonly EntryFile[];
  readonly servers?: Readonly<Record<string, JsonObject>>;
}

interface EntryFile {
  readonly name: string;
  readonly component?: string;
  readonly server?: string;
  readonly http?: {
    readonly method?: HttpEndpoint["method"];
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly auth?: JsonObject;
  };
  readonly entry?: string;
  readonly description?: string;
  readonly input_schema?: JsonValue;
  readonly output_schema?: JsonValue;
  readonly timeout_ms?: number;
  readonly max_timeout_ms?: number;
  readonly max_retries?: number;
  readonly retry_backoff_ms?: number;
  readonly idempotent?: boolean;
}

interface EntryPlace {
  readonly document: SourceDocument;
  readonly index: number;
}

function readEntry(item: EntryFile, place: EntryPlace): ToolMapEntry {
  return {
    name: item.name,
    target: readTarget(item, place),
    entry: item.entry ?? item.name.slice(item.name.lastIndexOf(".") + 1),
    timeoutMs: item.timeout_ms,
    maxTimeoutMs: item.max_timeout_ms,
    maxRetries: item.max_retries ?? 0,
    retryBackoffMs: item.retry_backoff_ms ?? 200,
    idempotent: item.idempotent,
  };
}

function readTarget(item: EntryFile, { document, index }: EntryPlace): ToolTarget {
  if (item.component !== undefined) return { kind: "component", component: item.component };
  if (item.server !== undefined) return { kind: "server", server: item.server };
  const { method = "POST", url = "", headers = {}, auth } = item.http ?? {};
  const place = ["tools", index, "http", "url"];
  if (URL.parse(url) === null) throw invalid(document.positionOf(place), '"url": expected an absolute URL');
  // Who could put an origin into the URL could send the credentials there.
  if (/^[a-z]+:\/\/[^/?#]*[{}]/i.test(url))
    throw invalid(document.positionOf(place), '"url": fields may stand in its path only');
  const read = readEndpointAuth(auth);
  if (read?.kind === "client-credentials" || read?.kind === "consent")
    throw invalid(
      document.positionOf(["tools", index, "http", "auth"]),
      '"auth": expected "bearer", "header" or "grant"',
    );
  return {
    kind: "http",
    endpoint: {
      method,
      url,
      headers,
      auth: read,
      description: item.description ?? "",
      inputSchema: item.input_schema ?? { type: "object" },
      outputSchema: item.output_schema,
    },
  };
}

function invalid(at: SourcePosition, problem: string): GreenticError {
  return new GreenticError("MCP_TOOLMAP_INVALID", `Read a tool map: ${problem}`, { at });
}
