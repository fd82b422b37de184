import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPack } from "./build-pack.ts";
import { decodeManifest } from "./manifest-read.ts";
import { encodeManifest } from "./manifest.ts";
import { buildFiles, EMPTY_COMPONENT, FLOW, sourceFolder, TINY, TOML } from "./pack-fixture.ts";
import { readZip } from "./zip-read.ts";
import { verifies } from "../../test/verifies.ts";

const YAML = `
pack: { name: tiny, version: 1.2.3, description: A tiny pack, authors: ["Ada <ada@example.com>"] }
capabilities: { id: greentic.cap.app.v1, provides: [tiny] }
dependencies: { greentic-templates: ^0.4 }
flows: { main: flows/main.ygtc }
components:
  echo:
    grants: { http: ["https://api.example.com"], secrets: [api_key] }
assets: { templates: assets/templates/, i18n: assets/i18n/ }
secrets: { required: [api_key] }
config: { default_model: gpt-4, max_tokens: 4096 }
`;

test("buildPack() makes the bytes of the golden pack", async () => {
  verifies("pack.build", "pack.app");
  const { bytes, fileName, packHash } = await buildFiles(TINY);
  expect(fileName).toBe("tiny-1.2.3.gtpack");
  expect(packHash).toMatchInlineSnapshot(`"561ec9b2d46cf4a7cef93c285dbb2759e96010ca64845fb3aafc982d2c08a4b5"`);
  expect(readZip(bytes).map((entry) => entry.path)).toEqual([
    "manifest.cbor",
    "assets/i18n/en.json",
    "assets/i18n/pt-BR.json",
    "assets/templates/hello.hbs",
    "components/echo.wasm",
    "flows/main.ygtc",
    "sbom.json",
  ]);
});

test("buildPack() gives the same bytes for the same source, from pack.toml or pack.yaml, by folder or by file", async () => {
  verifies("pack.toml", "pack.yaml");
  const { "pack.toml": _toml, ...rest } = TINY;
  const fromToml = await buildFiles(TINY);
  const root = await sourceFolder({ ...rest, "pack.yaml": YAML });
  const options = { probeComponent: () => ({ abi: "none", world: "" }) };
  const fromYaml = await buildPack(join(root, "pack.yaml"), options);
  expect(fromYaml.manifest).toEqual(fromToml.manifest);
  expect(Buffer.from(fromYaml.bytes).equals(fromToml.bytes)).toBe(true);
  expect(Buffer.from((await buildPack(root, options)).bytes).equals(fromToml.bytes)).toBe(true);
});

test("buildPack() writes a manifest that decodeManifest() reads and encodeManifest() gives back", async () => {
  const { bytes, manifest } = await buildFiles(TINY, { signers: ["ab".repeat(32)] });
  const stored = readZip(bytes)[0]?.packed ?? new Uint8Array();
  expect(decodeManifest(stored)).toEqual(manifest);
  expect(Buffer.from(encodeManifest(manifest)).equals(stored)).toBe(true);
  expect(manifest).toMatchObject({
    name: "tiny",
    version: "1.2.3",
    capabilities: { id: "greentic.cap.app.v1", provides: ["tiny"] },
    secrets: { required: ["api_key"], optional: [] },
    signers: ["ab".repeat(32)],
  });
  expect({ ...manifest.config }).toEqual({ default_model: "gpt-4", max_tokens: 4096 });
  expect(manifest.flows.get("main")).toMatchObject({ path: "flows/main.ygtc", title: "Hello", type: "messaging" });
  expect(manifest.components.get("echo")?.grants).toEqual({
    http: ["https://api.example.com"],
    secrets: ["api_key"],
    secretsWrite: [],
    state: "none",
    tools: [],
    assets: false,
    oauth: [],
  });
  expect(manifest.assets.get("assets/templates/hello.hbs")).toMatchObject({
    sizeBytes: 15,
    mediaType: "text/x-handlebars-template",
  });
  expect(manifest.dependencies.get("greentic-templates")).toEqual({ req: "^0.4" });
});

test("buildPack() resolves dependencies and warns of what it leaves out", async () => {
  const files = {
    ...TINY,
    "flows/other.ygtc": FLOW,
    "assets/.secret": "x",
    "assets/node_modules/x.js": "x",
    "dist/y": "y",
    "components/notes.md": "x",
  };
  const resolved = { version: "0.4.2", packHash: "cd".repeat(32) };
  const built = await buildFiles(files, { resolveDependency: async () => resolved });
  expect(built.manifest.dependencies.get("greentic-templates")).toEqual({ req: "^0.4", resolved });
  expect(built.findings.map(({ code, path }) => [code, path])).toEqual([["PACK_FILE_UNUSED", "flows/other.ygtc"]]);
  expect((await buildFiles(TINY)).findings.map(({ code }) => code)).toEqual(["PACK_DEPENDENCY_UNRESOLVED"]);
});

