import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BlobStore } from "../src/blob/index.ts";
import type { SessionKey, SessionKeyText } from "../src/types/index.ts";
import { channelId, conversationId, envId, formatSessionKey, teamId, tenantId, userId } from "../src/types/index.ts";
import { verifies } from "../test/verifies.ts";

/** How the contract gets at a backend. */
export interface BlobFactory {
  /** Opens an empty store; each call another one. */
  readonly open: () => Promise<BlobStore>;
  /** Opens what a store left when its process was killed at this moment; absent where nothing survives. */
  readonly crash?: (store: BlobStore) => Promise<BlobStore>;
}

const LATER = Date.UTC(2100, 0, 1);
const OPTIONS = { maxBytes: 4 << 20, keepUntilMs: LATER };
const env = envId("prod");
const acme = { env, tenant: tenantId("acme") };
const other = { env, tenant: tenantId("acme-2") };

/** The key of a session of a tenant. */
export function sessionOf(tenant: string, user = "anna", conversation = "c1"): SessionKeyText {
  const key: SessionKey = {
    env,
    tenant: tenantId(tenant),
    team: teamId("default"),
    channel: channelId("webchat"),
    conversation: conversationId(conversation),
    user: userId(user),
  };
  return formatSessionKey(key);
}

async function* pieces(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part;
}

