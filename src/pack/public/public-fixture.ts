/** Small packs in the forms of the public tools, written with our own encoders. */
import { createHash, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { encodeCborJson } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { loadBlake3 } from "../blake3.ts";
import { comparePaths } from "../entry-path.ts";
import { EMPTY_COMPONENT } from "../pack-fixture.ts";
import { rawPublicKey } from "../public-key.ts";
import { writeZip } from "../zip-write.ts";

/** The entries of a pack by path. */
export type Files = Readonly<Record<string, Uint8Array>>;

export const json = (value: JsonValue): Uint8Array => Buffer.from(JSON.stringify(value));
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const COMPONENT_MANIFEST = encodeCborJson({ id: "acme.echo" });

/** The manifest of a pack with a flow of two nodes and an empty one; ids as `ids` has them. */
export function packV1Manifest(ids: "symbols" | "texts", more: JsonObject = {}): JsonObject {
  const isIndexed = ids === "symbols";
  const id = (index: number, text: string): JsonValue => (isIndexed ? index : text);
  const nodes: readonly JsonObject[] = [
    {
      id: id(0, "ask"),
      component: { id: id(1, "emit.response"), operation: null },
      input: { mapping: { text: "hello" } },
      output: { mapping: {} },
      routing: { Next: { node_id: id(1, "tell") } },
    },
    {
      id: id(1, "tell"),
      component: { id: id(1, "emit.response"), operation: null },
      input: { mapping: { text: "bye" } },
      output: { mapping: {} },
      routing: { Branch: { on_status: { error: id(0, "ask") }, default: id(1, "tell") } },
    },
  ];
  const flow = {
    schema_version: "flow-v1",
    id: "main",
    kind: "messaging",
    entrypoints: { default: isIndexed ? 0 : "ask" },
    nodes: isIndexed
      ? nodes
      : Object.fromEntries(nodes.map(({ id: name, ...node }) => [typeof name === "string" ? name : "", node])),
    metadata: { tags: [], extra: {} },
  };
  const empty = { ...flow, id: "later", entrypoints: {}, nodes: [] };
  return {
    schema_version: "pack-v1",
    pack_id: id(0, "acme.demo"),
    version: "1.2.3",
    kind: "application",
    publisher: "Acme",
    ...(isIndexed && {
      symbols: {
        component_ids: ["acme.echo", "emit.response"],
        node_ids: ["ask", "tell"],
        capability_names: ["host:state:read"],
        pack_ids: ["acme.demo"],
      },
    }),
    components: [
      {
        id: id(0, "acme.echo"),
        version: "0.1.0",
        world: "greentic:component/component@0.6.0",
        capabilities: { wasi: {}, host: { http: { client: true }, secrets: { required: [{ key: "TOKEN" }] } } },
        operations: [{ name: "run" }],
      },
    ],
    flows: [
      { id: "main", kind: "messaging", flow, tags: ["default"], entrypoints: ["default"] },
      { id: "later", kind: "messaging", flow: empty, tags: [], entrypoints: [] },
    ],
    dependencies: [{ alias: "self", pack_id: id(0, "acme.demo"), version_req: "^1" }],
    capabilities: [{ name: id(0, "host:state:read") }],
    secret_requirements: [{ key: "TOKEN", required: true }],
    signatures: { signatures: [] },
    extensions: {
      "greentic.pack.component_manifests@v1": {
        inline: {
          entries: [
            {
              component_id: "acme.echo",
              manifest_file: "components/acme.echo.manifest.cbor",
              content_hash: sha256(COMPONENT_MANIFEST),
            },
          ],
        },
      },
    },
    ...more,
  };
}

/** A 2026 pack with SBOM and lock. */
export async function packV1(ids: "symbols" | "texts", more: JsonObject = {}): Promise<Files> {
  return withSbom({
    "manifest.cbor": encodeCborJson(packV1Manifest(ids, more)),
    "components/acme.echo.wasm": EMPTY_COMPONENT,
    "components/acme.echo.manifest.cbor": COMPONENT_MANIFEST,
    "assets/cards/a.json": json({ first: true }),
    "assets/assets/cards/a.json": json({ first: false }),
    "assets/assets/cards/b.json": json({ doubled: true }),
    "schemas/config.json": json({}),
    "pack.lock.cbor": encodeCborJson({
      version: 1,
      components: {
        "acme.echo": { component_id: "acme.echo", resolved_digest: sha256(EMPTY_COMPONENT), role: "unknown" },
        "emit.response": { resolved_digest: `sha256:${"1".repeat(64)}`, role: "builtin" },
      },
    }),
  });
}

/** A pack of 2025: flows as files, hashes in a JSON SBOM. */
export async function packG1(more: Files = {}): Promise<Files> {
  const flows = {
    "flows/main/flow.json": json({
      id: "main",
      flow_type: "messaging",
      start: "say",
      parameters: {},
      nodes: { say: { component: "emit.response", payload_expr: { text: "hi" }, routes: [{ out: true }] } },
    }),
    "flows/main/flow.ygtc": Buffer.from("id: main\n"),
    "flows/idle/flow.json": json({ entry: "start", id: "idle", kind: "flow/v1", nodes: [] }),
  };
  const manifest = {
    meta: {
      packVersion: 1,
      pack_id: "acme.old",
      version: "0.1.0",
      name: "Old",
      authors: ["Ada"],
      entry_flows: ["main"],
    },
    flows: ["main", "idle"].map((id) => ({
      id,
      kind: "flow/v1",
      entry: "start",
      file_yaml: `flows/${id}/flow.ygtc`,
      file_json: `flows/${id}/flow.json`,
    })),
    components: [{ name: "echo", version: "0.1.0", file_wasm: "components/echo@0.1.0/component.wasm" }],
  };
  return withSbom(
    {
      "manifest.cbor": encodeCborJson(manifest),
      "manifest.json": json(manifest),
      "components/echo@0.1.0/component.wasm": Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      ...flows,
      ...more,
    },
    "sbom.json",
  );
}

/** Adds the SBOM of what is there. */
export async function withSbom(files: Files, path: "sbom.cbor" | "sbom.json" = "sbom.cbor"): Promise<Files> {
  const blake3 = await loadBlake3();
  const listed = Object.entries(files)
    .filter(([name]) => name !== path && !name.startsWith("signatures/"))
    .map(([name, bytes]) => ({
      path: name,
      size: bytes.length,
      media_type: "application/octet-stream",
      hash_blake3: blake3(bytes).toHex(),
    }));
  const document = { format: "greentic-sbom-v1", files: listed };
  return { ...files, [path]: path === "sbom.cbor" ? encodeCborJson(document) : json(document) };
}

/** Signs a pack as the tools of 2025 do. */
export async function signG1(files: Files, key: KeyObject): Promise<Files> {
  const blake3 = await loadBlake3();
  const sbom = files["sbom.json"] ?? new Uint8Array();
  const { files: listed } = JSON.parse(Buffer.from(sbom).toString()) as {
    readonly files: readonly { readonly path: string; readonly hash_blake3: string }[];
  };
  const lines = listed
    .toSorted((a, b) => comparePaths(a.path, b.path))
    .map(({ path, hash_blake3: hash }) => Buffer.from(`${path}\n${hash}`));
  const digest = blake3(files["manifest.cbor"] ?? new Uint8Array(), sbom, ...lines);
  return {
    ...files,
    "signatures/pack.sig": json({
      alg: "ed25519",
      sig: sign(null, digest, key).toString("base64url"),
      digest: digest.toHex(),
      signed_at_utc: "2026-01-01T00:00:00Z",
      key_fingerprint: blake3(rawPublicKey(key)).toHex(),
    }),
    "signatures/chain.pem": Buffer.from(selfSigned(key)),
  };
}

export function zipOf(files: Files): Buffer<ArrayBuffer> {
  return Buffer.from(writeZip(Object.entries(files).map(([path, bytes]) => ({ path, bytes }))));
}

/** A ustar archive. */
export function tarOf(files: Files): Buffer<ArrayBuffer> {
  const blocks = Object.entries(files).flatMap(([path, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write("0", 156);
    header.write("ustar\u000000", 257);
    return [fixChecksum(header), Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Writes the checksum that a changed tar header needs. */
export function fixChecksum(header: Buffer): Buffer {
  header.write("        ", 148);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** A certificate of an Ed25519 key by itself, X.509 v1 (RFC 5280) in DER, as PEM. */
function selfSigned(key: KeyObject): string {
  const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    const size =
      body.length < 128
        ? [body.length]
        : body.length < 256
          ? [0x81, body.length]
          : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Uint8Array.of(tag, ...size), body]);
  };
  const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
  const bits = (bytes: Uint8Array): Buffer => der(0x03, Uint8Array.of(0), bytes);
  const ed25519 = sequence(Buffer.from("06032b6570", "hex"));
  const name = sequence(der(0x31, sequence(Buffer.from("0603550403", "hex"), der(0x0c, Buffer.from("test")))));
  const time = (text: string): Buffer => der(0x17, Buffer.from(text));
  const tbs = sequence(
    der(0x02, Uint8Array.of(1)),
    ed25519,
    name,
    sequence(time("260101000000Z"), time("460101000000Z")),
    name,
    sequence(ed25519, bits(rawPublicKey(key))),
  );
  const certificate = sequence(tbs, ed25519, bits(sign(null, tbs, key)));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
