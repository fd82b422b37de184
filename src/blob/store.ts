import type { Erasure } from "../session/index.ts";
import type { EnvId, SessionKeyText, TenantId } from "../types/index.ts";

/** Whose files they are. The same bytes of two tenants are two files, and a reference means nothing outside its tenant. */
export interface BlobScope {
  readonly env: EnvId;
  readonly tenant: TenantId;
}

/** A file that is kept. */
export interface KeptBlob {
  /** `blob:` and the SHA-256 of the content in hex: the same content is the same file, however often it comes. */
  readonly url: string;
  readonly sizeBytes: number;
}

/** A file that can be read. */
export interface OpenBlob {
  readonly sizeBytes: number;
  /**
   * Reads it from its beginning, as often as it is called. Fails with BLOB_DAMAGED at the latest behind its last byte where it isn't
   * what was kept, so that whoever passes it on must not take it for whole before.
   */
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** How a file is kept. */
export interface PutOptions {
  /** More is refused, and nothing of it stays. */
  readonly maxBytes: number;
  /** Wall clock: until then at least it stays for this session, unless it is erased. */
  readonly keepUntilMs: number;
}

/**
 * Files of conversations, apart from messages, which only name them. A file belongs to the sessions that claimed it; it goes with the
 * last claim. What resolves is durable, for stores that keep anything.
 */
export interface BlobStore extends AsyncDisposable {
  /** Whether anything survives the process. */
  readonly isDurable: boolean;
  /** Keeps a file for a session, as it arrives. @throws BLOB_TOO_LARGE, STORE_UNAVAILABLE, STORE_READ_ONLY, and what `content` throws */
  put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob>;
  /** Keeps a file that its tenant has for this session too, or for longer; undefined where the tenant has none of that name. */
  claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined>;
  /** Opens a file of a tenant; undefined where it has none of that name. */
  open(scope: BlobScope, url: string): Promise<OpenBlob | undefined>;
  /** The sessions that a file belongs to, in the order of their keys; empty where there is none of that name. */
  owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]>;
  /** How much a tenant's files take; what many sessions have counts once. Counts when it is asked; ask every some seconds. */
  storedBytes(scope: BlobScope): Promise<number>;
  /** Takes a session's claim back; the file goes with the last one. */
  release(owner: SessionKeyText, url: string): Promise<void>;
  /** Takes the claims of all that is named back; returns how many files went. */
  erase(whose: Erasure): Promise<number>;
  /**
   * Looks at the next claims, at most some thousand: of those past their time the ones stay for another `extendMs` whose session
   * `isKept`, the others go. Call it again and again. Returns how many files went.
   */
  sweep(nowMs: number, options: SweepOptions): Promise<number>;
}

/** How claims past their time are judged. */
export interface SweepOptions {
  readonly isKept: (owner: SessionKeyText) => Promise<boolean>;
  readonly extendMs: number;
}
