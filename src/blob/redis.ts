/**
 * Files that processes share, in the Redis of their sessions. Below `{prefix}:blob:`
 * {env:tenant:sha256}      hash: upload, size, chunks, and `o:{session}` → until when; expires a while after the last claim
 * {upload}:{n}             chunk n, at most 256 KiB; a name of chance, so that what is dropped is never somebody's else
 */
import { randomBytes } from "node:crypto";
import type { Erasure } from "../session/index.ts";
import { createRedisClient, erasureFilter, parseRedisUrl, redisFailure } from "../session/index.ts";
import type { RedisClient } from "../session/index.ts";
import { GreenticError } from "../types/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { blobUrl, digestOf, scopeOf } from "./blob-url.ts";
import { checkContent, damaged, digestContent } from "./digest-content.ts";
import { chunked } from "./chunked.ts";
import type { BlobScope, BlobStore, KeptBlob, OpenBlob, PutOptions, SweepOptions } from "./store.ts";

/** Where a Redis store of files lives. */
export interface RedisBlobOptions {
  /** As the session store's. */
  readonly url: string;
  /** Starts the name of every key. Default `greentic`. */
  readonly prefix?: string;
}

type Command = readonly [name: string, ...args: readonly (string | number | Buffer)[]];

const CHUNK_BYTES = 256 << 10;
/** An upload whose process died goes after this. */
const UPLOAD_MS = 3_600_000;
/** What nobody swept goes by itself so long after its last claim. */
const GRACE_MS = 7 * 86_400_000;
const CONNECT_MS = 5_000;
const STALL_MS = 10_000;
const SCAN_COUNT = 1_000;
const PREFIX = /^[a-z0-9][a-z0-9-]{0,31}$/;

// KEYS: the file. ARGV: owner, until, upload ("" for none), size, chunks. Says the upload that counts and when it ends.
const CLAIM = `
local upload = redis.call('HGET', KEYS[1], 'upload')
if not upload then
  if ARGV[3] == '' then return false end
  upload = ARGV[3]
  redis.call('HSET', KEYS[1], 'upload', upload, 'size', ARGV[4], 'chunks', ARGV[5])
end
local owner = 'o:' .. ARGV[1]
if tonumber(redis.call('HGET', KEYS[1], owner) or 0) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], owner, ARGV[2]) end
local ends = ARGV[2] + ${GRACE_MS}
if redis.call('PEXPIRETIME', KEYS[1]) < ends then redis.call('PEXPIREAT', KEYS[1], ends) end
local size, chunks = unpack(redis.call('HMGET', KEYS[1], 'size', 'chunks'))
return { upload, size, chunks, string.format('%d', redis.call('PEXPIRETIME', KEYS[1])) }`;

// KEYS: the file. ARGV: pairs of owner and the time that its claim was seen with. Says the upload and its chunks where the last one went.
const DROP = `
for n = 1, #ARGV, 2 do
  local owner = 'o:' .. ARGV[n]
  if tonumber(redis.call('HGET', KEYS[1], owner) or 0) <= tonumber(ARGV[n + 1]) then redis.call('HDEL', KEYS[1], owner) end
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'o:' then return false end
end
local upload, chunks = unpack(redis.call('HMGET', KEYS[1], 'upload', 'chunks'))
redis.call('DEL', KEYS[1])
return upload and { upload, chunks }`;

/** Opens a store that gateways, workers and senders share. @throws STORE_URL_INVALID, STORE_UNAVAILABLE */
export async function openRedisBlobs({ url, prefix = "greentic" }: RedisBlobOptions): Promise<BlobStore> {
  if (!PREFIX.test(prefix))
    throw new RangeError("Open Redis blobs: expected a prefix of [a-z0-9-], at most 32 characters");
  const client = await createRedisClient(parseRedisUrl(url), CONNECT_MS);
  try {
    await client.connect();
  } catch (error) {
    client.close();
    throw redisFailure(client.lastError() ?? error, "Open Redis store of files");
  }
  return new RedisBlobs(client, `${prefix}:blob:`);
}

class RedisBlobs implements BlobStore {
  readonly isDurable = true;
  readonly #client: RedisClient;
  readonly #prefix: string;
  #walk: AsyncGenerator<readonly string[], void> | undefined;

