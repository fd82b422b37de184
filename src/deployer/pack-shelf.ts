import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../pack/index.ts";
import type { LoadRecord, Pack } from "../pack/index.ts";
import { GreenticError, isJsonObject, parseJson, quote, tenantId } from "../types/index.ts";
import type { JsonValue, TenantId } from "../types/index.ts";

/** A pack that an operator registered for a tenant. */
export interface ShelvedPack {
  readonly tenant: TenantId;
  readonly name: string;
  readonly version: string;
  /** Lower-case hex. */
  readonly packHash: string;
  /** The operator's decision to run it without a trusted signature. */
  readonly allowUnsigned: boolean;
  /** The operator's decision to run it though it lists other files of itself than it holds. */
  readonly allowMismatch: boolean;
}

/**
 * The registered packs of a data directory: bytes by pack hash under `packs/`, and `packs.json` that says whose they are.
 * What was removed leaves its version behind, so that an older one is still a downgrade.
 */
export class PackShelf {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = dataDir;
  }

  /** The file that changes with what is registered. */
  get file(): string {
    return join(this.#dir, "packs.json");
  }

  /** Registers a verified pack; blob first, so that the list never names bytes that aren't there. */
  async add(
    tenant: TenantId,
    bytes: Uint8Array,
    options: { readonly pack: Pack; readonly allowUnsigned: boolean; readonly allowMismatch?: boolean },
  ): Promise<ShelvedPack> {
    const { name, version, packHash } = options.pack;
    await mkdir(join(this.#dir, "packs"), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#blob(packHash), bytes);
    const { allowUnsigned, allowMismatch = false } = options;
    const row: Row = {
      version,
      pack_hash: packHash,
      allow_unsigned: allowUnsigned,
      ...(allowMismatch && { allow_mismatch: true }),
      registered: true,
    };
    await this.#save([
      ...(await this.#load()).filter((other) => other.tenant !== tenant || other.name !== name),
      { tenant, name, row },
    ]);
    return { tenant, name, version, packHash, allowUnsigned, allowMismatch };
  }

  /** Lists what is registered, of one tenant where one is given. */
  async list(tenant?: TenantId): Promise<readonly ShelvedPack[]> {
    return (await this.#load())
      .filter((entry) => entry.row.registered && (tenant === undefined || entry.tenant === tenant))
      .map(({ tenant: owner, name, row }) => ({
        tenant: owner,
        name,
        version: row.version,
        packHash: row.pack_hash,
        allowUnsigned: row.allow_unsigned,
        allowMismatch: row.allow_mismatch === true,
      }));
  }

  /** Reads a registered pack's bytes. @throws DEPLOYER_PACK_MISSING */
  async read(pack: ShelvedPack): Promise<Uint8Array> {
    const path = this.#blob(pack.packHash);
    if (!existsSync(path))
      throw new GreenticError(
        "DEPLOYER_PACK_MISSING",
        `Read pack ${quote(pack.name)} of ${pack.tenant}: its file is gone`,
      );
    return readFile(path);
  }

  /** Takes a pack off the list; false where it isn't on it. */
  async remove(tenant: TenantId, name: string): Promise<boolean> {
    const entries = await this.#load();
    const isThere = entries.some((entry) => entry.tenant === tenant && entry.name === name && entry.row.registered);
    if (isThere) {
      await this.#save(
        entries.map((entry) =>
          entry.tenant === tenant && entry.name === name
            ? { ...entry, row: { ...entry.row, registered: false } }
            : entry,
        ),
      );
    }
    return isThere;
  }

  /** Tells what a tenant loaded last under a name, registered or not. */
  async previous(tenant: TenantId, name: string): Promise<LoadRecord | undefined> {
    const entry = (await this.#load()).find((other) => other.tenant === tenant && other.name === name);
    return entry && { version: entry.row.version, packHash: entry.row.pack_hash };
  }

  #blob(packHash: string): string {
    return join(this.#dir, "packs", `${packHash}.gtpack`);
  }

  async #load(): Promise<readonly Entry[]> {
    const path = this.file;
    if (!existsSync(path)) return [];
    const bytes = await readFile(path);
    let root: JsonValue;
    try {
      root = parseJson(bytes, { maxBytes: 64 << 20 });
    } catch {
      throw damaged();
    }
    if (!isJsonObject(root)) throw damaged();
    return Object.entries(root).flatMap(([tenant, packs]) => {
      if (!isJsonObject(packs)) throw damaged();
      return Object.entries(packs).map(([name, row]) => ({ tenant: tenantId(tenant), name, row: checkRow(row) }));
    });
  }

  async #save(entries: readonly Entry[]): Promise<void> {
    const root: Record<string, Record<string, Row>> = {};
    for (const { tenant, name, row } of entries) (root[tenant] ??= {})[name] = row;
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.file, Buffer.from(`${JSON.stringify(root, null, 2)}\n`));
  }
}

interface Row {
  readonly version: string;
  readonly pack_hash: string;
  readonly allow_unsigned: boolean;
  readonly allow_mismatch?: boolean;
  readonly registered: boolean;
}

interface Entry {
  readonly tenant: TenantId;
  readonly name: string;
  readonly row: Row;
}

function checkRow(row: unknown): Row {
  if (!isJsonObject(row)) throw damaged();
  const { version, pack_hash, allow_unsigned, allow_mismatch, registered } = row;
  if (typeof version !== "string" || typeof pack_hash !== "string" || !/^[0-9a-f]{64}$/.test(pack_hash))
    throw damaged();
  return {
    version,
    pack_hash,
    allow_unsigned: allow_unsigned === true,
    ...(allow_mismatch === true && { allow_mismatch }),
    registered: registered !== false,
  };
}

function damaged(): GreenticError {
  return new GreenticError(
    "DEPLOYER_SHELF_INVALID",
    "Read registered packs: packs.json of the data directory is damaged",
  );
}
