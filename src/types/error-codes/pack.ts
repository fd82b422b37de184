import type { ErrorTable } from "../error-kind.ts";

const REBUILD =
  "Build the pack again with `gtc pack build`, or fetch it again: it isn't an archive of the strict profile.";
const TAMPERED = "The archive isn't what its publisher built: fetch it again from the publisher, don't repair it.";

/** Codes of the pack layer. */
export const packErrors = {
  PACK_ZIP_END_MISSING: {
    kind: "invalid_input",
    help: "The file is not a whole zip archive: it was cut, or it is something else.",
  },
  PACK_ZIP_TRAILING: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_COMMENT: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_MULTIDISK: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_ZIP64: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_PREFIX: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_GAP: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_OVERLAP: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_HEADER_INVALID: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_HEADER_MISMATCH: { kind: "invalid_input", help: TAMPERED },
  PACK_ZIP_METHOD_UNSUPPORTED: { kind: "invalid_input", help: "Entries are stored or deflated, nothing else." },
  PACK_ZIP_ENCRYPTED: { kind: "invalid_input", help: "Packs are signed, never encrypted." },
  PACK_ZIP_DESCRIPTOR: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_FLAG_UNSUPPORTED: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_EXTRA_FIELD: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_TIME_INVALID: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_ORDER_INVALID: { kind: "invalid_input", help: REBUILD },
  PACK_ZIP_NAME_INVALID: {
    kind: "invalid_input",
    help: "Entries have relative paths of letters, digits, `.`, `_`, `-` and `/`, without empty, `.` or `..` segments.",
  },
  PACK_ZIP_NAME_DUPLICATE: {
    kind: "invalid_input",
    help: "No two entries may have the same name, upper and lower case taken as equal.",
  },
  PACK_ZIP_FILE_IRREGULAR: { kind: "invalid_input", help: "Packs hold regular files only, of mode 0644." },
  PACK_ZIP_TOO_MANY_ENTRIES: { kind: "invalid_input", help: "A pack holds at most 4,096 entries." },
  PACK_ZIP_ENTRY_TOO_LARGE: { kind: "invalid_input", help: "An entry is at most 64 MiB." },
  PACK_ZIP_TOO_LARGE: { kind: "invalid_input", help: "A pack is at most 512 MiB, packed and unpacked." },
  PACK_ZIP_RATIO_EXCEEDED: { kind: "invalid_input", help: "An entry may inflate to at most 200 times its size." },
  PACK_ZIP_INFLATE_FAILED: { kind: "invalid_input", help: TAMPERED },
  PACK_ZIP_SIZE_MISMATCH: { kind: "invalid_input", help: TAMPERED },
  PACK_ZIP_CHECKSUM_MISMATCH: { kind: "invalid_input", help: TAMPERED },

  PACK_TAR_INVALID: {
    kind: "invalid_input",
    help: "Public deployment packs are plain ustar archives of regular files: fetch the pack again.",
  },

  PACK_SQUASHFS_INVALID: {
    kind: "invalid_input",
    help: "The image is damaged, or made to cost more than it is: build or fetch the bundle again.",
  },
  PACK_SQUASHFS_COMPRESSION_UNSUPPORTED: {
    kind: "invalid_input",
    help: "Bundles are SquashFS 4.0 images of gzip or xz without further filters: build the bundle again.",
  },

  PACK_CBOR_INVALID: { kind: "invalid_input", help: "Write RFC 8949 CBOR; the offset says where it breaks." },
  PACK_CBOR_NOT_DETERMINISTIC: {
    kind: "invalid_input",
    help: "Use core deterministic encoding: shortest and definite lengths, keys sorted bytewise and unique, no tags, no floats.",
  },
  PACK_CBOR_TOO_DEEP: { kind: "invalid_input", help: "Nest arrays and maps at most 32 deep." },

  PACK_MANIFEST_MISSING: {
    kind: "invalid_input",
    help: "A pack begins with manifest.cbor; build it with `gtc pack build`.",
  },
  PACK_MANIFEST_INVALID: {
    kind: "invalid_input",
    help: "The manifest doesn't follow gtpack-v1; the message names the field.",
  },
  PACK_CAPABILITY_INVALID: {
    kind: "invalid_input",
    help: "Capability ids read greentic.cap.{category}.v{N}, for example greentic.cap.app.v1.",
  },
  PACK_ENTRY_UNLISTED: { kind: "permission_denied", help: TAMPERED },
  PACK_ENTRY_MISSING: { kind: "permission_denied", help: TAMPERED },
  PACK_HASH_MISMATCH: { kind: "permission_denied", help: TAMPERED },
  PACK_SIGNATURE_MALFORMED: { kind: "permission_denied", help: TAMPERED },
  PACK_SIGNATURE_INVALID: { kind: "permission_denied", help: TAMPERED },
  PACK_SIGNATURE_MISSING: {
    kind: "permission_denied",
    help: "The manifest names a publisher who should have signed: fetch the signed pack.",
  },
  PACK_SIGNATURE_UNTRUSTED: {
    kind: "permission_denied",
    help: "Add the publisher's public key to [security] trusted_publishers in greentic.toml if you trust it.",
  },
  PACK_UNSIGNED: {
    kind: "permission_denied",
    help: "Sign the pack with `gtc pack sign`, or set reject_unsigned = false for development.",
  },
  PACK_REVOKED: {
    kind: "permission_denied",
    help: "The operator revoked this very pack: load another version, or take the revocation back with the admin API.",
  },
  PACK_SIGNER_REVOKED: {
    kind: "permission_denied",
    help: "The key was revoked: get a release signed by a current key.",
  },
  PACK_SIGNER_EXPIRED: {
    kind: "permission_denied",
    help: "The key's not_after has passed: get a release signed by a current key.",
  },
  PACK_SIGNER_NOT_YET_VALID: {
    kind: "permission_denied",
    help: "The key's not_before hasn't come: get a release signed by a current key, or check this machine's clock.",
  },
  PACK_SIGNER_OUT_OF_SCOPE: {
    kind: "permission_denied",
    help: "This publisher is trusted for other pack names only; see `names` in trusted_publishers.",
  },
  PACK_VERSION_DOWNGRADE: {
    kind: "permission_denied",
    help: "A newer version was loaded for this tenant before; pass --allow-downgrade if going back is meant.",
  },
  PACK_SBOM_INVALID: {
    kind: "invalid_input",
    help: "sbom.json must be CycloneDX 1.6 or SPDX 2.3 JSON; build the pack again.",
  },
  PACK_LOCK_MISMATCH: {
    kind: "invalid_input",
    help: "The pack lock states other digests than the components have: build the pack again, or load it with --policy devok.",
  },
  PACK_CONTENT_HASH_MISMATCH: {
    kind: "invalid_input",
    help: "The manifest states other hashes than the files have: build the pack again, or load it with --policy devok.",
  },
  PACK_COMPONENT_MISSING: {
    kind: "not_found",
    help: "The pack names a component whose binary it doesn't hold; what calls it fails.",
  },
  PACK_SBOM_MISMATCH: { kind: "invalid_input", help: "The SBOM and the manifest disagree: build the pack again." },

  PACK_KEY_INVALID: { kind: "invalid_input", help: "Keys are Ed25519: PKCS#8 PEM (private) or SPKI PEM (public)." },
  PACK_KEY_WEAK: {
    kind: "invalid_input",
    help: "The key is of small order or not canonical, so that anyone could sign for it.",
  },
  PACK_KEY_EXISTS: { kind: "conflict", help: "Choose another --output; a key is never overwritten." },
  PACK_KEY_PERMISSIONS: { kind: "permission_denied", help: "Others may read the private key: chmod 600 it." },
  PACK_TRUST_INVALID: {
    kind: "invalid_input",
    help: "trusted_publishers holds paths of public keys or tables { key, names, publisher, not_before, not_after }; docs/trust.md has the trust file's keys.",
  },
  PACK_TRUST_UNSIGNED: {
    kind: "permission_denied",
    help: "Sign the trust file with the root key: `gtc pack trust FILE --key ROOT`; [security] trust_root names its public half.",
  },
  PACK_TRUST_EXPIRED: {
    kind: "permission_denied",
    help: "Fetch the current trust file from whoever keeps the root key: an old one may still trust a revoked key.",
  },
  PACK_TRUST_ROLLED_BACK: {
    kind: "permission_denied",
    help: "This host has taken a newer trust file before: put that one back, or sign one with a higher version.",
  },
  PACK_ENVELOPE_INVALID: {
    kind: "invalid_input",
    help: "Expected a DSSE envelope: payloadType, payload and signatures.",
  },
  PACK_PROVENANCE_MISSING: {
    kind: "permission_denied",
    help: "[security] require_provenance asks how packs were built: `gtc pack build --provenance` says it, beside the pack or in its registry.",
  },
  PACK_PROVENANCE_INVALID: {
    kind: "invalid_input",
    help: "Expected an in-toto statement v1 about one pack, as `gtc pack build --provenance` writes it.",
  },
  PACK_PROVENANCE_PREDICATE_UNKNOWN: { kind: "invalid_input", help: "Expected SLSA provenance v1." },
  PACK_PROVENANCE_UNSIGNED: {
    kind: "permission_denied",
    help: "Nobody has signed the statement: build again with a key.",
  },
  PACK_PROVENANCE_UNTRUSTED: {
    kind: "permission_denied",
    help: "No trusted publisher has signed the statement; [security] trusted_publishers says whom to trust.",
  },
  PACK_PROVENANCE_FORGED: {
    kind: "permission_denied",
    help: "The statement isn't what its builder signed: don't use the pack.",
  },
  PACK_PROVENANCE_SUBJECT_MISMATCH: {
    kind: "permission_denied",
    help: "The statement is about another pack: fetch the one that belongs to this pack.",
  },
  PACK_PROVENANCE_MATERIAL_MISMATCH: {
    kind: "permission_denied",
    help: "The pack holds what the statement doesn't say went in: ask its publisher.",
  },
  PACK_PROVENANCE_DEPENDENCY_MISMATCH: {
    kind: "permission_denied",
    help: "The statement names other dependencies than the pack: ask its publisher.",
  },
  PACK_LOAD_RECORD_INVALID: {
    kind: "internal",
    help: "The record of loaded packs is damaged; restore it from a backup.",
  },

  PACK_SOURCE_MISSING: {
    kind: "not_found",
    help: "Name a directory with pack.toml or pack.yaml; `gtc new NAME` makes one.",
  },
  PACK_SOURCE_AMBIGUOUS: { kind: "invalid_input", help: "Keep one of pack.toml and pack.yaml." },
  PACK_SOURCE_SYNTAX: { kind: "invalid_input", help: "Correct the file at the position." },
  PACK_SOURCE_KEY_UNKNOWN: {
    kind: "invalid_input",
    help: "Correct the spelling or remove the key; the message lists the known ones.",
  },
  PACK_SOURCE_INVALID: {
    kind: "invalid_input",
    help: "Correct the value at the position; the message says what is expected.",
  },
  PACK_FILE_MISSING: {
    kind: "not_found",
    help: "The source names a file that isn't there: create it or correct the path.",
  },
  PACK_FILE_IRREGULAR: {
    kind: "invalid_input",
    help: "Sources are regular files and folders: replace links by what they point to.",
  },
  PACK_FILE_TOO_LARGE: { kind: "invalid_input", help: "A file of a pack is at most 64 MiB." },
  PACK_FILE_UNREADABLE: { kind: "not_found", help: "Check the path and its permissions." },
  PACK_FILE_UNUSED: { kind: "invalid_input", help: "List the file in pack.toml or remove it." },
  PACK_FLOW_INVALID: { kind: "invalid_input", help: "Run `gtc flow doctor` on the flow." },
  PACK_COMPONENT_INVALID: {
    kind: "invalid_input",
    help: "Run `gtc component inspect` on the file; it must be a WebAssembly component.",
  },
  PACK_ASSET_INVALID: { kind: "invalid_input", help: "Correct the asset; i18n bundles are JSON objects of texts." },
  PACK_REFERENCE_MISSING: {
    kind: "invalid_input",
    help: "A flow names a component, flow or asset that the pack doesn't hold.",
  },
  PACK_RANGE_INVALID: {
    kind: "invalid_input",
    help: 'Version ranges follow Cargo: "^0.4", "1.2.3", ">=1, <2", "~1.2", "1.*".',
  },
  PACK_DEPENDENCY_UNRESOLVED: {
    kind: "not_found",
    help: "Put the dependency beside the pack and run `gtc pack resolve`.",
  },
  PACK_DEPENDENCY_CONFLICT: {
    kind: "conflict",
    help: "The message names who wants what: widen one of the ranges, or take other versions of those who want it.",
  },
  PACK_DEPENDENCY_CYCLE: {
    kind: "invalid_input",
    help: "A pack can't need itself: move what both need to a third pack.",
  },
  PACK_DEPENDENCY_AMBIGUOUS: {
    kind: "permission_denied",
    help: "Two places have different packs of one name and version. Find out which is the publisher's, and name no other place.",
  },
  PACK_DEPENDENCY_MISSING: {
    kind: "not_found",
    help: "Load the very pack that the message names first; `pack.lock` of its source says where it is.",
  },
  PACK_DEPENDENCY_MISMATCH: {
    kind: "conflict",
    help: "A pack runs with what it was built with. Load that version, or resolve and build the pack again.",
  },
  PACK_LOCK_INVALID: {
    kind: "invalid_input",
    help: "Nobody edits pack.lock: take it from version control again, or remove it and run `gtc pack resolve`.",
  },
  PACK_LOCK_STALE: { kind: "conflict", help: "Run `gtc pack resolve` and commit pack.lock." },
  PACK_LOCK_REPLACED: {
    kind: "permission_denied",
    help: "Somebody replaced a version that was locked. If it was you, run `gtc pack resolve --update NAME`; else ask its publisher.",
  },
  PACK_SCOPE_AMBIGUOUS: {
    kind: "invalid_input",
    help: "Say which registry a name comes from: [registry.scopes] in greentic.toml, or --registry 'PATTERN=oci://host/prefix'.",
  },
  PACK_NAME_INVALID: {
    kind: "invalid_input",
    help: "Pack names are lower-case letters, digits and hyphens, 1 to 63 characters, starting with a letter or digit.",
  },
  PACK_TARGET_EXISTS: { kind: "conflict", help: "Choose another name or remove what is there." },
} as const satisfies ErrorTable;
