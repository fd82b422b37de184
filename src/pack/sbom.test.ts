import { expect, test } from "vitest";
import { buildFiles, TINY } from "./pack-fixture.ts";
import { Pace, runWhole } from "../types/index.ts";
import { checkSbomPaced } from "./sbom-check.ts";
import { verifyPack } from "./verify-pack.ts";
import { TRUST_NOBODY } from "./trust.ts";
import { readZip } from "./zip-read.ts";
import { verifies } from "../../test/verifies.ts";

const sbomOf = (bytes: Uint8Array): Uint8Array =>
  readZip(bytes).find((entry) => entry.path === "sbom.json")?.packed ?? new Uint8Array();
const parse = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
const FILES = [
  "assets/i18n/en.json",
  "assets/i18n/pt-BR.json",
  "assets/templates/hello.hbs",
  "components/echo.wasm",
  "flows/main.ygtc",
];

test("writeSbom() lists every file and dependency as CycloneDX 1.6", async () => {
  verifies("pack.sbom");
  const { bytes } = await buildFiles(TINY, {
    resolveDependency: async () => ({ version: "0.4.2", packHash: "cd".repeat(32) }),
  });
  const sbom = parse(sbomOf(bytes));
  expect(sbom).toMatchObject({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: expect.stringMatching(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ) as string,
    version: 1,
    metadata: {
      authors: [{ name: "Ada", email: "ada@example.com" }],
      component: { type: "application", name: "tiny", version: "1.2.3", purl: "pkg:generic/tiny@1.2.3" },
    },
  });
  const components = sbom.components as readonly {
    readonly name: string;
    readonly type: string;
    readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  }[];
  expect(components.map(({ name }) => name)).toEqual([...FILES, "greentic-templates"]);
  for (const { hashes } of components) for (const { content } of hashes) expect(content).toMatch(/^[0-9a-f]{64}$/);
  expect(components.find(({ name }) => name === "greentic-templates")).toMatchObject({
    type: "application",
    version: "0.4.2",
  });
});

test("writeSbom() lists every file as SPDX 2.3, and verification reads it", async () => {
  const { bytes } = await buildFiles(TINY, { sbom: "spdx" });
  const sbom = parse(sbomOf(bytes));
  expect(sbom).toMatchObject({ spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT" });
  expect((sbom.files as readonly { readonly fileName: string }[]).map(({ fileName }) => fileName)).toEqual(
    FILES.map((path) => `./${path}`),
  );
  const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
  expect(await verifyPack(bytes, { trust, nowMs: 0 })).toMatchObject({
    ok: true,
    sbom: { status: "valid", mismatches: [] },
  });
});

test("checkSbomPaced() names what SBOM and manifest disagree about", async () => {
  const { bytes, manifest } = await buildFiles(TINY);
  const text = Buffer.from(sbomOf(bytes)).toString();
  const hash = manifest.flows.get("main")?.hash ?? "";
  const check = (changed: string): unknown => runWhole(checkSbomPaced(manifest, Buffer.from(changed), new Pace()));
  expect(check(text)).toMatchObject({ status: "valid" });
  expect(check(text.replace(hash, "00".repeat(32)))).toMatchObject({
    status: "mismatch",
    mismatches: ["flows/main.ygtc"],
  });
  expect(check(text.replace('"name": "flows/main.ygtc"', '"name": "flows/other.ygtc"'))).toMatchObject({
    status: "mismatch",
    mismatches: ["flows/main.ygtc", "flows/other.ygtc"],
  });
  expect(runWhole(checkSbomPaced(manifest, undefined, new Pace()))).toMatchObject({ status: "missing" });
  for (const other of ["", "[]", "{}", '{"bomFormat":"CycloneDX","specVersion":"1.4"}'])
    expect(check(other)).toMatchObject({ status: "invalid" });
});
