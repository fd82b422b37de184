import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { encodeCborJson } from "../../types/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { inspectPack } from "../inspect-pack.ts";
import { openPack } from "../open-pack.ts";
import { EMPTY_COMPONENT, sourceFolder } from "../pack-fixture.ts";
import { publisherKey, rawPublicKey } from "../public-key.ts";
import type { PackReport } from "../report.ts";
import { TRUST_NOBODY, trustKey } from "../trust.ts";
import type { TrustPolicy } from "../trust.ts";
import { validatePack } from "../validate-pack.ts";
import { verifyPack } from "../verify-pack.ts";
import type { Files } from "./public-fixture.ts";
import { json, packG1, packV1, packV1Manifest, signG1, tarOf, withSbom, zipOf } from "./public-fixture.ts";
import { readManifestSignatures } from "./manifest-signature.ts";
import { readUnpackedPack } from "./read-directory.ts";

const ANYBODY: TrustPolicy = { ...TRUST_NOBODY, rejectUnsigned: false };
const verify = (bytes: Uint8Array, sbom: "strict" | "warn" = "strict", trust = ANYBODY): Promise<PackReport> =>
  verifyPack(bytes, { trust, nowMs: 0, sbom });
const found = ({ findings }: PackReport): readonly string[] =>
  findings.filter(({ severity }) => severity === "error").map(({ code, path }) => `${code} ${path ?? ""}`);

test.each(["symbols", "texts"] as const)("a pack-v1 manifest is read with ids as %s", async (ids) => {
  verifies("pack.public.read");
  const zip = zipOf(await packV1(ids));
  const pack = await inspectPack(zip);
  expect(pack).toMatchObject({
    generation: ids === "symbols" ? "g3" : "g2",
    name: "acme-demo",
    version: "1.2.3",
    kind: "application",
    flows: [
      { id: "later", nodes: [] },
      { id: "main", type: "messaging", nodes: ["ask", "tell"], entrypoints: ["default"] },
    ],
    components: [{ id: "acme.echo", path: "components/acme.echo.wasm" }],
    secrets: { required: ["TOKEN"], optional: [] },
    dependencies: { "acme.demo": "^1" },
  });
  const opened = await openPack(zip, { trust: ANYBODY, nowMs: 0 });
  expect(opened.readText("flows/main.ygtc")).toContain("emit.response");
  expect(await validatePack(zip)).toMatchObject({ ok: true });
});

test("assets are found in every spelling, the plain one first", async () => {
  verifies("pack.public.read");
  const pack = await openPack(zipOf(await packV1("symbols")), { trust: ANYBODY, nowMs: 0 });
  expect([...pack.assets.keys()]).toEqual(["assets/cards/a.json", "assets/cards/b.json", "assets/schemas/config.json"]);
  expect(pack.readText("assets/cards/a.json")).toBe('{"first":true}');
  expect(pack.readText("assets/cards/b.json")).toBe('{"doubled":true}');
  expect(pack.read("manifest.cbor")).toBeUndefined();
});

test("components are granted what they declare; who declares nothing reaches nobody else", async () => {
  verifies("pack.public.grants");
  const { components } = await inspectPack(zipOf(await packV1("symbols")));
  expect(components[0]?.grants).toEqual({
    http: ["*"],
    secrets: ["TOKEN"],
    secretsWrite: [],
    state: "none",
    tools: [],
    assets: false,
    oauth: [],
  });
  const settings = {
    "assets/setup.yaml": Buffer.from("questions:\n - name: url\n   default: https://api.acme.example/v1\n"),
  };
  const named = await inspectPack(zipOf({ ...(await packV1("symbols")), ...settings }));
  expect(named.components[0]?.grants.http).toEqual(["*", "https://api.acme.example"]);
  const bare = await packV1("symbols", { components: [], capabilities: [], extensions: {} });
  expect((await inspectPack(zipOf(bare))).components[0]).toMatchObject({
    id: "acme.echo",
    grants: { http: [], secrets: [], state: "read-write", assets: true },
  });
});

