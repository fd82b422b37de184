import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import { expect, test } from "vitest";
import { buildFiles, EMPTY_COMPONENT, TINY } from "./pack-fixture.ts";
import { readWasmMetadata } from "./wasm-metadata.ts";
import { readZip } from "./zip-read.ts";
import { verifies } from "../../test/verifies.ts";

const SPDX_SCHEMA = process.env["GREENTIC_SPDX_SCHEMA"];

/** CycloneDX's schemas, as its project's own library carries them. */
const LIBRARY = dirname(createRequire(import.meta.url).resolve("@cyclonedx/cyclonedx-library/package.json"));
const cyclone = (name: string): object =>
  JSON.parse(readFileSync(join(LIBRARY, `res/schema/${name}.SNAPSHOT.schema.json`), "utf8")) as object;

/** The formats that the schemas use, as strictly as these documents need them. */
const FORMATS = {
  "date-time": /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/,
  "idn-email": /^[^@\s]+@[^@\s]+$/,
  "iri-reference": /^\S*$/,
  uri: /^[a-z][a-z0-9+.-]*:\S*$/,
};

/** `others` stand under the names by which the library's copies refer to each other. */
function validator(main: object, others: readonly string[] = []): ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: FORMATS });
  for (const name of others) ajv.addSchema(cyclone(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  return ajv.compile(main);
}

const validators = {
  cyclonedx: () => validator(cyclone("bom-1.6"), ["spdx", "jsf-0.82"]),
  /** The SPDX project's `schemas/spdx-schema.json` of version 2.3; no package carries it. */
  spdx: () => validator(JSON.parse(readFileSync(SPDX_SCHEMA ?? "", "utf8")) as object),
};

const text = (value: string): Buffer => Buffer.concat([Uint8Array.of(Buffer.byteLength(value)), Buffer.from(value)]);
const leb = (value: number): Uint8Array =>
  value < 128 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, value >> 7);
const section = (id: number, content: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(id), leb(content.length), content]);
const custom = (name: string, content: Uint8Array): Buffer => section(0, Buffer.concat([text(name), content]));

const INTEGRITY = `sha512-${Buffer.alloc(64, 0xab).toString("base64")}`;

/** A component around a core module, each with what it says of itself. */
function component(): Uint8Array {
  const producers = Buffer.concat([
    Uint8Array.of(2),
    text("language"),
    Uint8Array.of(1),
    text("Rust"),
    text("2024"),
    text("processed-by"),
    Uint8Array.of(1),
    text("rustc"),
    text("1.90.0"),
  ]);
  const crates = {
    packages: [
      { name: "serde", version: "1.0.200", source: "crates.io" },
      { name: "cc", version: "1.1.0", source: "crates.io", kind: "build" },
      { name: "echo", version: "0.1.0", source: "local", root: true },
    ],
  };
  const core = Buffer.concat([
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
    custom("producers", producers),
    custom(".dep-v0", deflateSync(JSON.stringify(crates))),
  ]);
  const npm = [
    { name: "@acme/units", version: "2.1.0", license: "MIT", integrity: INTEGRITY },
    { name: "left", version: "1.0.0", license: "see LICENSE" },
  ];
  return Buffer.concat([
    EMPTY_COMPONENT,
    section(1, core),
    custom("licenses", Buffer.from("Apache-2.0 OR MIT")),
    custom("authors", Buffer.from("Ada")),
    custom("npm-packages", Buffer.from(JSON.stringify(npm))),
  ]);
}

const FILES = { ...TINY, "components/echo.wasm": component() };

async function sbomOf(format: "cyclonedx" | "spdx", files: typeof FILES): Promise<Record<string, unknown>> {
  const { bytes } = await buildFiles(files, {
    sbom: format,
    resolveDependency: async () => ({ version: "0.4.2", packHash: "cd".repeat(32) }),
  });
  const packed = readZip(bytes).find(({ path }) => path === "sbom.json")?.packed ?? new Uint8Array();
  return JSON.parse(Buffer.from(packed).toString()) as Record<string, unknown>;
}

test("readWasmMetadata() reads producers, licences, crates and npm packages at any depth, and survives damage", () => {
  const bytes = component();
  expect(readWasmMetadata(bytes)).toEqual({
    producers: [
      { field: "language", name: "Rust", version: "2024" },
      { field: "processed-by", name: "rustc", version: "1.90.0" },
    ],
    licenses: ["Apache-2.0 OR MIT"],
    authors: ["Ada"],
    packages: [
      { ecosystem: "cargo", name: "serde", version: "1.0.200" },
      { ecosystem: "npm", name: "@acme/units", version: "2.1.0", license: "MIT", sha512: "ab".repeat(64) },
      { ecosystem: "npm", name: "left", version: "1.0.0", license: "see LICENSE" },
    ],
  });
  for (let at = 0; at < bytes.length; at++) {
    const broken = Uint8Array.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 0xff;
    expect(() => readWasmMetadata(broken)).not.toThrow();
    expect(() => readWasmMetadata(bytes.subarray(0, at))).not.toThrow();
  }
});

