import { expect, test } from "vitest";
import { tenantId } from "../types/index.ts";
import { inspectPack } from "./inspect-pack.ts";
import { FileLoadRecords } from "./load-record-file.ts";
import { loadStep } from "./load-record.ts";
import { openPack } from "./open-pack.ts";
import { buildFiles, EMPTY_COMPONENT, FLOW, keyPair, sourceFolder, TINY, TOML } from "./pack-fixture.ts";
import { signPack } from "./sign-pack.ts";
import { TRUST_NOBODY, trustKey } from "./trust.ts";
import { validatePack } from "./validate-pack.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { verifies } from "../../test/verifies.ts";

const NOW = Date.UTC(2026, 0, 1);
const LAX = { ...TRUST_NOBODY, rejectUnsigned: false };

test("openPack() gives the verified bytes, indexes and texts", async () => {
  verifies("pack.self-contained");
  const built = await buildFiles(TINY);
  const { signing, publisher } = await keyPair();
  const signed = await signPack(built.bytes, signing);
  const pack = await openPack(signed.bytes, { trust: trustKey(publisher), nowMs: NOW });
  expect(pack).toMatchObject({
    name: "tiny",
    version: "1.2.3",
    kind: "application",
    packHash: built.packHash,
    step: "first",
  });
  expect(pack.entries).toContain("assets/templates/hello.hbs");
  expect(pack.readText("flows/main.ygtc")).toBe(FLOW);
  expect(Buffer.from(pack.read("components/echo.wasm") ?? []).equals(EMPTY_COMPONENT)).toBe(true);
  expect(pack.read("assets/nothing")).toBeUndefined();
  expect(pack.readText("assets/nothing")).toBeUndefined();
  expect(Object.entries(pack.i18n).map(([locale, texts]) => [locale, { ...texts }])).toEqual([
    ["en", { hello: "Hello", "menu.help": "Help" }],
    ["pt-BR", { hello: "Olá" }],
  ]);
  // Views of the bytes that were verified: nothing is read a second time.
  expect(pack.read("flows/main.ygtc")?.buffer).toBe(signed.bytes.buffer);
});

test("openPack() refuses what the policy refuses, under its code", async () => {
  const { bytes } = await buildFiles(TINY);
  const [known, unknown] = [await keyPair(), await keyPair()];
  const foreign = await signPack(bytes, unknown.signing);
  await expect(openPack(bytes, { trust: TRUST_NOBODY, nowMs: NOW })).rejects.toMatchObject({
    code: "PACK_UNSIGNED",
    kind: "permission_denied",
  });
  await expect(openPack(foreign.bytes, { trust: trustKey(known.publisher), nowMs: NOW })).rejects.toMatchObject({
    code: "PACK_SIGNATURE_UNTRUSTED",
  });
  await expect(openPack(Buffer.from("zip"), { trust: LAX, nowMs: NOW })).rejects.toMatchObject({
    code: "PACK_ZIP_END_MISSING",
  });
  await expect(openPack(bytes, { trust: LAX, nowMs: NOW })).resolves.toMatchObject({ name: "tiny" });
});

test("openPack() refuses a downgrade unless it is allowed", async () => {
  const { bytes, packHash } = await buildFiles(TINY);
  const open = (version: string, allowDowngrade = false): ReturnType<typeof openPack> =>
    openPack(bytes, {
      trust: LAX,
      nowMs: NOW,
      policy: { previous: async () => ({ version, packHash: "00" }), allowDowngrade },
    });
  await expect(open("1.2.4")).rejects.toMatchObject({ code: "PACK_VERSION_DOWNGRADE" });
  await expect(open("1.2.4", true)).resolves.toMatchObject({ step: "downgrade" });
  await expect(open("1.2.3-rc.1")).resolves.toMatchObject({ step: "upgrade" });
  await expect(open("1.2.3")).resolves.toMatchObject({ step: "rebuilt" });
  expect(loadStep({ version: "1.2.3", packHash }, { version: "1.2.3", packHash })).toBe("same");
});

test("openPack() refuses an i18n bundle that isn't one", async () => {
  for (const content of ["[]", "{", '{"a":1}', '"text"']) {
    const { bytes } = await buildFiles({ ...TINY, "assets/i18n/en.json": content });
    await expect(openPack(bytes, { trust: LAX, nowMs: NOW })).rejects.toMatchObject({ code: "PACK_ASSET_INVALID" });
  }
});

