/**
 * Files that processes share, in the database of records of their sessions. A file lies in pieces of 256 KiB under the name of its upload:
 *
 *   blobs:<env>:<tenant>  f <digest>  the upload that has it, and how many claims there are     c <digest> <owner>  a claim
 *   blobs-due             <until> <claim>  claims by when they end
 *   blobs-up              <started> <upload>  uploads that no file names: yet, any more, or because a process died
 *   blob:<upload>         its pieces
 */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  Erasure,
  RecordAttempt,
  RecordChange,
  RecordKey,
  RecordRange,
  RecordSpace,
  WholeRecord,
} from "../session/index.ts";
import { erasureFilter, Records } from "../session/index.ts";
import { GreenticError } from "../types/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { blobUrl, digestOf, scopeOf } from "./blob-url.ts";
import { chunked } from "./chunked.ts";
import { checkContent, damaged, digestContent } from "./digest-content.ts";
import type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";

const CHUNK_BYTES = 256 << 10;
/** An upload whose process died goes after this. */
const UPLOAD_MS = 3_600_000;
const UPLOADS_AT_ONCE = 10;
const PAGE = 1_000;
/** Pieces that are read at once to be dropped. */
const PIECES_AT_ONCE = 8;
const TRIES = 50;
const PAUSE_MS = 5;

/** A file's content, as its record has it. */
interface Content {
  readonly upload: string;
  readonly sizeBytes: number;
  readonly chunks: number;
}
interface File extends Content {
  readonly claims: number;
}
interface Claim {
  readonly scope: BlobScope;
  readonly digest: string;
  readonly owner: SessionKeyText;
  readonly untilMs: number;
}
/** An upload that no file names, as long as its note has this version. */
interface Upload {
  readonly name: string;
  readonly note: RecordKey;
  readonly version: string;
}

/** Opens a store that gateways, workers and senders share; the space is closed with it. */
export function openRecordBlobs(space: RecordSpace): BlobStore {
  return new RecordBlobs(space);
}

class RecordBlobs implements BlobStore {
  readonly isDurable = true;
  readonly #records: Records;

  constructor(space: RecordSpace) {
    this.#records = new Records(space);
  }