test("buildPack() takes the whole folder assets/ where the source lists none", async () => {
  const { manifest } = await buildFiles({ ...TINY, "pack.toml": TOML.replace(/\[assets\][^[]*/, "") });
  expect([...manifest.assets.keys()]).toEqual([
    "assets/i18n/en.json",
    "assets/i18n/pt-BR.json",
    "assets/templates/hello.hbs",
  ]);
});

test.each([
  ["a flow that isn't there", { "pack.toml": TOML.replace("main.ygtc", "gone.ygtc") }, "PACK_FILE_MISSING"],
  [
    "an asset folder that isn't there",
    { "pack.toml": TOML.replace("assets/i18n/", "assets/gone/") },
    "PACK_FILE_MISSING",
  ],
  ["two sources", { "pack.yaml": YAML }, "PACK_SOURCE_AMBIGUOUS"],
  ["an asset name outside the profile", { "assets/templates/a b.hbs": "x" }, "PACK_SOURCE_INVALID"],
  ["assets that differ in case only", { "assets/templates/HELLO.hbs": "x" }, "PACK_SOURCE_INVALID"],
  ["a flow that isn't UTF-8", { "flows/main.ygtc": Uint8Array.of(0xff) }, "PACK_FLOW_INVALID"],
])("buildPack() refuses %s", async (_what, change, code) => {
  await expect(buildFiles({ ...TINY, ...change })).rejects.toMatchObject({ code });
});

test("buildPack() refuses links, which could bring in anything", async () => {
  const { "components/echo.wasm": _component, ...rest } = TINY;
  const options = { probeComponent: () => ({ abi: "none", world: "" }) };
  const asset = await sourceFolder(TINY);
  await symlink("/etc/hostname", join(asset, "assets/templates/link.hbs"));
  await expect(buildPack(asset, options)).rejects.toMatchObject({ code: "PACK_FILE_IRREGULAR" });
  const component = await sourceFolder({ ...rest, "components/real.bin": EMPTY_COMPONENT });
  await symlink("real.bin", join(component, "components/echo.wasm"));
  await expect(buildPack(component, options)).rejects.toMatchObject({ code: "PACK_FILE_IRREGULAR" });
});

test("buildPack() refuses a folder without a source", async () => {
  await expect(
    buildPack(await sourceFolder({ "readme.md": "" }), { probeComponent: () => ({ abi: "none", world: "" }) }),
  ).rejects.toMatchObject({
    code: "PACK_SOURCE_MISSING",
  });
});

const DOCUMENTED: readonly (readonly [string, string, Readonly<Record<string, string | Uint8Array>>])[] = [
  [
    "provider",
    `[pack]
name = "messaging-telegram"
version = "0.4.6"
description = "Telegram messaging provider for Greentic"
authors = ["Greentic <team@greentic.ai>"]
[capabilities]
id = "greentic.cap.messaging.provider.v1"
provides = ["telegram"]
[flows]
setup_default = "flows/setup.ygtc"
verify_webhooks = "flows/verify.ygtc"
[components]
ingress = "components/messaging-ingress-telegram.wasm"
egress = "components/messaging-provider-telegram.wasm"
operator = "components/telegram.wasm"
[secrets]
required = ["telegram_bot_token"]
optional = ["public_base_url"]
`,
    {
      "flows/setup.ygtc": FLOW,
      "flows/verify.ygtc": FLOW,
      "components/messaging-ingress-telegram.wasm": EMPTY_COMPONENT,
      "components/messaging-provider-telegram.wasm": EMPTY_COMPONENT,
      "components/telegram.wasm": EMPTY_COMPONENT,
    },
  ],
  [
    "application",
    `[pack]
name = "customer-service"
version = "1.0.0"
description = "AI-powered customer service digital worker"
authors = ["Your Team <team@example.com>"]
[capabilities]
id = "greentic.cap.app.v1"
provides = ["customer-service"]
[dependencies]
greentic-templates = "^0.4"
greentic-llm-openai = "^0.4"
[flows]
on_message = "flows/on_message.ygtc"
on_escalation = "flows/escalation.ygtc"
[components]
classifier = "components/intent-classifier.wasm"
[assets]
cards = "assets/cards/"
templates = "assets/templates/"
i18n = "assets/i18n/"
`,
    {
      "flows/on_message.ygtc": FLOW,
      "flows/escalation.ygtc": FLOW,
      "components/intent-classifier.wasm": EMPTY_COMPONENT,
      "assets/cards/greeting.json": "{}",
      "assets/templates/welcome.hbs": "Welcome",
      "assets/i18n/en.json": "{}",
    },
  ],
  [
    "component",
    `[pack]
name = "llm-openai"
version = "0.4.6"
description = "OpenAI-compatible LLM component for Greentic"
[capabilities]
id = "greentic.cap.component.v1"
provides = ["llm"]
[components]
llm = "components/llm-openai.wasm"
[config]
default_model = "gpt-4"
max_tokens = 4096
`,
    { "components/llm-openai.wasm": EMPTY_COMPONENT },
  ],
];

test.each(DOCUMENTED)("buildPack() builds the documented %s pack", async (_kind, toml, files) => {
  verifies("pack.component-only");
  const { manifest, bytes } = await buildFiles({ "pack.toml": toml, ...files });
  expect(readZip(bytes).length).toBe(Object.keys(files).length + 2);
  expect(
    [...manifest.flows.values(), ...manifest.components.values(), ...manifest.assets.values()]
      .map((entry) => entry.path)
      .toSorted(),
  ).toEqual(Object.keys(files).toSorted());
});
