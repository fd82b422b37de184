import { expect, test } from "vitest";
import { TOML } from "./pack-fixture.ts";
import { parsePackSource } from "./pack-source.ts";
import { packKindOf, parseCapabilityId } from "./capability-id.ts";
import { verifies } from "../../test/verifies.ts";

const file = "pack.toml";

test("parsePackSource() reads the smallest pack", () => {
  const text = '[pack]\nname = "a"\nversion = "0.1.0"\n[capabilities]\nid = "greentic.cap.app.v1"\n';
  expect(parsePackSource(text, { file })).toEqual({
    file,
    name: "a",
    version: "0.1.0",
    description: "",
    authors: [],
    capabilities: { id: "greentic.cap.app.v1", provides: [] },
    dependencies: new Map(),
    flows: new Map(),
    components: new Map(),
    assets: undefined,
    secrets: { required: [], optional: [] },
    config: {},
  });
});

test("parsePackSource() reads components as a path, as a table, or as grants alone", () => {
  const text = `${TOML.replace(/\[components\.echo\][^]*?\[assets\]/, "[assets]")}
[components]
plain = "components/x.wasm"
[components.table]
path = "components/y.wasm"
reuse = "tenant"
[components.granted.grants]
state = "read-write"
tools = ["weather.forecast"]
assets = true
secrets_write = ["refresh_token"]
oauth = ["msgraph"]
http = ["https://*.example.com", "http://127.0.0.1:8080"]
`;
  const none = { http: [], secrets: [], secretsWrite: [], state: "none", tools: [], assets: false, oauth: [] };
  expect(Object.fromEntries(parsePackSource(text, { file }).components)).toEqual({
    plain: { path: "components/x.wasm", grants: none },
    table: { path: "components/y.wasm", reuse: "tenant", grants: none },
    granted: {
      path: "components/granted.wasm",
      grants: {
        http: ["https://*.example.com", "http://127.0.0.1:8080"],
        secrets: [],
        secretsWrite: ["refresh_token"],
        state: "read-write",
        tools: ["weather.forecast"],
        assets: true,
        oauth: ["msgraph"],
      },
    },
  });
});

const lineOf = (text: string, needle: string): number => text.slice(0, text.indexOf(needle)).split("\n").length;

test.each([
  ["an unknown table", "[config]", "[konfig]", "PACK_SOURCE_KEY_UNKNOWN", "[konfig]"],
  ["an unknown key", 'name = "tiny"', 'nam = "tiny"', "PACK_SOURCE_KEY_UNKNOWN", "nam ="],
  ["an unknown grant", 'http = ["https', 'htp = ["https', "PACK_SOURCE_KEY_UNKNOWN", "htp ="],
  ["a bad name", '"tiny"\nversion', '"Tiny"\nversion', "PACK_SOURCE_INVALID", "name ="],
  ["a bad version", '"1.2.3"', '"1.2"', "PACK_SOURCE_INVALID", "version ="],
  ["a bad range", '"^0.4"', '"latest"', "PACK_RANGE_INVALID", "greentic-templates"],
  ["a bad capability id", "greentic.cap.app.v1", "greentic.app", "PACK_CAPABILITY_INVALID", "id ="],
  ["a path that leaves the folder", "flows/main.ygtc", "flows/../../etc.ygtc", "PACK_SOURCE_INVALID", "main ="],
  ["an absolute path", '"flows/main.ygtc"', '"/flows/main.ygtc"', "PACK_SOURCE_INVALID", "main ="],
  ["a flow elsewhere", '"flows/main.ygtc"', '"src/main.ygtc"', "PACK_SOURCE_INVALID", "main ="],
  ["an origin with a path", "https://api.example.com", "https://api.example.com/v1", "PACK_SOURCE_INVALID", "http ="],
  ["a float", "max_tokens = 4096", "max_tokens = 0.5", "PACK_SOURCE_INVALID", "max_tokens"],
  ["a date", "max_tokens = 4096", "max_tokens = 2026-01-01", "PACK_SOURCE_INVALID", "max_tokens"],
  ["a number for text", 'name = "tiny"', "name = 5", "PACK_SOURCE_INVALID", "name ="],
  ["flows in a component pack", "greentic.cap.app.v1", "greentic.cap.component.v1", "PACK_SOURCE_INVALID", "[flows]"],
  ["broken syntax", 'name = "tiny"', 'name = "tiny', "PACK_SOURCE_SYNTAX", "name ="],
  ["a key twice", 'name = "tiny"', 'name = "tiny"\nname = "other"', "PACK_SOURCE_SYNTAX", 'name = "other"'],
])("parsePackSource() refuses %s with its line in pack.toml", (_what, from, to, code, needle) => {
  expect(TOML).toContain(from);
  const text = TOML.replace(from, to);
  expect(() => parsePackSource(text, { file })).toThrow(
    expect.objectContaining({ code, at: { file, line: lineOf(text, needle), column: expect.any(Number) as number } }),
  );
});

