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
  /** The digest of the artifact that it was pulled as, `sha256:…`. */
  readonly artifact?: string;
}

/**
 * The registered packs of a data directory: bytes by pack hash under `packs/`, what is said of how they were built beside them
 * as `<hash>.intoto.jsonl`, one envelope a line, and `packs.json` that says whose they are.
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
    options: {
      readonly pack: Pack;
      readonly allowUnsigned: boolean;
      readonly allowMismatch?: boolean;
      readonly artifact?: string;
    },
  ): Promise<ShelvedPack> {
    const { name, version, packHash, provenance } = options.pack;
    await mkdir(join(this.#dir, "packs"), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#blob(packHash), bytes);
    if (provenance.length > 0) await writeFileAtomic(this.#provenance(packHash), Buffer.from(linesOf(provenance)));
    const { allowUnsigned, allowMismatch = false, artifact } = options;
    const row: Row = {
      version,
      pack_hash: packHash,
      allow_unsigned: allowUnsigned,
      ...(allowMismatch && { allow_mismatch: true }),
      ...(artifact !== undefined && { artifact }),
      registered: true,
    };
    await this.#save([
      ...(await this.#load()).filter((other) => other.tenant !== tenant || other.name !== name),
      { tenant, name, row },
    ]);
    return { tenant, name, version, packHash, allowUnsigned, allowMismatch, ...(artifact && { artifact }) };
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
        ...(row.artifact !== undefined && { artifact: row.artifact }),
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

  /** Reads what is said of how a registered pack was built; whoever opens the pack verifies it. */
  async provenance({ packHash }: Pick<ShelvedPack, "packHash">): Promise<readonly Uint8Array[]> {
    const path = this.#provenance(packHash);
    if (!existsSync(path)) return [];
    const lines = (await readFile(path, "utf8")).split("\n");
    return lines.filter((line) => line !== "").map((line) => Buffer.from(line));
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

  #provenance(packHash: string): string {
    return join(this.#dir, "packs", `${packHash}.intoto.jsonl`);
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
  readonly artifact?: string;
  readonly registered: boolean;
}

interface Entry {
  readonly tenant: TenantId;
  readonly name: string;
  readonly row: Row;
}

/** Envelopes as lines; what isn't JSON is no envelope and isn't kept. */
function linesOf(envelopes: readonly Uint8Array[]): string {
  return envelopes
    .flatMap((bytes) => {
      try {
        return [`${JSON.stringify(parseJson(bytes, { maxBytes: 8 << 20 }))}\n`];
      } catch {
        return [];
      }
    })
    .join("");
}

function checkRow(row: unknown): Row {
  if (!isJsonObject(row)) throw damaged();
  const { version, pack_hash, allow_unsigned, allow_mismatch, artifact, registered } = row;
  if (typeof version !== "string" || typeof pack_hash !== "string" || !/^[0-9a-f]{64}$/.test(pack_hash))
    throw damaged();
  return {
    version,
    pack_hash,
    allow_unsigned: allow_unsigned === true,
    ...(allow_mismatch === true && { allow_mismatch }),
    ...(typeof artifact === "string" && { artifact }),
    registered: registered !== false,
  };
}

function damaged(): GreenticError {
  return new GreenticError(
    "DEPLOYER_SHELF_INVALID",
    "Read registered packs: packs.json of the data directory is damaged",
  );
}
