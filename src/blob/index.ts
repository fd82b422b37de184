export { isBlobUrl } from "./blob-url.ts";
export { openDirectoryBlobs } from "./directory.ts";
export { openMemoryBlobs } from "./memory.ts";
export { openPostgresBlobs } from "./postgres.ts";
export { openRecordBlobs } from "./records.ts";
export type { RedisBlobOptions } from "./redis.ts";
export { openRedisBlobs } from "./redis.ts";
export type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";
