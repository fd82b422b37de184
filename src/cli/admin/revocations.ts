/**
 * `revocations.json` of the data directory: `{ "revocations": [{ kind, id, reason, at }], "shared"? }`. Where processes share a store, the
 * list is a text of that, and the file is what this directory heard last: whoever judges a pack has it at hand, also while the store
 * is away.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Revocation } from "../../admin/index.ts";
import { changeText } from "../../files/index.ts";
import type { SharedText, SharedTexts } from "../../files/index.ts";
import type { Config } from "../../config/index.ts";
import { openFileTexts } from "../../files/index.ts";
import type { TrustPolicy } from "../../pack/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";

const MAX_BYTES = 16 << 20;
const NAME = "revocations";

type Named = Pick<Revocation, "kind" | "id">;

interface RevocationList {
  readonly revocations: readonly Revocation[];
  /** Whether the store had a word in it. */
  readonly isShared: boolean;
}

/** Reads what this directory knows to be revoked, oldest first. @throws ADMIN_REVOCATIONS_INVALID: who can't tell must not trust */
export async function readRevocations({ dataDir }: Config): Promise<readonly Revocation[]> {
  const place = join(dataDir, `${NAME}.json`);
  let text: string;
  try {
    text = await readFile(place, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw damaged(place);
  }
  return parseList(text, place).revocations;
}

/** The revocations of a host, in step with those of other processes over its store. */
export class HostRevocations {
  readonly #file: SharedText;
  readonly #kept: SharedText;

  constructor({ dataDir }: Config, texts: SharedTexts) {
    this.#file = openFileTexts(dataDir).of(NAME);
    this.#kept = texts.of(NAME);
  }

  /** Takes over what other processes revoked, and gives them what only this directory knew before. @throws STORE_UNAVAILABLE, ADMIN_REVOCATIONS_INVALID */
  async sync(): Promise<void> {
    if (this.#kept.place === this.#file.place) return;
    const own = parseList(await this.#file.read(), this.#file.place);
    if (!own.isShared) for (const one of own.revocations) await this.#add(one);
    const { revocations } = parseList(await this.#kept.read(), this.#kept.place);
    const text = formatList({ revocations, isShared: true });
    await changeText(this.#file, (now) => ({ ...(now !== text && { text }), value: undefined }));
  }

  /** Puts a revocation on the list; false where it was there. */
  async add(added: Revocation): Promise<boolean> {
    const isNew = await this.#add(added);
    await this.sync();
    return isNew;
  }

  /** Takes a revocation off the list; false where it wasn't there. */
  async remove(removed: Named): Promise<boolean> {
    // What only this directory knows must be in step before something goes, or it would come back.
    await this.sync();
    const wasThere = await this.#change((list) =>
      list.some((one) => isSame(one, removed)) ? list.filter((one) => !isSame(one, removed)) : undefined,
    );
    await this.sync();
    return wasThere;
  }

  #add(added: Revocation): Promise<boolean> {
    return this.#change((list) => (list.some((one) => isSame(one, added)) ? undefined : [...list, added]));
  }

  #change(edit: (list: readonly Revocation[]) => readonly Revocation[] | undefined): Promise<boolean> {
    return changeText(this.#kept, (now) => {
      const revocations = edit(parseList(now, this.#kept.place).revocations);
      return revocations === undefined
        ? { value: false }
        : { text: formatList({ revocations, isShared: false }), value: true };
    });
  }
}

/** Takes what was revoked out of a policy. */
export function withRevocations(trust: TrustPolicy, revocations: readonly Revocation[]): TrustPolicy {
  if (revocations.length === 0) return trust;
  const ids = (kind: Revocation["kind"]): readonly string[] =>
    revocations.filter((one) => one.kind === kind).map(({ id }) => id);
  return {
    ...trust,
    revoked: new Set([...trust.revoked, ...ids("publisher")]),
    revokedPacks: new Set([...(trust.revokedPacks ?? []), ...ids("pack")]),
  };
}

function isSame(a: Named, b: Named): boolean {
  return a.kind === b.kind && a.id === b.id;
}

function formatList({ revocations, isShared }: RevocationList): string {
  return `${JSON.stringify({ revocations, ...(isShared && { shared: true }) }, null, 2)}\n`;
}

function parseList(text: string | undefined, place: string): RevocationList {
  if (text === undefined) return { revocations: [], isShared: false };
  try {
    const root = parseJson(text, { maxBytes: MAX_BYTES });
    const list = isJsonObject(root) ? root["revocations"] : undefined;
    if (isJsonObject(root) && Array.isArray(list))
      return { revocations: (list as readonly JsonValue[]).map(readRevocation), isShared: root["shared"] === true };
  } catch {
    // Told below.
  }
  throw damaged(place);
}

function readRevocation(value: JsonValue): Revocation {
  if (!isJsonObject(value)) throw new RangeError("no object");
  const { kind, id, reason, at } = value;
  if ((kind !== "pack" && kind !== "publisher") || typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id))
    throw new RangeError("no revocation");
  return { kind, id, reason: typeof reason === "string" ? reason : "", at: typeof at === "string" ? at : "" };
}

function damaged(place: string): GreenticError {
  return new GreenticError(
    "ADMIN_REVOCATIONS_INVALID",
    `Read revocations: ${quote(place)} is damaged or can't be read`,
  );
}
