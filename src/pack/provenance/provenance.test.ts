import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { JsonObject } from "../../types/index.ts";
import { verifies } from "../../../test/verifies.ts";
import { buildPack } from "../build-pack.ts";
import type { BuiltPack } from "../build-pack.ts";
import { formatPackLock } from "../dependencies/pack-lock.ts";
import { formatEnvelope, parseEnvelope, signEnvelope } from "../dsse.ts";
import type { SigningKey } from "../keys.ts";
import { openPack } from "../open-pack.ts";
import { buildFiles, keyPair, sourceFolder, TINY } from "../pack-fixture.ts";
import { signPack } from "../sign-pack.ts";
import type { TrustPolicy } from "../trust.ts";
import { TRUST_NOBODY, trustKey } from "../trust.ts";
import { verifyPack } from "../verify-pack.ts";
import { makeProvenance } from "./make-provenance.ts";
import { STATEMENT_TYPE } from "./statement.ts";

const NOW = Date.UTC(2026, 0, 1);
const BUILDER = { builder: "urn:example:builder", builderVersion: "1.2.3", parameters: { sbom: "cyclonedx" } };
const LOCK = formatPackLock(
  new Map([
    [
      "greentic-templates",
      { name: "greentic-templates", version: "0.4.2", packHash: "cd".repeat(32), source: "t.gtpack", dependencies: [] },
    ],
  ]),
);
const FILES = {
  ...TINY,
  "pack.lock": LOCK,
  "README.md": "notes",
  "tiny-1.0.0.gtpack": "old",
  "components/echo/src/echo.ts": "export {}",
};

interface Signed {
  readonly root: string;
  readonly built: BuiltPack;
  readonly bytes: Uint8Array;
  readonly signing: SigningKey;
  readonly trust: TrustPolicy;
  readonly envelope: string;
}

async function signed(): Promise<Signed> {
  const root = await sourceFolder(FILES);
  const built = await buildPack(root, { probeComponent: () => ({ abi: "none", world: "" }) });
  const { signing, publisher } = await keyPair();
  const { bytes } = await signPack(built.bytes, signing);
  const envelope = await makeProvenance(root, built, { key: signing, ...BUILDER });
  return { root, built, bytes, signing, envelope, trust: { ...trustKey(publisher), requireProvenance: true } };
}

/** The envelope again with another statement in it, signed as well as the key can. */
function rewritten(envelope: string, key: SigningKey, change: (statement: Statement) => void): Uint8Array {
  const { payload } = parseEnvelope(Buffer.from(envelope), STATEMENT_TYPE);
  const statement = JSON.parse(Buffer.from(payload).toString()) as Statement;
  change(statement);
  const unsigned = { payloadType: STATEMENT_TYPE, payload: Buffer.from(JSON.stringify(statement)) };
  return Buffer.from(formatEnvelope(signEnvelope(unsigned, key)));
}

interface Statement {
  _type: string;
  predicateType: string;
  subject: { name: string; digest: Record<string, string> }[];
  predicate: {
    buildDefinition: {
      buildType: string;
      externalParameters: JsonObject;
      resolvedDependencies: { name: string; uri?: string; digest: Record<string, string> }[];
    };
    runDetails: { builder: { id: string } };
  };
}