test("extensions are kept as typed data", async () => {
  verifies("pack.public.read");
  const inline = (value: Parameters<typeof json>[0]): { readonly inline: typeof value } => ({ inline: value });
  const files = await packV1("symbols", {
    extensions: {
      "greentic.provider-extension.v1": inline({
        providers: [{ provider_type: "messaging.x", ops: ["send"], runtime: { component_ref: "acme.echo" } }],
      }),
      "greentic.ext.capabilities.v1": inline({
        offers: [{ offer_id: "o", cap_id: "greentic.cap.messaging.provider.v1" }],
      }),
      "greentic.static-routes.v1": inline({ routes: [{ public_path: "/v1/web/x", source_root: "assets/x" }] }),
      "greentic.http-routes.v1": inline({ routes: [{ pattern: "/hook", methods: ["POST"] }] }),
      "messaging.oauth.v1": inline({ provider_id: "x", scopes: ["a"], secret_keys: ["X_TOKEN"] }),
      "messaging.subscriptions.v1": inline({ component_ref: "acme.echo", resources: ["message"] }),
      "greentic.messaging.validators.v1": inline({ validators: [{ id: "v", component_ref: "acme.echo" }] }),
      "messaging.provider_flow_hints": inline({ "messaging.x": { default: "main" } }),
      "acme.unknown": inline([1]),
    },
  });
  const pack = await openPack(zipOf(files), { trust: ANYBODY, nowMs: 0 });
  expect(pack.kind).toBe("provider");
  expect(pack.manifest.capabilities).toEqual({ id: "greentic.cap.messaging.provider.v1", provides: ["messaging.x"] });
  expect(pack.extensions).toMatchObject({
    providers: [{ type: "messaging.x", component: "acme.echo", operations: ["send"] }],
    offers: [{ id: "o", priority: 100, requiresSetup: false }],
    staticRoutes: [{ publicPath: "/v1/web/x", sourceRoot: "assets/x" }],
    httpRoutes: [{ pattern: "/hook", methods: ["POST"], operation: "ingest_http" }],
    oauth: { providerId: "x", scopes: ["a"], secretKeys: ["X_TOKEN"] },
    subscriptions: { component: "acme.echo", resources: ["message"] },
    validators: [{ id: "v", component: "acme.echo" }],
  });
  expect(pack.extensions?.flowHints.get("messaging.x")?.get("default")).toBe("main");
  expect(pack.extensions?.all.get("acme.unknown")).toEqual([1]);
  expect(pack.components.get("acme.echo")?.grants).toMatchObject({ secrets: ["TOKEN", "X_TOKEN"], oauth: ["x"] });
});

test("SBOM, lock and component hashes are told apart, each mismatch by its path, and policy decides", async () => {
  verifies("pack.public.verify");
  const files = await packV1("symbols");
  expect(await verify(zipOf(files))).toMatchObject({
    ok: true,
    generation: "g3",
    signature: { status: "none" },
    sbom: { status: "valid", mismatches: [] },
    lock: { status: "valid" },
    contentHashes: { status: "valid" },
  });
  const { "schemas/config.json": _dropped, ...rest } = files;
  const tampered: Files = {
    ...rest,
    "components/acme.echo.wasm": Buffer.concat([EMPTY_COMPONENT, Uint8Array.of(0, 1, 0)]),
    "components/acme.echo.manifest.cbor": encodeCborJson({ id: "acme.other" }),
    "assets/new.txt": Buffer.from("new"),
  };
  const report = await verify(zipOf(tampered));
  expect(report).toMatchObject({
    ok: false,
    sbom: {
      status: "mismatch",
      mismatches: [
        "assets/new.txt",
        "components/acme.echo.manifest.cbor",
        "components/acme.echo.wasm",
        "schemas/config.json",
      ],
    },
    lock: { status: "mismatch", mismatches: ["components/acme.echo.wasm"] },
    contentHashes: { status: "mismatch", mismatches: ["components/acme.echo.manifest.cbor"] },
  });
  expect(report.findings.map(({ message }) => message).join("\n")).toMatch(
    /"assets\/new.txt" is there but not listed[^]*"schemas\/config.json" is listed but not there/,
  );
  const lenient = await verify(zipOf(tampered), "warn");
  expect(lenient).toMatchObject({ ok: true, sbom: report.sbom, lock: report.lock });
});

