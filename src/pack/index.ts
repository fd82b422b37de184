export type { BuildPackOptions, BuiltPack, ComponentProbe } from "./build-pack.ts";
export { buildPack, findPackSource } from "./build-pack.ts";
export type { CapabilityId, PackKind } from "./capability-id.ts";
export { packKindOf, parseCapabilityId } from "./capability-id.ts";
export { cargoRange } from "./cargo-range.ts";
export type { CborValue } from "./cbor.ts";
export { decodeCbor, encodeCbor } from "./cbor.ts";
export type { CheckedPack, FullChecks, VerifyOptions } from "./examined-pack.ts";
export type { InspectedComponent, InspectedFlow, PackInspection } from "./inspect-pack.ts";
export { inspectPack } from "./inspect-pack.ts";
export type { KeyFiles, SigningKey } from "./keys.ts";
export { generateKeyFiles, loadPublicKey, loadSigningKey, readSigningKey } from "./keys.ts";
export type { LoadRecord, LoadStep } from "./load-record.ts";
export { checkDowngrade, loadStep } from "./load-record.ts";
export type { LoadRecords } from "./load-record-file.ts";
export { FileLoadRecords } from "./load-record-file.ts";
export type {
  AssetEntry,
  ComponentEntry,
  ContentRef,
  DependencyEntry,
  FlowEntry,
  PackDescription,
  PackGrants,
  PackManifest,
  ResolvedPack,
} from "./manifest.ts";
export { encodeManifest } from "./manifest.ts";
export { decodeManifest } from "./manifest-read.ts";
export type { PackTemplate, TemplateFile } from "./new-pack-templates.ts";
export { newPackFiles, writeNewPack } from "./new-pack.ts";
export type { OpenPackOptions, OpenPolicy, Pack } from "./open-pack.ts";
export { openPack } from "./open-pack.ts";
export type { PackLimits } from "./pack-limits.ts";
export { PACK_LIMITS } from "./pack-limits.ts";
export { PACK_SCHEMA } from "./pack-schema.ts";
export type { ComponentSource, PackSource } from "./pack-source.ts";
export { packSourcePlaces, parsePackSource } from "./pack-source.ts";
export type { ProvenanceOptions } from "./provenance/make-provenance.ts";
export { makeProvenance } from "./provenance/make-provenance.ts";
export { provenancePathOf, readProvenanceBeside } from "./provenance/provenance-file.ts";
export type { PublicExtensions } from "./public/public-extensions.ts";
export { readUnpackedPack } from "./public/read-directory.ts";
export type { PublisherKey } from "./public-key.ts";
export { publisherKey, readPublicKey } from "./public-key.ts";
export type { ListingReport, PackFinding, PackGeneration, PackReport, SbomStatus, SignatureStatus } from "./report.ts";
export type { SignatureVerdict } from "./judge-signatures.ts";
export type { OpenedCandidate, Offer, PackPlace, SkippedPack } from "./dependencies/candidate-index.ts";
export { CandidateIndex } from "./dependencies/candidate-index.ts";
export { DirectoryPlace } from "./dependencies/directory-place.ts";
export type { MissingDependency } from "./dependencies/missing-dependencies.ts";
export { findMissingDependencies } from "./dependencies/missing-dependencies.ts";
export type { LockedPack, PackLock } from "./dependencies/pack-lock.ts";
export { formatPackLock, lockPathOf, readPackLock } from "./dependencies/pack-lock.ts";
export type { CandidateOptions } from "./dependencies/read-candidate.ts";
export { readCandidate } from "./dependencies/read-candidate.ts";
export { solveDependencies } from "./dependencies/solve-dependencies.ts";
export type { SbomFile, SbomFormat } from "./sbom.ts";
export { writeSbom } from "./sbom.ts";
export type { SignedPackFile } from "./sign-pack.ts";
export { signPack, signPackFile } from "./sign-pack.ts";
export type { TrustConfig, TrustedPublisher, TrustedPublisherConfig, TrustPolicy } from "./trust.ts";
export { isNameCovered, loadTrust, TRUST_NOBODY, trustKey } from "./trust.ts";
export type { SquashfsFile } from "./squashfs/read-squashfs.ts";
export { readSquashfs } from "./squashfs/read-squashfs.ts";
export { isSquashfs } from "./squashfs/superblock.ts";
export { writeSquashfs } from "./squashfs/write-squashfs.ts";
export type { SignedTrust } from "./trust-file.ts";
export { combineTrust, readTrustFile, signTrustFile, TrustVersions } from "./trust-file.ts";
export type { EmbeddedPackage } from "./wasm-metadata.ts";
export { sha512Of } from "./wasm-metadata.ts";
export { validatePack } from "./validate-pack.ts";
export { verifyPack } from "./verify-pack.ts";
export { writeFileAtomic } from "../files/index.ts";
export type { ZipFile } from "./zip-write.ts";
export { writeZip } from "./zip-write.ts";