async function checkAgainst(format: "cyclonedx" | "spdx"): Promise<void> {
  const validate = validators[format]();
  for (const files of [FILES, TINY as typeof FILES]) {
    validate(await sbomOf(format, files));
    expect(validate.errors).toBeNull();
  }
  // It would say so if it weren't.
  const broken = format === "spdx" ? { spdxVersion: "SPDX-2.3" } : { bomFormat: "CycloneDX", specVersion: 1 };
  expect(validate(broken)).toBe(false);
}

test("the CycloneDX SBOM is valid by the official schema", async () => {
  verifies("pack.sbom.schema");
  await checkAgainst("cyclonedx");
});

test.skipIf(SPDX_SCHEMA === undefined)(
  "the SPDX SBOM is valid by the official schema in GREENTIC_SPDX_SCHEMA",
  async () => {
    await checkAgainst("spdx");
  },
);

test("the SBOM lists what went into the components, and what made them", async () => {
  verifies("pack.sbom.embedded");
  const listed = await sbomOf("cyclonedx", FILES);
  const components = listed["components"] as readonly Record<string, unknown>[];
  expect(components.find(({ name }) => name === "components/echo.wasm")).toMatchObject({
    licenses: [{ expression: "Apache-2.0 OR MIT" }],
    authors: [{ name: "Ada" }],
    properties: [
      { name: "greentic:producer:language", value: "Rust 2024" },
      { name: "greentic:producer:processed-by", value: "rustc 1.90.0" },
    ],
  });
  const purls = ["pkg:cargo/serde@1.0.200", "pkg:npm/%40acme/units@2.1.0", "pkg:npm/left@1.0.0"];
  expect(components.flatMap(({ purl }) => (purl === undefined ? [] : [purl]))).toEqual([
    "pkg:generic/greentic-templates@0.4.2",
    ...purls,
  ]);
  expect(listed["dependencies"]).toContainEqual({ ref: "file:components/echo.wasm", dependsOn: purls });
  const spdx = await sbomOf("spdx", FILES);
  expect(spdx["packages"]).toContainEqual(
    expect.objectContaining({ name: "@acme/units", versionInfo: "2.1.0", licenseDeclared: "MIT" }),
  );
  expect(
    (spdx["relationships"] as readonly { readonly relationshipType: string }[]).filter(
      ({ relationshipType }) => relationshipType === "STATIC_LINK",
    ),
  ).toHaveLength(3);
});

test("the SBOM lists the npm packages of a lock beside a component that doesn't tell of any", async () => {
  verifies("pack.sbom.npm");
  const lock = {
    lockfileVersion: 3,
    packages: {
      "": { name: "echo", dependencies: { "@acme/units": "^2" } },
      "node_modules/@acme/units": { version: "2.1.0", license: "MIT", integrity: INTEGRITY },
      "node_modules/@acme/units/node_modules/left": { version: "1.0.0", license: "(MIT OR Apache-2.0)" },
      "node_modules/vitest": { version: "9.0.0", dev: true },
      "../elsewhere": { version: "1.0.0" },
    },
  };
  const withLock = (text: string): typeof FILES => {
    const files: Record<string, string | Uint8Array> = { ...TINY, "components/echo/package-lock.json": text };
    return files as typeof FILES;
  };
  const files = withLock(JSON.stringify(lock));
  const listed = await sbomOf("cyclonedx", files);
  expect(validators.cyclonedx()(listed)).toBe(true);
  const npm = (listed["components"] as readonly { readonly purl?: string }[]).filter(({ purl }) =>
    purl?.startsWith("pkg:npm/"),
  );
  expect(npm).toEqual([
    {
      type: "library",
      "bom-ref": "pkg:npm/%40acme/units@2.1.0",
      name: "@acme/units",
      version: "2.1.0",
      hashes: [{ alg: "SHA-512", content: "ab".repeat(64) }],
      licenses: [{ expression: "MIT" }],
      purl: "pkg:npm/%40acme/units@2.1.0",
    },
    {
      type: "library",
      "bom-ref": "pkg:npm/left@1.0.0",
      name: "left",
      version: "1.0.0",
      licenses: [{ expression: "(MIT OR Apache-2.0)" }],
      purl: "pkg:npm/left@1.0.0",
    },
  ]);
  const spdx = await sbomOf("spdx", files);
  expect(spdx["packages"]).toContainEqual(
    expect.objectContaining({
      name: "@acme/units",
      checksums: [{ algorithm: "SHA512", checksumValue: "ab".repeat(64) }],
      licenseDeclared: "MIT",
    }),
  );
  await expect(sbomOf("spdx", withLock("[]"))).rejects.toMatchObject({ code: "CONFIG_SYNTAX_INVALID" });
});
