import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

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

/** Keeps audit records, one JSON object a line, only ever appended to. */
export class AuditLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Appends a record; it is on disk when this returns. */
  async append(record: AuditRecord, nowMs: number): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const { packHash, ...rest } = record;
    const line = JSON.stringify({ at: new Date(nowMs).toISOString(), ...rest, pack_hash: packHash });
    const file = await open(this.#path, "a", 0o600);
    try {
      await file.writeFile(`${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