test("makeProvenance() says what went in: every file of the source, its commit and its packs", async () => {
  verifies("pack.provenance.made");
  const { root, built, signing, envelope } = await signed();
  const { payload } = parseEnvelope(Buffer.from(envelope), STATEMENT_TYPE);
  const statement = JSON.parse(Buffer.from(payload).toString()) as Statement;
  expect(statement).toMatchObject({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "tiny-1.2.3.gtpack", digest: { "gtpack-v1": built.packHash } }],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: { externalParameters: { source: "pack.toml", sbom: "cyclonedx" } },
      runDetails: { builder: { id: "urn:example:builder", version: { greentic: "1.2.3" } } },
    },
  });
  const materials = statement.predicate.buildDefinition.resolvedDependencies;
  expect(materials.map(({ name }) => name)).toEqual([
    "README.md",
    "assets/i18n/en.json",
    "assets/i18n/pt-BR.json",
    "assets/templates/hello.hbs",
    "components/echo.wasm",
    "components/echo/src/echo.ts",
    "flows/main.ygtc",
    "pack.lock",
    "pack.toml",
    "greentic-templates",
  ]);
  expect(materials.at(-1)).toEqual({
    name: "greentic-templates",
    uri: "pkg:generic/greentic-templates@0.4.2",
    digest: { "gtpack-v1": "cd".repeat(32) },
  });
  expect(await makeProvenance(root, built, { key: signing, ...BUILDER })).toBe(envelope);

  const git = (...args: readonly string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.test", ...args], { cwd: root, encoding: "utf8" });
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "first");
  git("remote", "add", "origin", "https://robot:hunter2@example.com/tiny.git");
  const again = await makeProvenance(root, built, { key: signing, ...BUILDER });
  const said = Buffer.from(parseEnvelope(Buffer.from(again), STATEMENT_TYPE).payload).toString();
  const [first] = (JSON.parse(said) as Statement).predicate.buildDefinition.resolvedDependencies;
  expect(first).toEqual({
    name: "git",
    uri: "git+https://example.com/tiny.git",
    digest: { gitCommit: git("rev-parse", "HEAD").trim() },
  });
  expect(said).not.toContain("hunter2");
});

test("verifyPack() believes the provenance of a trusted publisher about this pack", async () => {
  verifies("pack.provenance.verified");
  const { bytes, trust, envelope } = await signed();
  const report = await verifyPack(bytes, { trust, nowMs: NOW, provenance: [Buffer.from(envelope)] });
  expect(report).toMatchObject({ ok: true, provenance: { status: "valid", builder: "urn:example:builder" } });
  // What others put beside it takes nothing away.
  const junk = [Buffer.from("{}"), Buffer.from(envelope)];
  expect(await verifyPack(bytes, { trust, nowMs: NOW, provenance: junk })).toMatchObject({ ok: true });
  expect(await verifyPack(bytes, { trust: { ...trust, requireProvenance: false }, nowMs: NOW })).not.toHaveProperty(
    "provenance",
  );
});

test("verifyPack() refuses every statement that was tampered with, each under its own code", async () => {
  verifies("pack.provenance.tampered");
  const { bytes, trust, signing, envelope } = await signed();
  const other = await keyPair();
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ["PACK_PROVENANCE_MISSING", []],
    ["PACK_ENVELOPE_INVALID", [Buffer.from(envelope.replace("payload", "payloat"))]],
    ["PACK_PROVENANCE_FORGED", [forged(envelope)]],
    ["PACK_PROVENANCE_UNSIGNED", [Buffer.from(envelope.replace(/"signatures": \[[^\]]*\]/, '"signatures": []'))]],
    ["PACK_PROVENANCE_UNTRUSTED", [rewritten(envelope, other.signing, () => undefined)]],
    [
      "PACK_PROVENANCE_PREDICATE_UNKNOWN",
      [rewritten(envelope, signing, (s) => (s.predicateType = "https://slsa.dev/provenance/v0.2"))],
    ],
    ["PACK_PROVENANCE_INVALID", [rewritten(envelope, signing, (s) => (s._type = "https://in-toto.io/Statement/v0.1"))]],
    ["PACK_PROVENANCE_INVALID", [rewritten(envelope, signing, (s) => s.subject.push({ name: "x", digest: {} }))]],
    [
      "PACK_PROVENANCE_SUBJECT_MISMATCH",
      [rewritten(envelope, signing, (s) => (s.subject[0] = { name: "x", digest: { "gtpack-v1": "ab".repeat(32) } }))],
    ],
    ["PACK_PROVENANCE_MATERIAL_MISMATCH", [rewritten(envelope, signing, (s) => void dependencies(s).splice(4, 1))]],
    [
      "PACK_PROVENANCE_MATERIAL_MISMATCH",
      [rewritten(envelope, signing, (s) => Object.assign(dependencies(s)[4]?.digest ?? {}, { blake3: "00" }))],
    ],
    ["PACK_PROVENANCE_DEPENDENCY_MISMATCH", [rewritten(envelope, signing, (s) => void dependencies(s).pop())]],
  ];
  for (const [code, provenance] of cases) {
    const { ok, findings } = await verifyPack(bytes, { trust, nowMs: NOW, provenance });
    expect({ ok, codes: findings.map((finding) => finding.code) }, code).toEqual({ ok: false, codes: [code] });
    await expect(openPack(bytes, { trust, nowMs: NOW, provenance })).rejects.toMatchObject({ code });
  }
});