  async put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob> {
    const upload = this.#newUpload();
    const passing = digestContent(content, options.maxBytes);
    let chunks = 0;
    await this.#run("write", (attempt) =>
      this.#records.write(attempt, [{ ...upload.note, body: upload.name }], upload.version),
    );
    try {
      for await (const chunk of chunked(passing, CHUNK_BYTES)) {
        const piece = { ...pieceOf(upload.name, chunks++), body: Buffer.from(chunk).toString("base64") };
        await this.#run("write", (attempt) => this.#write(attempt, [piece]));
      }
      const { digest, sizeBytes } = passing.result();
      const claim = { scope: scopeOf(owner), digest, owner, untilMs: Math.ceil(options.keepUntilMs) };
      const named = { upload, content: { upload: upload.name, sizeBytes, chunks } };
      const kept = await this.#run("claim", (attempt) => this.#claim(attempt, claim, named));
      if (kept?.upload !== upload.name) await this.#run("unlink", (attempt) => this.#unlink(attempt, upload));
      return { url: blobUrl(digest), sizeBytes };
    } catch (error) {
      await this.#run("unlink", (attempt) => this.#unlink(attempt, upload)).catch(() => undefined);
      throw error;
    }
  }

  async claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const claim = { scope: scopeOf(owner), digest, owner, untilMs: Math.ceil(keepUntilMs) };
    const kept = await this.#run("claim", (attempt) => this.#claim(attempt, claim));
    return kept && { url, sizeBytes: kept.sizeBytes };
  }

  async open(scope: BlobScope, url: string): Promise<OpenBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const [found] = await this.#run("find", (attempt) => this.#records.get(attempt, [fileOf(scope, digest)]));
    if (found === undefined) return undefined;
    const file = JSON.parse(found.body) as File;
    return { sizeBytes: file.sizeBytes, read: () => checkContent(this.#read(file), digest) };
  }

  async owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]> {
    const digest = digestOf(url);
    if (digest === undefined) return [];
    const owners: SessionKeyText[] = [];
    for await (const { owner } of this.#list<Claim>(scope, `c ${digest}`)) owners.push(owner);
    return owners.sort();
  }

  async storedBytes(scope: BlobScope): Promise<number> {
    let bytes = 0;
    for await (const { sizeBytes } of this.#list<File>(scope, "f")) bytes += sizeBytes;
    return bytes;
  }

  async release(owner: SessionKeyText, url: string): Promise<void> {
    const digest = digestOf(url);
    if (digest !== undefined)
      await this.#drop({ scope: scopeOf(owner), digest, owner, untilMs: Number.MAX_SAFE_INTEGER });
  }

  async erase(whose: Erasure): Promise<number> {
    const isWanted = erasureFilter(whose);
    let gone = 0;
    for await (const claim of this.#list<Claim>(whose, "c")) {
      if (isWanted(claim.owner)) gone += await this.#drop({ ...claim, untilMs: Number.MAX_SAFE_INTEGER });
    }
    return gone;
  }

  async sweep(nowMs: number, { isKept, extendMs }: SweepOptions): Promise<number> {
    await this.#run("sweep", (attempt) => this.#sweepUploads(attempt));
    const range = { partition: "blobs-due", before: `${pad(nowMs)}!`, limit: PAGE };
    let gone = 0;
    for (const { body } of await this.#run("sweep", (attempt) => this.#records.scan(attempt, range))) {
      const claim = JSON.parse(body) as Claim;
      if (await isKept(claim.owner)) await this.claim(claim.owner, blobUrl(claim.digest), nowMs + extendMs);
      else gone += await this.#drop(claim);
    }
    return gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#records.close();
  }

  /** Claims a file that is there, else `named` becomes it; gives what is there then. */
  #claim(
    attempt: RecordAttempt,
    claim: Claim,
    named?: { readonly upload: Upload; readonly content: Content },
  ): Promise<Content | undefined> {
    return this.#untilWritten(async () => {
      const { file, kept, held, known } = await this.#find(attempt, claim);
      const content = kept ?? named?.content;
      if (content === undefined) return { result: undefined };
      const untilMs = Math.max(claim.untilMs, known?.untilMs ?? 0);
      const next = { ...claim, untilMs };
      const changes: RecordChange[] = [
        { ...claimOf(claim), body: JSON.stringify(next), expected: held?.version ?? null },
        ...(known === undefined || known.untilMs === untilMs ? [] : [{ ...dueOf(known), body: null }]),
        { ...dueOf(next), body: JSON.stringify(next) },
      ];
      if (held === undefined) {
        const counted = { ...content, claims: (kept?.claims ?? 0) + 1 };
        changes.push({
          ...fileOf(claim.scope, claim.digest),
          body: JSON.stringify(counted),
          expected: file?.version ?? null,
        });
      }
      if (kept === undefined && named !== undefined) {
        const { note, version } = named.upload;
        const [noted] = await this.#records.get(attempt, [note]);
        if (noted?.version !== version) throw unavailable("its upload took too long");
        changes.push({ ...note, body: null, expected: version });
      }
      return (await this.#write(attempt, changes)) ? { result: content } : undefined;
    });
  }

  /** Takes a claim back that wasn't renewed meanwhile; 1 where the file went with it. */
  async #drop(claim: Claim): Promise<number> {
    const upload = this.#newUpload();
    return this.#run("drop", async (attempt) => {
      const left = await this.#untilWritten(async () => {
        const { file, kept, held, known } = await this.#find(attempt, claim);
        if (kept === undefined || known === undefined || known.untilMs > claim.untilMs) return { result: undefined };
        const key = fileOf(claim.scope, claim.digest);
        const isLast = kept.claims === 1;
        const fewer = isLast ? null : JSON.stringify({ ...kept, claims: kept.claims - 1 });
        const changes: RecordChange[] = [
          { ...claimOf(claim), body: null, expected: held?.version ?? null },
          { ...dueOf(known), body: null },
          { ...key, body: fewer, expected: file?.version ?? null },
          ...(isLast ? [{ ...upload.note, body: kept.upload }] : []),
        ];
        const isWritten = await this.#records.write(attempt, changes, upload.version);
        return isWritten ? { result: isLast ? kept.upload : undefined } : undefined;
      });
      if (left === undefined) return 0;
      await this.#unlink(attempt, { ...upload, name: left });
      return 1;
    });
  }

  async #find(attempt: RecordAttempt, claim: Claim): Promise<Found> {
    const [file, held] = await this.#records.get(attempt, [fileOf(claim.scope, claim.digest), claimOf(claim)]);
    return {
      file,
      kept: file && (JSON.parse(file.body) as File),
      held,
      known: held && (JSON.parse(held.body) as Claim),
    };
  }

  /** Drops what an upload left, unless a file has come to name it or somebody else drops it. */
  async #unlink(attempt: RecordAttempt, { name, note, version }: Upload): Promise<void> {
    const mine = randomUUID();
    if (!(await this.#records.write(attempt, [{ ...note, body: name, expected: version }], mine))) return;
    for (;;) {
      const range = { partition: pieceOf(name, 0).partition, limit: PIECES_AT_ONCE };
      const pieces = await this.#records.scan(attempt, range);
      if (pieces.length === 0) break;
      await this.#write(
        attempt,
        pieces.map(({ partition, sort }) => ({ partition, sort, body: null })),
      );
    }
    await this.#write(attempt, [{ ...note, body: null, expected: mine }]);
  }

  async #sweepUploads(attempt: RecordAttempt): Promise<void> {
    const before = pad(this.#records.nowMs() - UPLOAD_MS);
    const range = { partition: "blobs-up", before, limit: UPLOADS_AT_ONCE };
    for (const { body, version, ...note } of await this.#records.scan(attempt, range))
      await this.#unlink(attempt, { name: body, note, version });
  }

  async *#read({ upload, chunks }: Content): AsyncGenerator<Uint8Array, void> {
    for (let n = 0; n < chunks; n++) {
      const [piece] = await this.#run("read", (attempt) => this.#records.get(attempt, [pieceOf(upload, n)]));
      if (piece === undefined) throw damaged(`chunk ${n} of ${chunks} is gone`);
      yield Buffer.from(piece.body, "base64");
    }
  }

  /** Gives what a tenant has under names that begin so. */
  async *#list<T>(scope: BlobScope, prefix: string): AsyncGenerator<T, void> {
    const { partition } = fileOf(scope, "");
    for (let after: string | undefined = `${prefix} `; after !== undefined;) {
      const range: RecordRange = { partition, after, before: `${prefix}!`, limit: PAGE };
      const page: readonly WholeRecord[] = await this.#run("list", (attempt) => this.#records.scan(attempt, range));
      for (const { body } of page) yield JSON.parse(body) as T;
      after = page.length < PAGE ? undefined : page.at(-1)?.sort;
    }
  }

  #newUpload(): Upload {
    const name = randomUUID();
    const note = { partition: "blobs-up", sort: `${pad(this.#records.nowMs())} ${name}` };
    return { name, note, version: randomUUID() };
  }

  /** Runs again what others were faster than. */
  async #untilWritten<T>(work: () => Promise<{ readonly result: T } | undefined>): Promise<T> {
    for (let tries = 1; tries <= TRIES; tries++) {
      const done = await work();
      if (done !== undefined) return done.result;
      await sleep(PAUSE_MS * Math.min(tries, 8) * Math.random());
    }
    throw unavailable("others claim the same file all the time");
  }

  #run<T>(name: string, work: (attempt: RecordAttempt) => Promise<T>): Promise<T> {
    return this.#records.run(name, work);
  }

  #write(attempt: RecordAttempt, changes: readonly RecordChange[]): Promise<boolean> {
    return this.#records.write(attempt, changes, randomUUID());
  }
}

interface Found {
  readonly file: WholeRecord | undefined;
  readonly kept: File | undefined;
  readonly held: WholeRecord | undefined;
  readonly known: Claim | undefined;
}

function pad(timeMs: number): string {
  return String(Math.max(0, Math.floor(timeMs))).padStart(16, "0");
}

function fileOf({ env, tenant }: BlobScope, digest: string): RecordKey {
  return { partition: `blobs:${env}:${tenant}`, sort: `f ${digest}` };
}

function claimOf({ scope, digest, owner }: Claim): RecordKey {
  return { ...fileOf(scope, digest), sort: `c ${digest} ${hashOf(owner)}` };
}

function dueOf({ scope, digest, owner, untilMs }: Claim): RecordKey {
  return {
    partition: "blobs-due",
    sort: `${pad(untilMs)} ${hashOf(`${scope.env}:${scope.tenant} ${digest} ${owner}`)}`,
  };
}

function pieceOf(upload: string, n: number): RecordKey {
  return { partition: `blob:${upload}`, sort: pad(n) };
}

/** Names of sessions may be longer than a key. */
function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function unavailable(state: string): GreenticError {
  return new GreenticError("STORE_UNAVAILABLE", `Keep file: ${state}`);
}
