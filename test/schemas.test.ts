import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { schemaFiles, SCHEMAS_DIR } from "../scripts/schemas.ts";
import { readToml } from "../src/config/index.ts";
import { newPackFiles } from "../src/pack/index.ts";
import { verifies } from "./verifies.ts";

const ROOT = resolve(import.meta.dirname, "..");
const files = schemaFiles();
const schemas = new Map<string, object>();
const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** Whether a document is what the schema of a name wants. */
function fits(name: string, document: unknown): boolean {
  const schema = schemas.get(name) ?? (JSON.parse(files[name] ?? "") as object);
  schemas.set(name, schema);
  return ajv.validate(schema, document);
}

test("schemas/ is fresh: node scripts/schemas.ts", () => {
  verifies("flow.schema.editor");
  for (const [name, text] of Object.entries(files)) {
    const file = join(SCHEMAS_DIR, name);
    expect(existsSync(file) ? readFileSync(file, "utf8") : undefined, name).toBe(text);
  }
});

test("the flow schema takes what runs and names what a kind doesn't take", () => {
  verifies("flow.schema.editor");
  const weather = readFileSync(join(ROOT, "examples/weather-demo/flows/on_message.ygtc"), "utf8");
  const fresh = newPackFiles("x", "app").find(({ path }) => path.endsWith(".ygtc"))?.text ?? "";
  for (const text of [weather, fresh]) expect(fits("flow.schema.json", parse(text)), ajv.errorsText()).toBe(true);
  const flow = (node: object): unknown => ({ id: "f", type: "messaging", nodes: { a: node } });
  expect(fits("flow.schema.json", flow({ qa: { questions: "{{in.questions}}" } }))).toBe(true);
  expect(fits("flow.schema.json", flow({ "greeter.greet": { anything: 1 } }))).toBe(true);
  expect(fits("flow.schema.json", flow({ kind: "message.send", input: { text: "x" } }))).toBe(true);
  for (const node of [
    { qa: { question: [] } },
    { "message.send": { txt: "x" } },
    { kind: "message.send", input: { txt: "x" } },
    { qa: {}, oops: 1, routing: 7 },
  ])
    expect(fits("flow.schema.json", flow(node)), JSON.stringify(node)).toBe(false);
});

test("the pack schema takes what builds, and what the reader refuses by shape it refuses", () => {
  verifies("pack.schema.editor");
  const weather = readFileSync(join(ROOT, "examples/weather-demo/pack.yaml"), "utf8");
  const fresh = ["app", "provider", "component"] as const;
  const made = fresh.map((kind) => newPackFiles("x", kind).find(({ path }) => path === "pack.toml")?.text ?? "");
  for (const document of [parse(weather), ...made.map((text) => readToml(text, "pack.toml").value)])
    expect(fits("pack.schema.json", document), ajv.errorsText()).toBe(true);
  const source = (more: object): unknown => ({
    pack: { name: "a", version: "1.0.0" },
    capabilities: { id: "greentic.cap.app.v1" },
    ...more,
  });
  const grants = (more: object): unknown => source({ components: { a: { grants: more } } });
  expect(fits("pack.schema.json", source({ config: { a: [1, { b: true }] }, assets: { a: "assets/" } }))).toBe(true);
  expect(fits("pack.schema.json", grants({ http: ["https://*.example.com:8443"], state: "read" }))).toBe(true);
  for (const document of [
    source({ pack: { name: "A", version: "1.0.0" } }),
    source({ depends: {} }),
    source({ dependencies: { A: "1" } }),
    source({ flows: { a: "a.ygtc" } }),
    source({ config: { a: 1.5 } }),
    grants({ http: ["https://example.com/path"] }),
    grants({ state: "write" }),
    grants({ secret: ["x"] }),
  ])
    expect(fits("pack.schema.json", document), JSON.stringify(document)).toBe(false);
});

test("the other schemas take what the examples hold", () => {
  verifies("flow.schema.editor");
  const read = (path: string): string => readFileSync(join(ROOT, "examples/weather-demo", path), "utf8");
  expect(fits("tool-map.schema.json", JSON.parse(read("assets/toolmap.json")))).toBe(true);
  expect(fits("conversation-test.schema.json", parse(read("tests/weather.test.yaml")))).toBe(true);
  expect(fits("conversation-test.schema.json", { steps: [{ say: "x" }] })).toBe(false);
});