test("FileLoadRecords remembers per tenant and name, and refuses a damaged file", async () => {
  const root = await sourceFolder({});
  const path = join(root, "loads.json");
  const records = new FileLoadRecords(path);
  const [acme, beta] = [tenantId("acme"), tenantId("beta")];
  expect(await records.get(acme, "tiny")).toBeUndefined();
  const write = (version: string): Promise<void> => records.put(acme, { name: "tiny", version, packHash: "aa" });
  await Promise.all(["1.0.0", "1.0.1", "1.0.2"].map(write));
  await records.put(beta, { name: "tiny", version: "0.9.0", packHash: "bb" });
  expect(await new FileLoadRecords(path).get(acme, "tiny")).toEqual({ version: "1.0.2", packHash: "aa" });
  expect(await records.get(beta, "tiny")).toEqual({ version: "0.9.0", packHash: "bb" });
  expect(await records.get(acme, "other")).toBeUndefined();
  await writeFile(path, '{"acme":{"tiny":{"version":1}}}');
  await expect(records.get(acme, "tiny")).rejects.toMatchObject({ code: "PACK_LOAD_RECORD_INVALID" });
});

test("inspectPack() tells what is in a pack", async () => {
  verifies("pack.layout");
  const { bytes, packHash } = await buildFiles(TINY, {
    probeComponent: () => ({ abi: "exec", world: "greentic:component/component" }),
  });
  expect(await inspectPack(bytes)).toEqual({
    generation: "native",
    name: "tiny",
    version: "1.2.3",
    description: "A tiny pack",
    kind: "application",
    packHash,
    flows: [
      {
        id: "main",
        name: "main",
        path: "flows/main.ygtc",
        type: "messaging",
        title: "Hello",
        nodes: ["greet"],
        entrypoints: ["default"],
      },
    ],
    components: [
      {
        id: "echo",
        path: "components/echo.wasm",
        sha256: "24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29",
        sizeBytes: 8,
        abi: "exec",
        world: "greentic:component/component",
        grants: {
          http: ["https://api.example.com"],
          secrets: ["api_key"],
          secretsWrite: [],
          state: "none",
          tools: [],
          assets: false,
          oauth: [],
        },
        reuse: "none",
      },
    ],
    capabilities: { id: "greentic.cap.app.v1", provides: ["tiny"] },
    dependencies: { "greentic-templates": "^0.4" },
    secrets: { required: ["api_key"], optional: [] },
    assets: ["assets/i18n/en.json", "assets/i18n/pt-BR.json", "assets/templates/hello.hbs"],
  });
});

test("validatePack() accepts a sound pack, signed or not", async () => {
  const { bytes } = await buildFiles(TINY);
  expect(await validatePack(bytes)).toMatchObject({ ok: true, findings: [] });
  const { signing } = await keyPair();
  expect(await validatePack((await signPack(bytes, signing)).bytes)).toMatchObject({ ok: true, findings: [] });
});

test("validatePack() finds names of things that the pack doesn't hold", async () => {
  const flow = `id: main
type: messaging
schema_version: 2
start: run
nodes:
  run:
    component.exec: { component: gone, operation: x }
    routing: [{ to: render }]
  render:
    template.render: { asset: assets/templates/hello.hbs }
    routing: [{ to: missing }]
  missing:
    template.render: { asset: assets/templates/gone.hbs }
    routing: [{ to: computed }]
  computed:
    template.render: { asset: "{{state.asset}}" }
    routing: [{ to: call }]
  call:
    flow.call: { flow: elsewhere }
    routing: out
`;
  const toml = TOML.replace('required = ["api_key"]', "required = []");
  const { bytes } = await buildFiles({ ...TINY, "flows/main.ygtc": flow, "pack.toml": toml });
  const { ok, findings } = await validatePack(bytes);
  expect(ok).toBe(false);
  expect(findings.map(({ code, severity, path }) => [code, severity, path])).toEqual([
    ["PACK_REFERENCE_MISSING", "error", "flows/main.ygtc"],
    ["PACK_REFERENCE_MISSING", "error", "flows/main.ygtc"],
    ["PACK_REFERENCE_MISSING", "error", "flows/main.ygtc"],
    ["PACK_REFERENCE_MISSING", "warning", "components/echo.wasm"],
  ]);
  expect(findings.map(({ message }) => /names (\w+) "([^"]+)"/.exec(message)?.slice(1))).toEqual([
    ["component", "gone"],
    ["asset", "assets/templates/gone.hbs"],
    ["flow", "elsewhere"],
    undefined,
  ]);
});
