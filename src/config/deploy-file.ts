import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { SchemaObject } from "ajv";
import { envId, GreenticError, isGreenticError } from "../types/index.ts";
import type { EnvId, JsonObject, SourcePosition } from "../types/index.ts";
import { checkDocument } from "./check-document.ts";
import { readToml } from "./source-document.ts";

/** What `deploy.toml` says for every target, and each target's own table. */
export interface DeployFile {
  /** Absolute; undefined where there is no file and everything has its default. */
  readonly file?: string;
  /** What everything that belongs to this deployment is called: a DNS label. */
  readonly name?: string;
  readonly env: EnvId;
  /** The bundle, absolute. */
  readonly bundle: string;
  /** Where the image is, or goes: `registry/repository:tag` or `…@sha256:…`. */
  readonly image?: string;
  readonly publicBaseUrl?: string;
  readonly otlpEndpoint?: string;
  /** The table of a target, as it was checked; empty where the file has none. */
  table(target: string): JsonObject;
  /** Where a key of the file stands. */
  at(path: readonly string[]): SourcePosition | undefined;
}

/** A label of a domain name that leaves room for what is put behind it, and that may name a service: it begins with a letter. */
export const DEPLOY_NAME = "^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$";
/** A reference of an image as registries and clusters take it, without a scheme. */
const IMAGE =
  "^[a-z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$";

/** What may be said for every target. */
export const DEPLOY_PROPERTIES = {
  name: { type: "string", pattern: DEPLOY_NAME },
  env: { type: "string", minLength: 1 },
  bundle: { type: "string", minLength: 1 },
  image: { type: "string", pattern: IMAGE, maxLength: 512 },
  public_base_url: { type: "string", pattern: "^https://[^\\s/?#@]+(?:/[^\\s?#]*)?$" },
  otlp_endpoint: { type: "string", pattern: "^https?://[^\\s/?#@]+(?:/[^\\s?#]*)?$" },
} as const satisfies Record<string, SchemaObject>;

/**
 * Reads `deploy.toml` of a directory, or the file that is named.
 * @throws CONFIG_FILE_MISSING where a named file isn't there, CONFIG_SYNTAX_INVALID, CONFIG_KEY_UNKNOWN, CONFIG_VALUE_INVALID
 */
export function readDeployFile(
  dir: string,
  {
    file: named,
    targets,
  }: { readonly file?: string | undefined; readonly targets: Readonly<Record<string, SchemaObject>> },
): DeployFile {
  const file = resolve(dir, named ?? "deploy.toml");
  const isThere = existsSync(file);
  if (!isThere && named !== undefined)
    throw new GreenticError("CONFIG_FILE_MISSING", `Read deployment: no file ${file}`);
  const document = readToml(isThere ? readFileSync(file, "utf8") : "", file);
  checkDocument(document, schemaOf(targets));
  const root = document.value as JsonObject;
  const text = (key: string): string | undefined => root[key] as string | undefined;
  const at = (path: readonly string[]): SourcePosition | undefined => (isThere ? document.positionOf(path) : undefined);
  const [name, image, publicBaseUrl, otlpEndpoint] = ["name", "image", "public_base_url", "otlp_endpoint"].map(text);
  return {
    ...(isThere && { file }),
    ...(name !== undefined && { name }),
    env: readEnv(text("env") ?? "prod", at(["env"])),
    bundle: resolve(dirname(file), text("bundle") ?? "."),
    ...(image !== undefined && { image }),
    ...(publicBaseUrl !== undefined && { publicBaseUrl }),
    ...(otlpEndpoint !== undefined && { otlpEndpoint }),
    table: (target) => (root[target] ?? {}) as JsonObject,
    at,
  };
}

const schemas = new WeakMap<object, SchemaObject>();

function schemaOf(targets: Readonly<Record<string, SchemaObject>>): SchemaObject {
  const known = schemas.get(targets);
  if (known !== undefined) return known;
  const schema: SchemaObject = {
    type: "object",
    additionalProperties: false,
    properties: {
      ...DEPLOY_PROPERTIES,
      ...targets,
    },
  };
  schemas.set(targets, schema);
  return schema;
}

function readEnv(text: string, at: SourcePosition | undefined): EnvId {
  try {
    return envId(text);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    throw new GreenticError("CONFIG_VALUE_INVALID", `Read deployment: env: ${error.message}`, { at, cause: error });
  }
}
