export { EnvSecretStore } from "./env-secret-store.ts";
export { FileSecretStore } from "./file-secret-store.ts";
export type { SecretReader, SecretWriter } from "./secret-reader.ts";
export { createSecretReader, createSecretWriter } from "./secret-reader.ts";
export type { SecretStore, WritableSecretStore } from "./secret-store.ts";
export type { SecretUri } from "./secret-uri.ts";
export { canonicalSecretName, formatSecretUri, parseSecretUri, secretCandidates } from "./secret-uri.ts";