test("an unsigned public pack opens only where unsigned packs are allowed", async () => {
  verifies("pack.public.verify");
  const zip = zipOf(await packV1("symbols"));
  await expect(openPack(zip, { trust: TRUST_NOBODY, nowMs: 0 })).rejects.toMatchObject({ code: "PACK_UNSIGNED" });
  const inManifest = await packV1("symbols", { signatures: { signatures: [{ key_id: "k", algorithm: "ed25519" }] } });
  const report = await verify(zipOf(inManifest), "strict", TRUST_NOBODY);
  expect(found(report)).toEqual(["PACK_UNSIGNED manifest.cbor"]);
});

test("a pack of 2026 tells which trusted keys signed its manifest, which makes none of its files theirs", async () => {
  verifies("pack.public.signature");
  const { privateKey } = generateKeyPairSync("ed25519");
  const publisher = await publisherKey(rawPublicKey(privateKey));
  const signature = sign(null, (await packV1("symbols"))["manifest.cbor"] ?? new Uint8Array(), privateKey);
  const entry = { key_id: "release", algorithm: "ed25519", signature: [...signature] };
  const signed = async (...entries: JsonObject[]): Promise<PackReport> =>
    verify(zipOf(await packV1("symbols", { signatures: { signatures: entries } })), "strict", trustKey(publisher));
  const other = { ...entry, signature: Array.from(signature.toReversed()) };
  for (const entries of [
    [entry],
    [other, entry],
    [
      { ...entry, algorithm: "none" },
      { ...entry, key_id: "b" },
    ],
  ]) {
    const report = await signed(...entries);
    expect(report.signature).toEqual({ status: "none", keyIds: [], manifestSignedBy: [publisher.id] });
    expect(report).toMatchObject({ ok: false });
    expect(report.findings.map(({ message }) => message).join()).toContain(
      `of key ${publisher.id}; they cover it alone`,
    );
  }
  for (const entries of [
    [other],
    [{ ...entry, algorithm: "none" }],
    [{ ...entry, signature: [1, 2] }],
    [{ key_id: "k" }],
  ])
    expect((await signed(...entries)).signature.manifestSignedBy).toEqual([]);
  const changed = await packV1("symbols", { signatures: { signatures: [entry] }, publisher: "another" });
  const report = await verify(zipOf(changed), "strict", trustKey(publisher));
  expect(report.signature.manifestSignedBy).toEqual([]);
});

test("readManifestSignatures() ends any manifest, however broken, in an answer", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const keys = [await publisherKey(rawPublicKey(privateKey))];
  const files = await packV1("symbols", {
    signatures: { signatures: [{ key_id: "k", algorithm: "ed25519", signature: Array.from({ length: 64 }, () => 7) }] },
  });
  const manifest = files["manifest.cbor"] ?? new Uint8Array();
  for (let at = 0; at < manifest.length; at += 7) {
    for (const byte of [0x00, 0x5b, 0x9b, 0xbf, 0xff]) {
      const broken = Uint8Array.from(manifest);
      broken[at] = byte;
      for (const bytes of [broken, broken.subarray(0, at)])
        expect((await readManifestSignatures(bytes, keys))?.signedBy ?? []).toEqual([]);
    }
  }
});

test("a pack of 2025 has its flows in files and its signature by its own rules", async () => {
  verifies("pack.public.read", "pack.public.signature");
  const { privateKey } = generateKeyPairSync("ed25519");
  const publisher = await publisherKey(rawPublicKey(privateKey));
  const files = await signG1(await packG1(), privateKey);
  const report = await verify(zipOf(files), "strict", trustKey(publisher));
  expect(report).toMatchObject({ ok: true, generation: "g1", signature: { status: "valid", keyIds: [publisher.id] } });
  const pack = await inspectPack(zipOf(files));
  expect(pack.flows.map(({ id, nodes }) => [id, nodes])).toEqual([
    ["idle", []],
    ["main", ["say"]],
  ]);
  expect(pack.components).toEqual([]);
  expect(report.findings).toContainEqual(
    expect.objectContaining({ code: "PACK_COMPONENT_MISSING", severity: "warning" }),
  );

  const stranger = await verify(zipOf(files), "strict", TRUST_NOBODY);
  expect([stranger.signature.status, found(stranger)]).toEqual([
    "untrusted",
    ["PACK_SIGNATURE_UNTRUSTED signatures/pack.sig"],
  ]);
  expect(await verify(zipOf(files), "strict", { ...ANYBODY, revoked: new Set([publisher.id]) })).toMatchObject({
    ok: false,
  });
});

