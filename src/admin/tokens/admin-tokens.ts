import { timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { changeText, writeFileAtomic } from "../../files/index.ts";
import type { SharedText } from "../../files/index.ts";
import { GreenticError, quote, randomHex } from "../../types/index.ts";
import type { World } from "../../types/index.ts";
import type { Grant } from "../roles.ts";

import { formatTokens, readTokens } from "./token-file.ts";
import { isToken, makeToken, tokenDigest } from "./token-text.ts";

/** A token as it is kept: everything but the token. Times are wall-clock milliseconds. */
export interface TokenRecord extends Grant {
  readonly id: string;
  /** Of one living token of its tenant. */
  readonly name: string;
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  readonly revokedAtMs?: number;
}

/** How long what was revoked or has expired stays listed. */
const GONE_KEPT_MS = 30 * 86_400_000;
const MAX_TOKENS = 1_000;
/** When a token was used last is known to the minute. */
const USED_EVERY_MS = 60_000;

export interface AdminTokensOptions {
  /** What is kept of them: for one machine a file, for processes over a shared store a record of that. */
  readonly kept: SharedText;
  /** When each was used last, as far as this host knows; a file that it alone writes. */
  readonly usedFile: string;
  readonly world: Pick<World, "nowMs" | "randomBytes">;
}

/**
 * The tokens of the hosts that share what is kept of them. Every look-up reads what is there now, so that what another process revokes
 * counts with the next request; where it can't be read, no token lets anybody in.
 */
export class AdminTokens {
  readonly #kept: SharedText;
  readonly #usedFile: string;
  readonly #world: AdminTokensOptions["world"];
  #cached: { readonly text: string; readonly records: readonly TokenRecord[] } | undefined;
  readonly #used = new Map<string, number>();
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #saving: Promise<void> = Promise.resolve();

  constructor({ kept, usedFile, world }: AdminTokensOptions) {
    this.#kept = kept;
    this.#usedFile = usedFile;
    this.#world = world;
  }

  /** Makes a token; it is told here and never again. @throws ADMIN_NAME_TAKEN, ADMIN_TOKENS_INVALID */
  create(
    wanted: Grant & { readonly name: string; readonly expiresAtMs?: number | undefined },
  ): Promise<{ readonly token: string; readonly record: TokenRecord }> {
    const { name, tenant, role, expiresAtMs } = wanted;
    const token = makeToken(this.#world);
    return this.#change((all) => {
      const nowMs = this.#world.nowMs();
      const records = all.filter((record) => !isForgotten(record, nowMs));
      if (records.some((one) => one.name === name && one.tenant === tenant && isLiving(one, nowMs)))
        throw new GreenticError("ADMIN_NAME_TAKEN", `Create token: ${quote(name)} names a living one`);
      if (records.length >= MAX_TOKENS)
        throw new GreenticError(
          "ADMIN_NAME_TAKEN",
          `Create token: expected at most ${MAX_TOKENS} tokens, got one more`,
        );
      const record: TokenRecord = {
        id: randomHex(this.#world as World, 8),
        name,
        tenant,
        role,
        digest: tokenDigest(token),
        createdAtMs: nowMs,
        ...(expiresAtMs !== undefined && { expiresAtMs }),
      };
      return { records: [...records, record], value: { token, record } };
    });
  }

  /** Lists tokens, of one tenant (or `*`) where one is given. @throws ADMIN_TOKENS_INVALID */
  async list(tenant?: string): Promise<readonly TokenRecord[]> {
    return (await this.#read()).filter((record) => tenant === undefined || record.tenant === tenant);
  }

  /** Revokes the living token of an id; false where there is none. Counts with the next request. */
  revoke(id: string, tenant?: string): Promise<boolean> {
    return this.#change((records) => {
      const nowMs = this.#world.nowMs();
      const found = records.find((one) => one.id === id && (tenant === undefined || one.tenant === tenant));
      if (found === undefined || found.revokedAtMs !== undefined) return { value: false };
      return { records: records.map((one) => (one === found ? { ...one, revokedAtMs: nowMs } : one)), value: true };
    });
  }

  /** Takes in tokens that were kept elsewhere before, as `text` has them; those that are known stay as they are. @throws ADMIN_TOKENS_INVALID */
  adopt(text: string, place: string): Promise<void> {
    const found = readTokens(text, place);
    return this.#change((records) => {
      const others = found.filter(({ id }) => !records.some((one) => one.id === id));
      return { ...(others.length > 0 && { records: [...records, ...others] }), value: undefined };
    });
  }

  /** Finds the living token of a text. Every record is compared whole, so that time tells nothing. */
  async find(text: string): Promise<TokenRecord | undefined> {
    if (!isToken(text)) return undefined;
    const digest = Buffer.from(tokenDigest(text), "hex");
    const nowMs = this.#world.nowMs();
    let found: TokenRecord | undefined;
    for (const record of await this.#read())
      if (timingSafeEqual(Buffer.from(record.digest, "hex"), digest) && isLiving(record, nowMs)) found = record;
    if (found !== undefined) this.#noteUse(found.id, nowMs);
    return found;
  }

  /** Tells whether anybody could get in with a token. */
  async hasLiving(): Promise<boolean> {
    const nowMs = this.#world.nowMs();
    return (await this.#read()).some((record) => isLiving(record, nowMs));
  }

  /** When tokens were used last, to the minute, by id. */
  async lastUsed(): Promise<ReadonlyMap<string, number>> {
    const kept = await readUsed(this.#usedFile);
    return new Map([...kept, ...this.#used]);
  }

  /** Waits for what is being written. */
  async settle(): Promise<void> {
    await this.#saving;
  }

  /** A request must not fail or wait because of this. */
  #noteUse(id: string, nowMs: number): void {
    this.#used.set(id, nowMs);
    if (nowMs - this.#savedAtMs < USED_EVERY_MS) return;
    this.#savedAtMs = nowMs;
    this.#saving = this.#saving.then(async () => {
      try {
        const living = new Set((await this.#read()).map((record) => record.id));
        const all = [...(await readUsed(this.#usedFile)), ...this.#used].filter(([one]) => living.has(one));
        await writeFileAtomic(this.#usedFile, Buffer.from(JSON.stringify(Object.fromEntries(all))));
      } catch {
        // The next minute tries again.
      }
    });
  }

  /** The command line and hosts may write at once. */
  #change<T>(
    edit: (records: readonly TokenRecord[]) => { readonly records?: readonly TokenRecord[]; readonly value: T },
  ): Promise<T> {
    return changeText(this.#kept, (text) => {
      const { records, value } = edit(this.#parse(text));
      return { ...(records && { text: formatTokens(records) }), value };
    });
  }

  async #read(): Promise<readonly TokenRecord[]> {
    return this.#parse(await this.#kept.read());
  }

  #parse(text: string | undefined): readonly TokenRecord[] {
    if (text === undefined) return [];
    if (this.#cached?.text !== text) this.#cached = { text, records: readTokens(text, this.#kept.place) };
    return this.#cached.records;
  }
}

async function readUsed(file: string): Promise<ReadonlyMap<string, number>> {
  try {
    const value = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    return new Map(Object.entries(value).flatMap(([id, at]) => (typeof at === "number" ? [[id, at] as const] : [])));
  } catch {
    return new Map();
  }
}

/** Tells whether a token still lets anybody in. */
export function isLiving({ expiresAtMs, revokedAtMs }: TokenRecord, nowMs: number): boolean {
  return revokedAtMs === undefined && (expiresAtMs === undefined || nowMs < expiresAtMs);
}

function isForgotten({ expiresAtMs, revokedAtMs }: TokenRecord, nowMs: number): boolean {
  const goneAtMs = Math.min(expiresAtMs ?? Number.POSITIVE_INFINITY, revokedAtMs ?? Number.POSITIVE_INFINITY);
  return nowMs - goneAtMs > GONE_KEPT_MS;
}