  constructor(client: RedisClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  async put(owner: SessionKeyText, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<KeptBlob> {
    const upload = randomBytes(16).toString("hex");
    const passing = digestContent(content, options.maxBytes);
    let chunks = 0;
    try {
      for await (const chunk of chunked(passing, CHUNK_BYTES))
        await this.#ask(["set", this.#chunk(upload, chunks++), Buffer.from(chunk), "PX", UPLOAD_MS]);
      const { digest, sizeBytes } = passing.result();
      await this.#stretch(upload, chunks, options.keepUntilMs + GRACE_MS);
      const named = [upload, sizeBytes, chunks] as const;
      const counts = await this.#claim({ owner, digest, keepUntilMs: options.keepUntilMs, named });
      if (counts?.upload !== upload) await this.#unlink(upload, chunks);
      return { url: blobUrl(digest), sizeBytes };
    } catch (error) {
      await this.#unlink(upload, chunks).catch(() => undefined);
      throw error;
    }
  }

  async claim(owner: SessionKeyText, url: string, keepUntilMs: number): Promise<KeptBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const counts = await this.#claim({ owner, digest, keepUntilMs, named: ["", 0, 0] });
    return counts && { url, sizeBytes: counts.sizeBytes };
  }

  async open(scope: BlobScope, url: string): Promise<OpenBlob | undefined> {
    const digest = digestOf(url);
    if (digest === undefined) return undefined;
    const [upload, size, chunks] = (await this.#ask([
      "hmget",
      this.#file(scope, digest),
      "upload",
      "size",
      "chunks",
    ])) as (string | null)[];
    if (upload === null || upload === undefined) return undefined;
    return {
      sizeBytes: Number(size),
      read: () => checkContent(this.#read(upload, Number(chunks)), digest),
    };
  }

