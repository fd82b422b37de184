/** What an archive may cost to open; the caps hold while it is read, whatever its headers claim. */
export interface PackLimits {
  readonly maxEntries: number;
  readonly maxEntryBytes: number;
  /** Of the archive and of its entries together, each. */
  readonly maxTotalBytes: number;
  /** Inflated bytes for each deflated byte of an entry. */
  readonly maxRatio: number;
}

/** The caps of the format. */
export const PACK_LIMITS: PackLimits = {
  maxEntries: 4096,
  maxEntryBytes: 64 << 20,
  maxTotalBytes: 512 << 20,
  maxRatio: 200,
};

/** The cap of manifest.cbor; 4,096 entries with the longest paths take less than 5 MB. */
export const MAX_MANIFEST_BYTES = 8 << 20;
