import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { openFileLock } from "../../files/index.ts";
import type { FileLock } from "../../files/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { ChainHead } from "./audit-chain.ts";
import { auditFileName, formatAuditLine, GENESIS, HEAD_FILE, isAuditFile, pointOf } from "./audit-chain.ts";
import { readHead, syncFolder, writeHead } from "./audit-head.ts";
import type { AuditEntry, AuditLog, NewAuditEntry } from "./audit-log.ts";
import { readTail } from "./audit-tail.ts";

export interface AuditLogOptions {
  readonly nowMs?: () => number;
  /** A file that is longer is followed by another. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Files whose last entry is older are removed; without it, all stay. */
  readonly keepDays?: number;
  /** Told when notes couldn't be written; how many were lost is written when that works again. */
  readonly onError?: (error: GreenticError) => void;
}

interface Waiting {
  readonly entry: AuditEntry;
  readonly done?: PromiseWithResolvers<void>;
}

/** The chain as this process left it. */
interface Place {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  readonly head: ChainHead;
}

const MAX_BYTES = 16 << 20;
/** Entries of one flush. */
const MAX_BATCH = 1_000;
/** Notes that wait for a slow disk; what comes beyond is counted and lost. */
const MAX_WAITING = 100_000;
/** How long a note may wait for others. */
const LINGER_MS = 20;
const DAY_MS = 86_400_000;
export const LOCK_FILE = "lock";

/**
 * Opens the audit log of a folder: `{n}.jsonl`, its owner's alone, each line chained to the one before by its SHA-256. Processes may
 * share it; entries that wait at the same time share one flush. @throws TELEMETRY_AUDIT_FAILED
 */
export async function openAuditLog(dir: string, options: AuditLogOptions = {}): Promise<AuditLog> {
  const log = new FileAuditLog(dir, options);
  await log.open();
  return log;
}

class FileAuditLog implements AuditLog {
  readonly #dir: string;
  readonly #options: AuditLogOptions;
  readonly #nowMs: () => number;
  readonly #queue: Waiting[] = [];
  #lock: FileLock | undefined;
  #place: Place | undefined;
  #draining: Promise<void> | undefined;
  #linger: NodeJS.Timeout | undefined;
  #lost = 0;

  constructor(dir: string, options: AuditLogOptions) {
    this.#dir = dir;
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  async open(): Promise<void> {
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      this.#lock = openFileLock(join(this.#dir, LOCK_FILE));
      await this.#lock.run(async () => this.#prune(await this.#load()));
    } catch (error) {
      this.#lock?.[Symbol.dispose]();
      throw this.#failure(error);
    }
  }

  note(entry: NewAuditEntry): void {
    if (this.#queue.length >= MAX_WAITING) this.#lost++;
    else this.#push({ entry: this.#dated(entry) });
  }

  record(entry: NewAuditEntry): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#push({ entry: this.#dated(entry), done });
    return done.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#queue.length > 0) this.#wake();
    await this.#draining;
    await this.#forget();
    this.#lock?.[Symbol.dispose]();
  }

  #dated(entry: NewAuditEntry): AuditEntry {
    return { at: new Date(this.#nowMs()).toISOString(), ...entry };
  }

  #push(waiting: Waiting): void {
    this.#queue.push(waiting);
    if (waiting.done !== undefined) this.#wake();
    // Whoever doesn't wait for the disk shares it: a flush for each read of a secret would keep it busy.
    else this.#linger ??= setTimeout(() => this.#wake(), LINGER_MS).unref();
  }