  async owners(scope: BlobScope, url: string): Promise<readonly SessionKeyText[]> {
    const digest = digestOf(url);
    if (digest === undefined) return [];
    return [...(await this.#claims(this.#file(scope, digest))).keys()].toSorted();
  }

  async storedBytes({ env, tenant }: BlobScope): Promise<number> {
    let bytes = 0;
    // A scan may name a file twice.
    const seen = new Set<string>();
    for await (const page of this.#files(`${env}:${tenant}:`)) {
      const files = page.filter((file) => !seen.has(file));
      for (const file of files) seen.add(file);
      for (const file of files) bytes += Number((await this.#ask(["hget", file, "size"])) ?? 0);
    }
    return bytes;
  }

  async release(owner: SessionKeyText, url: string): Promise<void> {
    const digest = digestOf(url);
    if (digest !== undefined) await this.#drop(this.#file(scopeOf(owner), digest), [[owner, Number.MAX_SAFE_INTEGER]]);
  }

  async erase(whose: Erasure): Promise<number> {
    const isWanted = erasureFilter(whose);
    let gone = 0;
    for await (const page of this.#files(`${whose.env}:${whose.tenant}:`)) {
      for (const file of page) {
        const claims = [...(await this.#claims(file)).keys()].filter(isWanted);
        gone += await this.#drop(
          file,
          claims.map((owner) => [owner, Number.MAX_SAFE_INTEGER]),
        );
      }
    }
    return gone;
  }

  async sweep(nowMs: number, { isKept, extendMs }: SweepOptions): Promise<number> {
    this.#walk ??= this.#files("");
    const page = await this.#walk.next();
    if (page.done === true) {
      this.#walk = undefined;
      return 0;
    }
    let gone = 0;
    for (const file of page.value) {
      const past: [SessionKeyText, number][] = [];
      for (const [owner, untilMs] of await this.#claims(file)) {
        if (untilMs > nowMs) continue;
        if (await isKept(owner)) await this.claim(owner, blobUrl(digestIn(file)), nowMs + extendMs);
        else past.push([owner, untilMs]);
      }
      gone += await this.#drop(file, past);
    }
    return gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walk?.return();
    this.#client.close();
  }

  async #claim(claim: {
    readonly owner: SessionKeyText;
    readonly digest: string;
    readonly keepUntilMs: number;
    readonly named: readonly [upload: string, size: number, chunks: number];
  }): Promise<{ readonly upload: string; readonly sizeBytes: number } | undefined> {
    const file = this.#file(scopeOf(claim.owner), claim.digest);
    const said = await this.#ask(["eval", CLAIM, 1, file, claim.owner, claim.keepUntilMs, ...claim.named]);
    if (said === null) return undefined;
    const [upload, size, chunks, endsMs] = said as readonly string[];
    if (upload === undefined) return undefined;
    // What was there before must live as long as its youngest claim.
    if (upload !== claim.named[0]) await this.#stretch(upload, Number(chunks), Number(endsMs));
    return { upload, sizeBytes: Number(size) };
  }

  async #claims(file: string): Promise<ReadonlyMap<SessionKeyText, number>> {
    const fields = (await this.#ask(["hgetall", file])) as Readonly<Record<string, string>>;
    const claims = Object.entries(fields).filter(([field]) => field.startsWith("o:"));
    return new Map(claims.map(([field, untilMs]) => [field.slice(2) as SessionKeyText, Number(untilMs)]));
  }

  /** Takes claims back that weren't renewed meanwhile; 1 where the file went with them. */
  async #drop(file: string, claims: readonly (readonly [SessionKeyText, number])[]): Promise<number> {
    if (claims.length === 0) return 0;
    const said = await this.#ask(["eval", DROP, 1, file, ...claims.flat()]);
    if (said === null) return 0;
    const [upload, chunks] = said as readonly string[];
    await this.#unlink(upload ?? "", Number(chunks));
    return 1;
  }

  async *#read(upload: string, chunks: number): AsyncGenerator<Uint8Array, void> {
    for (let n = 0; n < chunks; n++) {
      const chunk = await this.#ask(["getBuffer", this.#chunk(upload, n)]);
      if (!(chunk instanceof Uint8Array)) throw damaged(`chunk ${n} of ${chunks} is gone`);
      yield chunk;
    }
  }

  /** Walks the files of all tenants, or of one. */
  async *#files(below: string): AsyncGenerator<readonly string[], void> {
    const pattern = `${this.#prefix}{${below}*}`;
    for (const node of this.#client.nodes().masters) {
      let cursor = "0";
      do {
        const page = await node.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT).catch((error: unknown) => {
          throw redisFailure(error, "Ask Redis for files");
        });
        const [next, keys] = page as readonly [string, readonly string[]];
        cursor = next;
        yield keys.filter((key) => key.endsWith("}"));
      } while (cursor !== "0");
    }
  }

  async #stretch(upload: string, chunks: number, endsMs: number): Promise<void> {
    const names = Array.from({ length: chunks }, (_, n) => this.#chunk(upload, n));
    if (names.length > 0) await this.#askAll(names.map((name) => ["pexpireat", name, endsMs]));
  }

  async #unlink(upload: string, chunks: number): Promise<void> {
    const names = Array.from({ length: chunks }, (_, n) => this.#chunk(upload, n));
    if (names.length > 0) await this.#ask(["unlink", ...names]);
  }

  #file({ env, tenant }: BlobScope, digest: string): string {
    return `${this.#prefix}{${env}:${tenant}:${digest}}`;
  }

  #chunk(upload: string, n: number): string {
    return `${this.#prefix}{${upload}}:${n}`;
  }

  async #ask(command: Command): Promise<unknown> {
    return (await this.#askAll([command]))[0];
  }

  /** Sends commands about one file at once. @throws STORE_UNAVAILABLE, STORE_READ_ONLY */
  async #askAll(commands: readonly Command[]): Promise<readonly unknown[]> {
    const pipeline = this.#client.pipeline() as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>> & {
      exec(): Promise<readonly (readonly [Error | null, unknown])[] | null>;
    };
    for (const [name, ...args] of commands) pipeline[name]?.(...args);
    let stalled: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      stalled = setTimeout(
        () => reject(new GreenticError("STORE_UNAVAILABLE", "Ask Redis for a file: the server says nothing")),
        STALL_MS,
      );
    });
    try {
      const results = (await Promise.race([pipeline.exec(), late])) ?? [];
      return commands.map((_, n) => {
        const [error, answer] = results[n] ?? [new Error("no answer"), undefined];
        if (error !== null) throw error;
        return answer;
      });
    } catch (error) {
      throw redisFailure(error, "Ask Redis for a file");
    } finally {
      clearTimeout(stalled);
    }
  }
}

/** The digest at the end of a file's name. */
const digestIn = (file: string): string => file.slice(file.lastIndexOf(":") + 1, -1);