test("a signature of 2025 holds for no other pack, whatever the policy", async () => {
  verifies("pack.public.signature");
  const { privateKey } = generateKeyPairSync("ed25519");
  const trust = trustKey(await publisherKey(rawPublicKey(privateKey)));
  const signed = await signG1(await packG1(), privateKey);
  const other = await packG1({ "assets/evil.txt": Buffer.from("evil") });
  const chain = (await signG1(await packG1(), generateKeyPairSync("ed25519").privateKey))["signatures/chain.pem"];
  const swapped = (name: string, bytes: Uint8Array | undefined): Files => ({
    ...signed,
    [name]: bytes ?? new Uint8Array(),
  });
  for (const files of [
    {
      ...other,
      "signatures/pack.sig": signed["signatures/pack.sig"],
      "signatures/chain.pem": signed["signatures/chain.pem"],
    },
    swapped("signatures/chain.pem", chain),
    swapped("signatures/chain.pem", Buffer.from("none")),
    swapped("signatures/pack.sig", json({ alg: "none" })),
    swapped("flows/main/flow.json", json({ id: "main", nodes: {} })),
    swapped("assets/unlisted.txt", Buffer.from("x")),
  ] as readonly Files[]) {
    const report = await verify(zipOf(files), "warn", { ...trust, rejectUnsigned: false });
    expect([report.ok, report.signature.status]).toEqual([false, "invalid"]);
  }
});

test("the tar form is read", async () => {
  verifies("pack.public.read");
  const manifest = encodeCborJson(packV1Manifest("symbols", { components: [], extensions: {} }));
  const tar = tarOf({ "manifest.cbor": manifest, "terraform/main.tf": Buffer.from("#") });
  expect(await verify(tar)).toMatchObject({ ok: true, generation: "tar", sbom: { status: "missing" } });
  expect((await inspectPack(tar)).assets).toEqual(["assets/terraform/main.tf"]);
});

test("an unpacked directory is the pack that its files make", async () => {
  verifies("pack.public.read");
  const files = await packV1("symbols");
  const root = await sourceFolder({ ...files });
  const bytes = await readUnpackedPack(root);
  expect(Buffer.from(bytes)).toEqual(zipOf(files));
  mkdirSync(join(root, "more"));
  symlinkSync(join(root, "manifest.cbor"), join(root, "more/link"));
  await expect(readUnpackedPack(root)).rejects.toMatchObject({ code: "PACK_FILE_IRREGULAR" });
  const empty = await sourceFolder({});
  writeFileSync(join(empty, "a"), "");
  await expect(readUnpackedPack(dirname(join(empty, "a")))).rejects.toMatchObject({ code: "PACK_MANIFEST_MISSING" });
});

test("what a manifest refers to must be there", async () => {
  verifies("pack.public.hostile");
  for (const more of [
    { pack_id: 7 },
    { pack_id: -1 },
    { version: "one" },
    { pack_id: "../.." },
    { symbols: { component_ids: [], node_ids: ["ask", "tell"], capability_names: [], pack_ids: ["acme.demo"] } },
    { symbols: { component_ids: ["a", "b"], node_ids: [], capability_names: ["c"], pack_ids: ["acme.demo"] } },
    { capabilities: [{ name: 99 }] },
  ]) {
    const report = await verify(
      zipOf(await withSbom({ "manifest.cbor": encodeCborJson(packV1Manifest("symbols", more)) })),
    );
    expect(found(report).map((line) => line.trim())).toEqual(["PACK_MANIFEST_INVALID"]);
  }
});