const YAML = `pack:
  name: tiny
  version: 1.2.3
capabilities:
  id: greentic.cap.app.v1
flows:
  main: flows/main.ygtc
`;

test.each([
  ["an unknown table", "flows:", "flow:", "PACK_SOURCE_KEY_UNKNOWN", 6, 1],
  ["an unknown key", "  name: tiny", "  name: tiny\n  licence: MIT", "PACK_SOURCE_KEY_UNKNOWN", 3, 3],
  ["a bad version", "1.2.3", "1.2", "PACK_SOURCE_INVALID", 3, 3],
  ["a missing key", "  name: tiny\n", "", "PACK_SOURCE_INVALID", 1, 1],
  ["a key twice", "  name: tiny", "  name: tiny\n  name: two", "PACK_SOURCE_SYNTAX", 3, 3],
  ["an alias", "flows:", "config: { a: &a [1], b: *a }\nflows:", "PACK_SOURCE_SYNTAX", 1, 1],
])("parsePackSource() refuses %s with its place in pack.yaml", (_what, from, to, code, line, column) => {
  const text = YAML.replace(from, to);
  expect(() => parsePackSource(text, { file: "pack.yaml" })).toThrow(
    expect.objectContaining({ code, at: { file: "pack.yaml", line, column } }),
  );
});

test("parsePackSource() pollutes no prototype", () => {
  const yaml = `${YAML}config:\n  __proto__: { polluted: true }\n  constructor: { prototype: { polluted: true } }\n`;
  const { config } = parsePackSource(yaml, { file: "pack.yaml" });
  expect(Object.keys(config)).toEqual(["__proto__", "constructor"]);
  expect(() => parsePackSource(`${TOML}\n__proto__ = { polluted = true }\n`, { file })).toThrow(
    expect.objectContaining({ code: "PACK_SOURCE_SYNTAX" }),
  );
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("packKindOf() tells kinds by category", () => {
  verifies("pack.kinds", "pack.capability-id");
  expect(parseCapabilityId("greentic.cap.messaging.provider.v12")).toEqual({
    category: "messaging.provider",
    version: 12,
  });
  expect(packKindOf("greentic.cap.app.v1")).toBe("application");
  expect(packKindOf("greentic.cap.events.provider.v1")).toBe("provider");
  expect(packKindOf("greentic.cap.component.v2")).toBe("component");
  expect(packKindOf("greentic.cap.tool.v1")).toBe("extension");
});

test.each([
  "",
  "greentic.cap.app",
  "greentic.cap.v1",
  "greentic.cap.app.v0",
  "greentic.cap.App.v1",
  "cap.app.v1",
  "greentic.cap..v1",
  "greentic.cap.app.v1.x",
])("parseCapabilityId() refuses %j", (id) => {
  expect(() => parseCapabilityId(id)).toThrow(expect.objectContaining({ code: "PACK_CAPABILITY_INVALID" }));
});
