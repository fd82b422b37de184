import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** What a registry, or its token server, takes for a person. */
export type Credential =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string };

/** Finds the credential of a registry; asked once a registry wants one. */
export type CredentialSource = (registry: string) => Promise<Credential | undefined>;

/** Where Docker keeps its credentials, and with which environment its helpers run. */
export interface DockerCredentialOptions {
  /** `config.json`; absent files mean no credentials. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const HELPER_TIMEOUT_MS = 30_000;
const MAX_HELPER_BYTES = 64 << 10;

/**
 * Reads credentials as Docker keeps them: `credHelpers` of the registry, then `credsStore`, then `auths`.
 * @throws OCI_CREDENTIALS_INVALID, which never quotes what is in the file
 */
export function dockerCredentials(options: DockerCredentialOptions): CredentialSource {
  return async (registry) => {
    const config = await readConfig(options.file);
    const helpers = config["credHelpers"];
    const helper = (isJsonObject(helpers) ? entryOf(helpers, registry) : undefined) ?? config["credsStore"];
    if (helper !== undefined && helper !== "") {
      const found = await askHelper(helper, registry, options);
      if (found !== undefined) return found;
    }
    const auths = config["auths"];
    const entry = isJsonObject(auths) ? entryOf(auths, registry) : undefined;
    return entry === undefined ? undefined : readEntry(entry, options.file);
  };
}

async function readConfig(file: string): Promise<JsonObject> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw invalid(`Read ${quote(file)}: not readable`, error);
  }
  try {
    const value = parseJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw invalid(`Read ${quote(file)}: not JSON`, error);
  }
  throw invalid(`Read ${quote(file)}: expected an object`);
}

/** Docker writes hosts, and for its own registry and from old versions URLs. */
function entryOf(table: JsonObject, registry: string): JsonValue | undefined {
  const names = registry === "docker.io" ? ["docker.io", "index.docker.io"] : [registry];
  return Object.entries(table).find(([key]) => names.includes(hostOf(key)))?.[1];
}

const hostOf = (key: string): string =>
  key
    .replace(/^https?:\/\//, "")
    .replace(/\/(?:v[12]\/?)?$/, "")
    .toLowerCase();

function readEntry(entry: JsonValue, file: string): Credential | undefined {
  if (!isJsonObject(entry)) throw invalid(`Read ${quote(file)}: expected objects in auths`);
  const { auth, username, password, identitytoken } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") return { kind: "identity", token: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 1) throw invalid(`Read ${quote(file)}: an auth isn't base64 of user:password`);
    return { kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
  }
  if (typeof username === "string" && typeof password === "string")
    return { kind: "password", user: username, password };
  // Where a store keeps the secrets, Docker leaves empty entries.
  return undefined;
}

async function askHelper(
  helper: JsonValue,
  registry: string,
  { file, environment }: DockerCredentialOptions,
): Promise<Credential | undefined> {
  // The name becomes part of a program's name: nothing in it may lead to another folder.
  if (typeof helper !== "string" || !HELPER.test(helper))
    throw invalid(`Read ${quote(file)}: expected the name of a credential helper`);
  const program = `docker-credential-${helper}`;
  const server = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  const { code, stdout } = await runHelper(program, server, environment);
  if (code !== 0) {
    if (/credentials not found/i.test(stdout)) return undefined;
    throw invalid(`Ask ${program} for ${quote(registry)}: it ended with code ${code}`);
  }
  let value: JsonValue;
  try {
    value = parseJson(stdout);
  } catch {
    throw invalid(`Ask ${program} for ${quote(registry)}: its answer isn't JSON`);
  }
  const { Username, Secret } = isJsonObject(value) ? value : {};
  if (typeof Username !== "string" || typeof Secret !== "string")
    throw invalid(`Ask ${program} for ${quote(registry)}: its answer has no Username and Secret`);
  if (Username === "<token>") return { kind: "identity", token: Secret };
  return { kind: "password", user: Username, password: Secret };
}

function runHelper(
  program: string,
  input: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  return new Promise((done, fail) => {
    const child = spawn(program, ["get"], {
      env: environment,
      stdio: ["pipe", "pipe", "ignore"],
      timeout: HELPER_TIMEOUT_MS,
    });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.length > MAX_HELPER_BYTES) child.kill();
    });
    child.on("error", (error) => fail(invalid(`Run ${program}: it can't be started`, error)));
    child.on("close", (code) => done({ code, stdout }));
    // A helper that ended before it read has nothing to hear.
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${input}\n`);
  });
}

function invalid(message: string, cause?: unknown): GreenticError {
  return new GreenticError("OCI_CREDENTIALS_INVALID", message, { cause });
}
