import type { Config } from "../config/index.ts";
import { loadTrust } from "../pack/index.ts";
import type { TrustPolicy } from "../pack/index.ts";

/** Loads the keys that the configuration trusts. @throws PACK_KEY_INVALID, PACK_KEY_WEAK, PACK_FILE_UNREADABLE */
export function trustOf(config: Config): Promise<TrustPolicy> {
  const { trustedPublishers, revoked, threshold, rejectUnsigned } = config.security;
  return loadTrust(
    {
      trusted_publishers: trustedPublishers.map(({ keyFile, names, notAfter }) => ({
        key: keyFile,
        ...(names.length > 0 && { names }),
        ...(notAfter !== undefined && { not_after: notAfter }),
      })),
      revoked,
      threshold,
      reject_unsigned: rejectUnsigned,
    },
    { baseDir: "/" },
  );
}