const dependencies = (statement: Statement): Statement["predicate"]["buildDefinition"]["resolvedDependencies"] =>
  statement.predicate.buildDefinition.resolvedDependencies;

/** Another statement under the signature of this one. */
function forged(envelope: string): Uint8Array {
  const parsed = parseEnvelope(Buffer.from(envelope), STATEMENT_TYPE);
  const payload = Buffer.from(
    Buffer.from(parsed.payload).toString().replace("urn:example:builder", "urn:example:evil"),
  );
  return Buffer.from(formatEnvelope({ ...parsed, payload }));
}

test("a pack's provenance is judged again by the trust of now", async () => {
  const { bytes, trust, signing, envelope } = await signed();
  const pack = await openPack(bytes, { trust, nowMs: NOW, provenance: [Buffer.from(envelope)] });
  const { publisher, signing: second } = await keyPair();
  const both = await signPack(bytes, second);
  const next = { ...trust, publishers: [...trust.publishers, { key: publisher }], revoked: new Set([signing.id]) };
  expect((await pack.judge({ trust, nowMs: NOW })).findings).toEqual([]);
  const bare = await openPack(bytes, { trust: { ...trust, requireProvenance: false }, nowMs: NOW });
  expect((await bare.judge({ trust, nowMs: NOW })).findings).toMatchObject([{ code: "PACK_PROVENANCE_MISSING" }]);
  const rotated = await openPack(both.bytes, {
    trust: { ...trust, publishers: next.publishers },
    nowMs: NOW,
    provenance: [Buffer.from(envelope)],
  });
  // The pack itself has a signature that still counts; what says how it was built hasn't.
  const errors = (await rotated.judge({ trust: next, nowMs: NOW })).findings.filter(
    ({ severity }) => severity === "error",
  );
  expect(errors.map(({ code }) => code)).toContain("PACK_SIGNER_REVOKED");
});

test("a statement that nobody asks for is believed or not, and what contradicts the pack refuses it still", async () => {
  const { built, bytes, signing, envelope, trust } = await signed();
  const lax = { ...TRUST_NOBODY, rejectUnsigned: false };
  const untrusted = await verifyPack(bytes, { trust: lax, nowMs: NOW, provenance: [Buffer.from(envelope)] });
  expect(untrusted).toMatchObject({ ok: true, provenance: { status: "untrusted" } });
  const other = await buildFiles({ ...FILES, "README.md": "other", "assets/templates/hello.hbs": "Bye\n" });
  expect(other.packHash).not.toBe(built.packHash);
  const signedOther = await signPack(other.bytes, signing);
  const mixed = { trust: { ...trust, requireProvenance: false }, nowMs: NOW, provenance: [Buffer.from(envelope)] };
  expect((await verifyPack(signedOther.bytes, mixed)).findings.map(({ code }) => code)).toEqual([
    "PACK_PROVENANCE_SUBJECT_MISMATCH",
    "PACK_PROVENANCE_MATERIAL_MISMATCH",
  ]);
});
