import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SecretUri } from "./secret-uri.ts";

const MAX_BYTES = 1 << 20;
const GONE = new Set(["ENOENT", "ENOTDIR"]);

/**
 * Reads secrets that are mounted as files, as Kubernetes and container runtimes do: `{dir}/{env}/{tenant}/{team}/{category}/{name}`, or in
 * one folder as `{env}.{tenant}.{team}.{category}.{name}`, where a mount can have no subfolders. Files are read anew each time, so
 * that a rotated secret counts at once. One line break at the end isn't the secret's. There are no versions.
 */
export class MountedSecretStore implements SecretStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws SECRETS_BACKEND_FAILED where a file is there and can't be read, SECRETS_VALUE_INVALID where it isn't text */
  async read({ env, tenant, team, category, name, version }: SecretUri): Promise<string | undefined> {
    if (version !== undefined) return undefined;
    const parts = [env, tenant, team, category, name];
    return (await this.#readFile(join(...parts))) ?? (await this.#readFile(parts.join(".")));
  }

  async #readFile(name: string): Promise<string | undefined> {
    let bytes: Buffer;
    try {
      bytes = await readFile(join(this.#dir, name));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (GONE.has(code)) return undefined;
      throw new GreenticError("SECRETS_BACKEND_FAILED", `Read mounted secret ${quote(name)}: ${quote(code)}`);
    }
    if (bytes.byteLength > MAX_BYTES)
      throw new GreenticError("SECRETS_VALUE_INVALID", `Read mounted secret ${quote(name)}: over ${MAX_BYTES} bytes`);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
    } catch {
      throw new GreenticError("SECRETS_VALUE_INVALID", `Read mounted secret ${quote(name)}: not UTF-8`);
    }
  }
}
