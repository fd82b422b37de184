/**
 * sbom.json in two shapes: CycloneDX 1.6 (default) and SPDX 2.3. Both list every file of the pack but manifest.cbor,
 * signature.sig and themselves, with BLAKE3 and SHA-256, and the dependencies. No time and no random id: the same pack has
 * the same SBOM.
 * @see https://cyclonedx.org/docs/1.6/json/ https://spdx.github.io/spdx-spec/v2.3/
 */
import type { DependencyEntry } from "./manifest.ts";
import type { EmbeddedPackage, WasmMetadata } from "./wasm-metadata.ts";

export type SbomFormat = "cyclonedx" | "spdx";

/** A file as SBOMs list it. */
export interface SbomFile {
  readonly path: string;
  /** BLAKE3, lower-case hex; packs are known by it, other files needn't have it. */
  readonly hash?: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Lower-case hex; SPDX 2.3 demands it of every file. */
  readonly sha1: string;
  readonly mediaType: string;
  /** What a component says of itself. */
  readonly metadata?: WasmMetadata | undefined;
}

/** What an SBOM is about. */
export interface SbomSubject {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly authors: readonly string[];
  /** In path order. */
  readonly files: readonly SbomFile[];
  readonly dependencies: ReadonlyMap<string, DependencyEntry>;
  /** 32 bytes that stand for the content, lower-case hex; the document's id is made from it. */
  readonly contentHash: string;
}

/** Writes an SBOM as JSON text with a line break at the end. */
export function writeSbom(subject: SbomSubject, format: SbomFormat): string {
  const document = format === "spdx" ? spdx(subject) : cycloneDx(subject);
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const purl = (name: string, version: string | undefined): string =>
  `pkg:generic/${name}${version === undefined ? "" : `@${encodeURIComponent(version)}`}`;

function cycloneDx(subject: SbomSubject): object {
  const rootRef = purl(subject.name, subject.version);
  const files = subject.files.map((file) => ({
    type: file.mediaType === "application/wasm" ? "library" : "file",
    "bom-ref": `file:${file.path}`,
    name: file.path,
    "mime-type": file.mediaType,
    hashes: [
      { alg: "SHA-256", content: file.sha256 },
      ...(file.hash === undefined ? [] : [{ alg: "BLAKE3", content: file.hash }]),
    ],
    ...cycloneDxMetadata(file.metadata),
  }));
  const embedded = embeddedIn(subject).map((item) => ({
    type: "library",
    "bom-ref": packagePurl(item),
    name: item.name,
    version: item.version,
    ...(item.sha512 === undefined ? {} : { hashes: [{ alg: "SHA-512", content: item.sha512 }] }),
    ...(item.license === undefined ? {} : { licenses: [cycloneDxLicense(item.license)] }),
    purl: packagePurl(item),
  }));
  const packs = [...subject.dependencies].map(([name, { req, resolved }]) => ({
    type: "application",
    "bom-ref": `pack:${name}`,
    name,
    ...(resolved === undefined
      ? {}
      : { version: resolved.version, hashes: [{ alg: "BLAKE3", content: resolved.packHash }] }),
    purl: purl(name, resolved?.version),
    properties: [{ name: "greentic:requirement", value: req }],
  }));
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(subject.contentHash)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: "application", name: "greentic-pack" }] },
      ...(subject.authors.length === 0 ? {} : { authors: subject.authors.map(cycloneDxContact) }),
      component: {
        type: "application",
        "bom-ref": rootRef,
        name: subject.name,
        version: subject.version,
        ...(subject.description === "" ? {} : { description: subject.description }),
        purl: rootRef,
      },
    },
    components: [...files, ...packs, ...embedded],
    dependencies: [
      { ref: rootRef, dependsOn: [...files, ...packs].map((component) => component["bom-ref"]) },
      ...subject.files.map(({ path, metadata }) => {
        const dependsOn = metadata?.packages.map(packagePurl) ?? [];
        return { ref: `file:${path}`, ...(dependsOn.length === 0 ? {} : { dependsOn }) };
      }),
      ...[...packs, ...embedded].map((component) => ({ ref: component["bom-ref"] })),
    ],
  };
}

function cycloneDxMetadata(metadata: WasmMetadata | undefined): object {
  if (metadata === undefined) return {};
  const { producers, licenses, authors } = metadata;
  const properties = producers.map(({ field, name, version }) => ({
    name: `greentic:producer:${field}`,
    value: `${name} ${version}`.trim(),
  }));
  return {
    ...(authors.length === 0 ? {} : { authors: authors.map((name) => ({ name })) }),
    ...(licenses.length === 0 ? {} : { licenses: cycloneDxLicenses(licenses) }),
    ...(properties.length === 0 ? {} : { properties }),
  };
}

/** One expression, or names: the format allows no mixture. */
function cycloneDxLicenses(licenses: readonly string[]): readonly object[] {
  const [only] = licenses;
  if (only !== undefined && licenses.length === 1) return [cycloneDxLicense(only)];
  return licenses.map((name) => ({ license: { name } }));
}

