import { hkdfSync, randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { GreenticError, quote } from "../types/index.ts";

const KEY_BYTES = 32;

/**
 * Gives the host's key of a name, `webchat.key`: made of what all hosts have where that is configured, as a file or in the environment,
 * else read from the data directory, or made there for its owner alone.
 * @throws CONFIG_VALUE_INVALID where what is configured is absent or too short
 */
export function hostKey(config: Config, name: string): Uint8Array {
  const shared = sharedKey(config);
  return shared === undefined
    ? keyFile(config.dataDir, name)
    : new Uint8Array(hkdfSync("sha256", shared, "", name, KEY_BYTES));
}

function sharedKey({ tokenKeyFile, tokenKey }: Config): Uint8Array | undefined {
  if (tokenKeyFile === undefined && tokenKey === undefined) return undefined;
  const isFile = tokenKeyFile !== undefined;
  const key = !isFile ? Buffer.from(tokenKey ?? "") : existsSync(tokenKeyFile) ? readFileSync(tokenKeyFile) : undefined;
  if (key === undefined || key.byteLength < KEY_BYTES)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      isFile
        ? `Read server.token_key_file: expected a file of at least ${KEY_BYTES} bytes at ${quote(tokenKeyFile)}, got ${key?.byteLength ?? "none"}`
        : `Read GREENTIC_TOKEN_KEY: expected at least ${KEY_BYTES} bytes, got ${key?.byteLength ?? 0}`,
    );
  return key;
}

function keyFile(dataDir: string, name: string): Uint8Array {
  const file = join(dataDir, name);
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // Processes that share the directory may start at once: a key is whole before it has its name, and the first one stays.
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, randomBytes(KEY_BYTES), { mode: 0o600 });
    try {
      linkSync(draft, file);
    } catch (error) {
      if (!existsSync(file)) throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return readFileSync(file);
}
