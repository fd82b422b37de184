import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

const SNAKE_CASE: Readonly<Record<string, string>> = {
  packHash: "pack_hash",
  conversationHash: "conversation_hash",
  userHash: "user_hash",
};

/** A decision about whose code runs. */
export interface AuditRecord {
  readonly event: "pack.downgrade.refused" | "pack.downgrade.allowed" | "pack.unloaded" | "pack.restored";
  readonly tenant: string;
  readonly pack: string;
  readonly version?: string | undefined;
  /** Lower-case hex. */
  readonly packHash?: string | undefined;
  /** The version that was loaded before. */
  readonly previous?: string | undefined;
  /** The code of the error or finding that decided. */
  readonly code?: string | undefined;
}

/** An erasure of what was kept of people; whose they were is told by hashes, since the record outlives them. */
export interface ErasureRecord {
  readonly event: "session.erased";
  readonly tenant: string;
  readonly env: string;
  readonly team?: string | undefined;
  readonly channel?: string | undefined;
  /** SHA-256, lower-case hex. */
  readonly conversationHash?: string | undefined;
  /** SHA-256, lower-case hex. */
  readonly userHash?: string | undefined;
  readonly erased: Readonly<Record<string, number>>;
}

/** Keeps audit records, one JSON object a line, only ever appended to. */
export class AuditLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Appends a record; it is on disk when this returns. */
  async append(record: AuditRecord | ErasureRecord, nowMs: number): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const named = Object.entries(record).map(([name, value]) => [SNAKE_CASE[name] ?? name, value] as const);
    const line = JSON.stringify({ at: new Date(nowMs).toISOString(), ...Object.fromEntries(named) });
    const file = await open(this.#path, "a", 0o600);
    try {
      await file.writeFile(`${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