function cycloneDxLicense(license: string): object {
  return isExpression(license) ? { expression: license } : { license: { name: license } };
}

/** Tells whether a text has the form of an SPDX expression. */
function isExpression(text: string): boolean {
  return text
    .replaceAll(/[()]/g, " ")
    .trim()
    .split(/ +(?:AND|OR|WITH) +/)
    .every((id) => /^[A-Za-z0-9][A-Za-z0-9.+-]*$/.test(id));
}

/** The packages of all components, each once, in the order of their names. */
function embeddedIn({ files }: SbomSubject): readonly EmbeddedPackage[] {
  const all = new Map(
    files.flatMap(({ metadata }) => metadata?.packages ?? []).map((item) => [packagePurl(item), item]),
  );
  return [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function packagePurl({ ecosystem, name, version }: EmbeddedPackage): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return `pkg:${ecosystem}/${path}@${encodeURIComponent(version)}`;
}

/** Takes "Name <mail>" apart. */
function cycloneDxContact(author: string): object {
  const [, name = author, email] = /^([^<]*?)\s*<([^<>\s]+@[^<>\s]+)>$/.exec(author) ?? [];
  return { ...(name === "" ? {} : { name }), ...(email === undefined ? {} : { email }) };
}

/** Makes a UUID of version 8 (RFC 9562: vendor-defined content) from a hash. */
function uuidOf(hash: string): string {
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

function spdx(subject: SbomSubject): object {
  const rootId = "SPDXRef-Package";
  const files = subject.files.map((file, i) => ({
    SPDXID: `SPDXRef-File-${i + 1}`,
    fileName: `./${file.path}`,
    fileTypes: [file.mediaType === "application/wasm" ? "BINARY" : "OTHER"],
    checksums: [
      { algorithm: "SHA1", checksumValue: file.sha1 },
      { algorithm: "SHA256", checksumValue: file.sha256 },
      { algorithm: "BLAKE3", checksumValue: file.hash },
    ],
    licenseConcluded: "NOASSERTION",
    copyrightText: "NOASSERTION",
    ...spdxMetadata(file.metadata),
  }));
  const embedded = embeddedIn(subject);
  const embeddedId = new Map(embedded.map((item, i) => [packagePurl(item), `SPDXRef-Embedded-${i + 1}`]));
  const packs = [...subject.dependencies].map(([name, { req, resolved }]) => ({
    SPDXID: `SPDXRef-Pack-${name}`,
    name,
    ...(resolved === undefined
      ? {}
      : { versionInfo: resolved.version, checksums: [{ algorithm: "BLAKE3", checksumValue: resolved.packHash }] }),
    comment: `requirement ${req}`,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
  }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${subject.name}-${subject.version}`,
    documentNamespace: `urn:uuid:${uuidOf(subject.contentHash)}`,
    creationInfo: { created: "1980-01-01T00:00:00Z", creators: ["Tool: greentic-pack"] },
    packages: [
      {
        SPDXID: rootId,
        name: subject.name,
        versionInfo: subject.version,
        ...(subject.description === "" ? {} : { description: subject.description }),
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
      },
      ...packs,
      ...embedded.map((item) => ({
        SPDXID: embeddedId.get(packagePurl(item)),
        name: item.name,
        versionInfo: item.version,
        ...(item.sha512 === undefined ? {} : { checksums: [{ algorithm: "SHA512", checksumValue: item.sha512 }] }),
        ...(item.license !== undefined && isExpression(item.license) ? { licenseDeclared: item.license } : {}),
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        externalRefs: [
          { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: packagePurl(item) },
        ],
      })),
    ],
    files,
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: rootId },
      ...files.map((file) => ({
        spdxElementId: rootId,
        relationshipType: "CONTAINS",
        relatedSpdxElement: file.SPDXID,
      })),
      ...packs.map((pack) => ({
        spdxElementId: rootId,
        relationshipType: "DEPENDS_ON",
        relatedSpdxElement: pack.SPDXID,
      })),
      ...subject.files.flatMap(({ metadata }, i) =>
        (metadata?.packages ?? []).map((item) => ({
          spdxElementId: files[i]?.SPDXID,
          relationshipType: "STATIC_LINK",
          relatedSpdxElement: embeddedId.get(packagePurl(item)),
        })),
      ),
    ],
  };
}

function spdxMetadata(metadata: WasmMetadata | undefined): object {
  if (metadata === undefined) return {};
  const { producers, licenses, authors } = metadata;
  const expressions = licenses.filter(isExpression);
  const made = producers.map(({ field, name, version }) => `${field} ${name} ${version}`.trim()).join("; ");
  return {
    ...(authors.length === 0 ? {} : { fileContributors: authors }),
    ...(expressions.length === 0 ? {} : { licenseInfoInFiles: expressions }),
    ...(made === "" ? {} : { comment: `producers: ${made}` }),
  };
}
