/**
 * Provenance: an in-toto Statement v1 with the predicate SLSA provenance v1, in a DSSE envelope.
 *   subject                what was built: `NAME-VERSION.gtpack` by its pack hash, which signing doesn't change
 *   buildDefinition        the parameters, and what went in: files of the source, the git commit, the packs of pack.lock
 *   runDetails.builder     who built it
 * No time and no random id: the same build says the same.
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md https://slsa.dev/spec/v1.0/provenance
 */
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";

/** The type of the envelope's payload. */
export const STATEMENT_TYPE = "application/vnd.in-toto+json";
const STATEMENT = "https://in-toto.io/Statement/v1";
const PREDICATE = "https://slsa.dev/provenance/v1";
const BUILD_TYPE = "urn:greentic:pack-build:v1";
/** The name of the pack hash among digests; pack-format.md says how it is made. */
const PACK_DIGEST = "gtpack-v1";

/** A file, a commit or a pack that went into a build. */
export interface Material {
  /** Path in the source, or a pack's name. */
  readonly name: string;
  /** Where it was fetched from. */
  readonly uri?: string;
  /** Algorithm → lower-case hex. */
  readonly digest: Readonly<Record<string, string>>;
  /** What a reader should know of it. */
  readonly annotations?: JsonObject;
}

/** What provenance says of a pack. */
export interface Provenance {
  /** Of the file that was built. */
  readonly subject: { readonly name: string; readonly packHash: string };
  /** A URI. */
  readonly builder: string;
  readonly builderVersion: string;
  readonly parameters: JsonObject;
  readonly materials: readonly Material[];
}

/** The material that stands for one exact pack. */
export function packMaterial({
  name,
  version,
  packHash,
  uri,
}: {
  readonly name: string;
  readonly version: string;
  readonly packHash: string;
  readonly uri?: string;
}): Material {
  return {
    name,
    uri: uri ?? `pkg:generic/${name}@${encodeURIComponent(version)}`,
    digest: { [PACK_DIGEST]: packHash },
  };
}

/** The pack hash that a material states, where it stands for a pack. */
export function packHashOf({ digest }: Pick<Material, "digest">): string | undefined {
  return digest[PACK_DIGEST];
}

/** Writes a statement as JSON. */
export function formatStatement({ subject, builder, builderVersion, parameters, materials }: Provenance): string {
  return JSON.stringify({
    _type: STATEMENT,
    subject: [{ name: subject.name, digest: { [PACK_DIGEST]: subject.packHash } }],
    predicateType: PREDICATE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: parameters,
        resolvedDependencies: materials,
      },
      runDetails: { builder: { id: builder, version: { greentic: builderVersion } } },
    },
  });
}

const MAX_BYTES = 8 << 20;

/** Reads a statement about packs. @throws PACK_PROVENANCE_INVALID, PACK_PROVENANCE_PREDICATE_UNKNOWN */
export function parseStatement(payload: Uint8Array): Provenance {
  let value: JsonValue;
  try {
    value = parseJson(payload, { maxBytes: MAX_BYTES });
  } catch (error) {
    throw invalid("not JSON", error);
  }
  const root = object(value, "the statement");
  if (root["_type"] !== STATEMENT) throw invalid(`expected _type ${STATEMENT}`);
  const predicateType = text(root["predicateType"], "predicateType");
  if (predicateType !== PREDICATE)
    throw new GreenticError(
      "PACK_PROVENANCE_PREDICATE_UNKNOWN",
      `Read provenance: expected predicate ${PREDICATE}, got ${quote(predicateType)}`,
    );
  const [subject, ...others] = list(root["subject"], "subject").map((item, i) => material(item, `subject[${i}]`));
  if (subject === undefined || others.length > 0) throw invalid("expected one subject");
  const predicate = object(root["predicate"], "predicate");
  const definition = object(predicate["buildDefinition"], "buildDefinition");
  if (definition["buildType"] !== BUILD_TYPE) throw invalid(`expected buildType ${BUILD_TYPE}`);
  const builder = object(object(predicate["runDetails"], "runDetails")["builder"], "builder");
  const version = object(builder["version"] ?? {}, "builder.version")["greentic"];
  return {
    subject: { name: subject.name, packHash: packHashOf(subject) ?? "" },
    builder: text(builder["id"], "builder.id"),
    builderVersion: version === undefined ? "" : text(version, "builder.version.greentic"),
    parameters: object(definition["externalParameters"], "externalParameters"),
    materials: list(definition["resolvedDependencies"], "resolvedDependencies").map((item, i) =>
      material(item, `resolvedDependencies[${i}]`),
    ),
  };
}

function material(value: JsonValue, where: string): Material {
  const { name, uri, digest, annotations } = object(value, where);
  return {
    name: text(name, `${where}.name`),
    digest: Object.fromEntries(
      Object.entries(object(digest, `${where}.digest`)).map(([key, hex]) => [key, text(hex, `${where}.digest.${key}`)]),
    ),
    ...(uri !== undefined && { uri: text(uri, `${where}.uri`) }),
    ...(annotations !== undefined && { annotations: object(annotations, `${where}.annotations`) }),
  };
}

function object(value: JsonValue | undefined, where: string): JsonObject {
  if (!isJsonObject(value)) throw invalid(`expected an object at ${where}`);
  return value;
}

function list(value: JsonValue | undefined, where: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw invalid(`expected a list at ${where}`);
  return value as readonly JsonValue[];
}

function text(value: JsonValue | undefined, where: string): string {
  if (typeof value !== "string") throw invalid(`expected text at ${where}`);
  return value;
}

function invalid(state: string, cause?: unknown): GreenticError {
  return new GreenticError("PACK_PROVENANCE_INVALID", `Read provenance: ${state}`, { cause });
}
