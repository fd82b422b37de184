import type { ErrorCode } from "../types/index.ts";
import type { EntryClaims } from "./entry-content.ts";

/** What the hash worker is told; every message is answered before the next is sent, so that memory stays bounded. */
export type HashRequest =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array<ArrayBuffer>; readonly isDeflated: boolean }
  | {
      readonly kind: "finish";
      readonly isDeflated: boolean;
      /** A negative checksum means that there is no header to hold the bytes to. */
      readonly claims: EntryClaims;
    };

/** What the hash worker answers. */
export type HashAnswer =
  /** Hands the memory of a chunk back that the worker is done with, for the next one. */
  | { readonly kind: "more"; readonly buffer: ArrayBuffer | undefined }
  | { readonly kind: "done"; readonly hash: string; readonly inflated: Uint8Array<ArrayBuffer> | undefined }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string; readonly path: string };