  #wake(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What comes in the same moment shares the flush.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      try {
        await this.#lock?.run(() => this.#write(batch.map(({ entry }) => entry)));
        for (const { done } of batch) done?.resolve();
      } catch (error) {
        const failure = this.#failure(error);
        const notes = batch.filter(({ done }) => done === undefined).length;
        this.#lost += notes;
        for (const { done } of batch) done?.reject(failure);
        if (notes > 0) this.#options.onError?.(failure);
      }
    }
    // In the same moment as the look at the queue: what comes next starts another.
    this.#draining = undefined;
  }

  async #write(entries: readonly AuditEntry[]): Promise<void> {
    const place = await this.#current();
    const lost = this.#lost;
    const said = lost === 0 ? entries : [this.#dated(lostEntry(lost)), ...entries];
    const lines: string[] = [];
    let { last } = place.head;
    for (const entry of said) {
      const line = formatAuditLine(entry, last);
      last = pointOf(last.seq + 1, line);
      lines.push(`${line}\n`);
    }
    const bytes = Buffer.from(lines.join(""));
    const { file, sizeBytes } = place;
    const head = { ...place.head, last };
    try {
      await file.write(bytes, 0, bytes.length, sizeBytes).then(({ bytesWritten }) => {
        if (bytesWritten < bytes.length) throw new RangeError("the disk is full");
      });
      await file.datasync();
      await writeHead(this.#dir, head);
    } catch (error) {
      // Half a line would damage what comes after it.
      await file.truncate(sizeBytes).catch(() => undefined);
      await this.#forget();
      throw error;
    }
    this.#lost -= lost;
    this.#place = { file, sizeBytes: sizeBytes + bytes.length, head };
  }

  /** Where to go on: where this process left off unless another one has written since, or the file is full. */
  async #current(): Promise<Place> {
    let place = this.#place;
    if (place !== undefined) {
      const [now, head] = await Promise.all([place.file.stat(), readHead(this.#dir)]);
      const isMine = now.nlink > 0 && now.size === place.sizeBytes && head?.last.hash === place.head.last.hash;
      if (!isMine) {
        await this.#forget();
        place = undefined;
      }
    }
    place ??= await this.#load();
    if (place.sizeBytes < (this.#options.maxBytes ?? MAX_BYTES)) return place;
    const { head } = place;
    await this.#forget();
    return this.#prune(await this.#begin(head));
  }

  async #load(): Promise<Place> {
    const files = (await readdir(this.#dir)).filter(isAuditFile).sort();
    const known = await readHead(this.#dir);
    if (known === undefined && files.length === 0) {
      // The head comes first, so that a log without one was tampered with.
      const head = { first: GENESIS, last: GENESIS };
      await writeHead(this.#dir, head, { isDurable: true });
      return this.#begin(head);
    }
    const tail = await readTail(this.#dir, files, known);
    const head = { first: known?.first ?? tail.first, last: tail.last };
    const name = files.at(-1);
    if (name === undefined) return this.#begin(head);
    const file = await open(join(this.#dir, name), "r+");
    const { size } = await file.stat();
    // What a crash left of a line was never acknowledged.
    if (size > tail.sizeBytes) await file.truncate(tail.sizeBytes);
    return (this.#place = { file, sizeBytes: tail.sizeBytes, head });
  }

  async #begin(head: ChainHead): Promise<Place> {
    const file = await open(join(this.#dir, auditFileName(head.last.seq + 1)), "wx+", 0o600);
    await syncFolder(this.#dir);
    return (this.#place = { file, sizeBytes: 0, head });
  }

  /** Removes files that are old enough, the newest never; the head says so first, since a file that is missing otherwise was taken. */
  async #prune(place: Place): Promise<Place> {
    const { keepDays } = this.#options;
    if (keepDays === undefined) return place;
    const files = (await readdir(this.#dir)).filter(isAuditFile).sort();
    let { first } = place.head;
    const old: string[] = [];
    for (const [index, name] of files.slice(0, -1).entries()) {
      const { mtimeMs } = await stat(join(this.#dir, name));
      if (mtimeMs > this.#nowMs() - keepDays * DAY_MS) break;
      old.push(name);
      first = (await readTail(this.#dir, files.slice(0, index + 1), undefined)).end ?? first;
    }
    if (old.length === 0) return place;
    const head = { ...place.head, first };
    await writeHead(this.#dir, head, { isDurable: true });
    for (const name of old) await unlink(join(this.#dir, name));
    return (this.#place = { ...place, head });
  }

  async #forget(): Promise<void> {
    const place = this.#place;
    this.#place = undefined;
    await place?.file.close();
  }

  #failure(error: unknown): GreenticError {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return new GreenticError(
      "TELEMETRY_AUDIT_FAILED",
      `Write audit log ${quote(join(this.#dir, HEAD_FILE))}: ${code}`,
      {
        cause: error,
      },
    );
  }
}

function lostEntry(count: number): NewAuditEntry {
  return { actor: "host", action: "audit.lost", target: `${count} entries`, outcome: "failed" };
}