/** Reads a file whole; undefined where there is none. */
export async function readBlob(store: BlobStore, scope: typeof acme, url: string): Promise<Buffer | undefined> {
  const blob = await store.open(scope, url);
  if (blob === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const urlOf = (text: string): string => `blob:${createHash("sha256").update(text).digest("hex")}`;
const anna = sessionOf("acme");
const ben = sessionOf("acme", "ben", "c2");
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );

/** Holds a backend to every promise of a store of files. */
export function blobStoreContract(name: string, factory: BlobFactory): void {
  describe(`${name} blob store`, () => {
    test("put() keeps content under the name of its bytes, and open() gives it back as often as asked", async () => {
      await using store = await factory.open();
      expect(await store.put(anna, pieces("hel", "lo"), OPTIONS)).toEqual({ url: urlOf("hello"), sizeBytes: 5 });
      const blob = await store.open(acme, urlOf("hello"));
      expect(blob?.sizeBytes).toBe(5);
      for (let turn = 0; turn < 2; turn++)
        expect(await readBlob(store, acme, urlOf("hello"))).toEqual(Buffer.from("hello"));
      expect(await store.put(anna, pieces(), OPTIONS)).toEqual({ url: urlOf(""), sizeBytes: 0 });
      expect(await readBlob(store, acme, urlOf(""))).toEqual(Buffer.alloc(0));
    });

    test("put() keeps content of many pieces byte for byte", async () => {
      await using store = await factory.open();
      const bytes = Buffer.alloc((1 << 20) + 77, 0).map((_, n) => (n * 31) % 251);
      const cuts = [0, 1, 4_097, 262_144, 262_145, 700_001, bytes.byteLength];
      const parts = cuts.slice(1).map((end, n) => bytes.subarray(cuts[n], end));
      const { url, sizeBytes } = await store.put(anna, pieces(...parts), OPTIONS);
      expect(sizeBytes).toBe(bytes.byteLength);
      expect((await readBlob(store, acme, url))?.equals(bytes)).toBe(true);
    });

    test("put() refuses what is larger than it may be, and keeps nothing of it or of what broke off", async () => {
      await using store = await factory.open();
      expect(await codeOf(store.put(anna, pieces("hel", "lo"), { ...OPTIONS, maxBytes: 4 }))).toBe("BLOB_TOO_LARGE");
      expect(await store.open(acme, urlOf("hello"))).toBeUndefined();
      const broken = async function* (): AsyncGenerator<Uint8Array, void> {
        yield Buffer.from("half");
        throw new TypeError("broken off");
      };
      await expect(store.put(anna, broken(), OPTIONS)).rejects.toThrow("broken off");
      expect(await store.open(acme, urlOf("half"))).toBeUndefined();
      expect(await store.put(anna, pieces("hell"), { ...OPTIONS, maxBytes: 4 })).toMatchObject({ sizeBytes: 4 });
    });

    test("a tenant's file can't be named by another, and the same bytes of two tenants are two files", async () => {
      await using store = await factory.open();
      const { url } = await store.put(anna, pieces("secret"), OPTIONS);
      expect(await store.open(other, url)).toBeUndefined();
      expect(await store.owners(other, url)).toEqual([]);
      expect(await store.claim(sessionOf("acme-2"), url, LATER)).toBeUndefined();
      await store.put(sessionOf("acme-2"), pieces("secret"), OPTIONS);
      await store.release(anna, url);
      expect(await store.open(acme, url)).toBeUndefined();
      expect(await readBlob(store, other, url)).toEqual(Buffer.from("secret"));
    });

    test("names that are none of ours open nothing", async () => {
      await using store = await factory.open();
      await store.put(anna, pieces("x"), OPTIONS);
      const hex = urlOf("x").slice(5);
      for (const url of [
        "",
        hex,
        `blob:${hex.toUpperCase()}`,
        `blob:../${hex.slice(3)}`,
        `blob:${hex}/..`,
        "blob:*",
        `blob:${hex}\n`,
      ]) {
        expect(await store.open(acme, url)).toBeUndefined();
        expect(await store.claim(anna, url, LATER)).toBeUndefined();
        expect(await store.owners(acme, url)).toEqual([]);
        await store.release(anna, url);
      }
      expect(await readBlob(store, acme, urlOf("x"))).toEqual(Buffer.from("x"));
    });

    test("a file stays until the last session that it belongs to lets go of it", async () => {
      await using store = await factory.open();
      const { url } = await store.put(anna, pieces("shared"), OPTIONS);
      expect(await store.claim(ben, url, LATER)).toEqual({ url, sizeBytes: 6 });
      expect(await store.claim(ben, urlOf("none"), LATER)).toBeUndefined();
      expect(await store.owners(acme, url)).toEqual([anna, ben].toSorted());
      await store.release(anna, url);
      expect(await store.owners(acme, url)).toEqual([ben]);
      expect(await readBlob(store, acme, url)).toEqual(Buffer.from("shared"));
      await store.release(ben, url);
      expect(await store.open(acme, url)).toBeUndefined();
      await store.release(ben, url);
    });

    test("storedBytes() adds up a tenant's files, each once", async () => {
      verifies("quota.stored-bytes");
      await using store = await factory.open();
      expect(await store.storedBytes(acme)).toBe(0);
      const { url } = await store.put(anna, pieces("12345"), OPTIONS);
      await store.put(anna, pieces("12345"), OPTIONS);
      await store.claim(ben, url, LATER);
      await store.put(ben, pieces(Buffer.alloc(300_000)), OPTIONS);
      await store.put(sessionOf("acme-2"), pieces("1234567"), OPTIONS);
      expect(await store.storedBytes(acme)).toBe(300_005);
      expect(await store.storedBytes(other)).toBe(7);
      await store.release(anna, url);
      expect(await store.storedBytes(acme)).toBe(300_005);
      await store.release(ben, url);
      expect(await store.storedBytes(acme)).toBe(300_000);
      await store.erase(acme);
      expect(await store.storedBytes(acme)).toBe(0);
    });

    test("erase() takes a person's files, not those that others have too", async () => {
      await using store = await factory.open();
      const own = await store.put(anna, pieces("own"), OPTIONS);
      const shared = await store.put(anna, pieces("shared"), OPTIONS);
      await store.claim(ben, shared.url, LATER);
      const foreign = await store.put(sessionOf("acme-2"), pieces("own"), OPTIONS);
      expect(await store.erase({ ...acme, user: userId("anna") })).toBe(1);
      expect(await store.open(acme, own.url)).toBeUndefined();
      expect(await store.owners(acme, shared.url)).toEqual([ben]);
      expect(await store.open(other, foreign.url)).toBeDefined();
      expect(await store.erase(acme)).toBe(1);
      expect(await store.erase(acme)).toBe(0);
      expect(await store.open(other, foreign.url)).toBeDefined();
    });

    test("sweep() drops what is past its time unless its session is still there", async () => {
      await using store = await factory.open();
      const nowMs = LATER + 1_000;
      const gone = await store.put(anna, pieces("gone"), OPTIONS);
      const kept = await store.put(ben, pieces("kept"), OPTIONS);
      const young = await store.put(anna, pieces("young"), { ...OPTIONS, keepUntilMs: nowMs + 1 });
      const sweepAll = async (atMs: number): Promise<number> => {
        let dropped = 0;
        for (let n = 0; n < 8; n++)
          dropped += await store.sweep(atMs, { isKept: async (owner) => owner === ben, extendMs: 5_000 });
        return dropped;
      };
      expect(await sweepAll(LATER - 1)).toBe(0);
      expect(await sweepAll(nowMs)).toBe(1);
      expect(await store.open(acme, gone.url)).toBeUndefined();
      expect(await store.open(acme, kept.url)).toBeDefined();
      expect(await store.open(acme, young.url)).toBeDefined();
      expect(await sweepAll(nowMs + 4_999)).toBe(1);
      expect(await store.open(acme, kept.url)).toBeDefined();
    });

    test("many put the same and other files at once, and each is whole", async () => {
      await using store = await factory.open();
      const texts = Array.from({ length: 24 }, (_, n) => `file ${n % 6}`);
      const kept = await Promise.all(
        texts.map((text, n) => store.put(n % 2 === 0 ? anna : ben, pieces(text), OPTIONS)),
      );
      for (const [n, { url }] of kept.entries()) {
        expect(await readBlob(store, acme, url)).toEqual(Buffer.from(texts[n] ?? ""));
        expect(await store.owners(acme, url)).toHaveLength(1);
      }
      await Promise.all(kept.map(({ url }, n) => store.release(n % 2 === 0 ? anna : ben, url)));
      for (const { url } of kept) expect(await store.open(acme, url)).toBeUndefined();
    });

    const { crash } = factory;
    test.skipIf(crash === undefined)("what resolved survives its process, with its owners", async () => {
      await using store = await factory.open();
      const { url } = await store.put(anna, pieces("safe"), OPTIONS);
      await store.claim(ben, url, LATER);
      await using again = await (crash ?? factory.open)(store);
      expect(await readBlob(again, acme, url)).toEqual(Buffer.from("safe"));
      expect(await again.owners(acme, url)).toEqual([anna, ben].toSorted());
    });
  });
}
