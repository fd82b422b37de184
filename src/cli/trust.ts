import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig } from "../config/index.ts";
import type { Config, Environment } from "../config/index.ts";
import { combineTrust, loadPublicKey, loadTrust, readTrustFile, TrustVersions } from "../pack/index.ts";
import type { TrustPolicy } from "../pack/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { readRevocations, withRevocations } from "./admin/revocations.ts";

/**
 * Loads the keys that the configuration trusts, and what the trust file says, without what was revoked by the admin API.
 * @throws PACK_KEY_INVALID, PACK_KEY_WEAK, PACK_FILE_UNREADABLE, PACK_TRUST_…, ADMIN_REVOCATIONS_INVALID
 */
export async function trustOf(config: Config, nowMs = Date.now()): Promise<TrustPolicy> {
  return withRevocations(await configuredTrust(config, nowMs), await readRevocations(config));
}

async function configuredTrust(config: Config, nowMs: number): Promise<TrustPolicy> {
  const { trustedPublishers, revoked, threshold, rejectUnsigned, requireProvenance, trustFile } = config.security;
  const local = await loadTrust(
    {
      trusted_publishers: trustedPublishers.map(({ keyFile, names, publisher, notBefore, notAfter }) => ({
        key: keyFile,
        ...(names.length > 0 && { names }),
        ...(publisher !== undefined && { publisher }),
        ...(notBefore !== undefined && { not_before: notBefore }),
        ...(notAfter !== undefined && { not_after: notAfter }),
      })),
      revoked,
      threshold,
      reject_unsigned: rejectUnsigned,
      require_provenance: requireProvenance,
    },
    { baseDir: "/" },
  );
  if (trustFile === undefined) return local;
  const bytes = await readFile(trustFile.file).catch((error: unknown) => {
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read trust file ${quote(trustFile.file)}: can't be read`, {
      cause: error,
    });
  });
  const signed = await readTrustFile(bytes, { roots: [await loadPublicKey(trustFile.root)], nowMs });
  const memory = join(config.dataDir, "trust-version.json");
  await mkdir(dirname(memory), { recursive: true, mode: 0o700 });
  await new TrustVersions(memory).admit(signed);
  return combineTrust(local, signed);
}

/** Reads whom to trust anew, as a running host must: its file may have changed since the configuration was read. */
export function reloadTrust(
  config: Config,
  { environment, nowMs }: { readonly environment: Environment; readonly nowMs: number },
): Promise<TrustPolicy> {
  const { file } = config;
  if (file === undefined) return trustOf(config, nowMs);
  const { security } = loadConfig({ cwd: dirname(file), environment, flags: { config: file } });
  return trustOf({ ...config, security }, nowMs);
}
