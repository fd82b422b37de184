import { describe, expect, test } from "vitest";
import { parseToolMap, resolveTool } from "./tool-map.ts";

const JSON_MAP = `{
  "tools": [
    { "name": "weather.forecast", "component": "forecast", "timeout_ms": 5000, "max_retries": 2, "retry_backoff_ms": 50 },
    { "name": "echo", "component": "tools/echo.wasm", "entry": "say" }
  ]
}`;
const TOML_MAP = `[[tools]]
name = "weather.forecast"
component = "forecast"
timeout_ms = 5000
max_retries = 2
retry_backoff_ms = 50

[[tools]]
name = "echo"
component = "tools/echo.wasm"
entry = "say"
`;

function failure(text: string, file: string): unknown {
  try {
    return parseToolMap(text, file);
  } catch (error) {
    const { code, message, at } = error as { code: string; message: string; at: { line: number; column: number } };
    return { code, message, line: at.line, column: at.column };
  }
}

describe("parseToolMap()", () => {
  test("reads the same from JSON and TOML", () => {
    const map = parseToolMap(JSON_MAP, "toolmap.json");
    expect([...parseToolMap(TOML_MAP, "toolmap.toml").tools]).toEqual([...map.tools]);
    expect(resolveTool(map, "weather.forecast")).toEqual({
      name: "weather.forecast",
      target: { kind: "component", component: "forecast" },
      entry: "forecast",
      timeoutMs: 5000,
      maxTimeoutMs: undefined,
      maxRetries: 2,
      retryBackoffMs: 50,
      idempotent: undefined,
    });
    expect(resolveTool(map, "echo")).toMatchObject({ entry: "say", timeoutMs: undefined, maxRetries: 0 });
    expect(() => resolveTool(map, "other")).toThrow(expect.objectContaining({ code: "MCP_TOOL_UNKNOWN" }));
  });

  test.each([
    [JSON_MAP.replace('"entry"', '"entri"'), "a.json", 4, 55],
    [JSON_MAP.replace("5000", '"5s"'), "a.json", 3, 60],
    [JSON_MAP.replace('"echo"', '"weather.forecast"'), "a.json", 4, 7],
    [JSON_MAP.replace("]", ""), "a.json", 6, 1],
    [TOML_MAP.replace("5000", '"5s"'), "a.toml", 4, 1],
    [TOML_MAP.replace('entry = "say"', 'entri = "say"'), "a.toml", 11, 1],
    [TOML_MAP.replace('"echo"', "echo"), "a.toml", 9, 8],
    [`${TOML_MAP}[other]\n`, "a.toml", 12, 1],
  ])("says where a map is wrong", (text, file, line, column) => {
    expect(failure(text, file)).toMatchObject({ code: "MCP_TOOLMAP_INVALID", line, column });
  });

  test("reads servers and endpoints", () => {
    const map = parseToolMap(
      JSON.stringify({
        tools: [
          { name: "search.web", server: "search", idempotent: true, max_timeout_ms: 60_000 },
          { name: "order", http: { method: "GET", url: "https://api.example.com/{id}", auth: { bearer: "key" } } },
        ],
        servers: { search: { url: "https://mcp.example.com/mcp", auth: { oauth: { client_id: "me", secret: "s" } } } },
      }),
      "a.json",
    );
    expect(resolveTool(map, "search.web")).toMatchObject({
      target: { kind: "server", server: "search" },
      entry: "web",
      idempotent: true,
      maxTimeoutMs: 60_000,
    });
    expect(resolveTool(map, "order").target).toMatchObject({
      kind: "http",
      endpoint: { method: "GET", auth: { kind: "bearer", secret: "key" }, inputSchema: { type: "object" } },
    });
    expect(map.servers.get("search")).toMatchObject({ kind: "http", auth: { kind: "client-credentials" } });
  });

  test.each([
    ['{ "name": "a" }', 'needs "component" or "server" or "http"'],
    ['{ "name": "a", "server": "s", "component": "c" }', "only one of them"],
    ['{ "name": "a", "http": { "url": "https://{host}/" } }', "in its path only"],
    [
      '{ "name": "a", "http": { "url": "https://x/", "auth": { "oauth": { "client_id": "a", "secret": "b" } } } }',
      "bearer",
    ],
    ['{ "name": "a", "http": { "url": "file:///etc/passwd" } }', "pattern"],
  ])("refuses the tool %s", (tool, words) => {
    expect(() => parseToolMap(`{ "tools": [${tool}] }`, "a.json")).toThrow(
      expect.objectContaining({ code: "MCP_TOOLMAP_INVALID", message: expect.stringContaining(words) as string }),
    );
  });

  test("lets no map start a process", () => {
    const text = '{ "tools": [], "servers": { "s": { "command": "sh", "url": "https://x" } } }';
    expect(failure(text, "a.json")).toMatchObject({
      code: "MCP_TOOLMAP_INVALID",
      message: expect.stringContaining("command"),
    });
  });

  test.each(["[]", "{}", '{ "tools": {} }', '{ "tools": [1] }', '{ "tools": [{ "name": "a b", "component": "c" }] }'])(
    "refuses %s",
    (text) => {
      expect(failure(text, "a.json")).toMatchObject({ code: "MCP_TOOLMAP_INVALID" });
    },
  );
});
