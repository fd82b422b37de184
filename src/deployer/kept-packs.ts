import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../pack/index.ts";
import { isGreenticError, isJsonObject, parseJson, teamId, tenantId } from "../types/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";

/** A version of a pack that ran, and for whom. */
export interface KeptPack {
  readonly tenant: TenantId;
  readonly team?: TeamId;
  readonly name: string;
  /** Lower-case hex. */
  readonly packHash: string;
  readonly allowUnsigned: boolean;
  readonly allowMismatch: boolean;
}

/**
 * The versions of packs that sessions may wait on, in a data directory: bytes by pack hash under `kept/`, and a file for each
 * scope that says whose they are and what its operator allowed. Whoever reads bytes verifies them.
 */
export class KeptPacks {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, "kept");
  }

  /** Keeps a version's bytes; what is there already isn't written again. */
  async keep(pack: KeptPack, bytes: Uint8Array): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const blob = this.#blob(pack.packHash);
    if (!existsSync(blob)) await writeFileAtomic(blob, bytes);
    const file = this.#row(pack);
    const text = `${JSON.stringify(pack)}\n`;
    if (!existsSync(file) || (await readFile(file, "utf8")) !== text) await writeFileAtomic(file, Buffer.from(text));
  }

  /** Lists what is kept; what can't be read any more isn't. */
  async list(): Promise<readonly KeptPack[]> {
    if (!existsSync(this.#dir)) return [];
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith(".json")).sort();
    const rows = await Promise.all(names.map(async (name) => readRow(await readFile(join(this.#dir, name)))));
    return rows.filter((row) => row !== undefined);
  }

  /** Reads a version's bytes; undefined where they are gone. */
  async read({ packHash }: Pick<KeptPack, "packHash">): Promise<Uint8Array | undefined> {
    const blob = this.#blob(packHash);
    return existsSync(blob) ? readFile(blob) : undefined;
  }

  /** Lets a scope's version go, and its bytes where no other scope has it. */
  async drop(pack: Pick<KeptPack, "tenant" | "team" | "packHash">): Promise<void> {
    await rm(this.#row(pack), { force: true });
    const isShared = (await this.list()).some(({ packHash }) => packHash === pack.packHash);
    if (!isShared) await rm(this.#blob(pack.packHash), { force: true });
  }

  #blob(packHash: string): string {
    return join(this.#dir, `${packHash}.gtpack`);
  }

  #row({ packHash, tenant, team }: Pick<KeptPack, "tenant" | "team" | "packHash">): string {
    return join(this.#dir, `${packHash}.${tenant}.${team ?? ""}.json`);
  }
}

function readRow(bytes: Uint8Array): KeptPack | undefined {
  try {
    const row = parseJson(bytes);
    if (!isJsonObject(row)) return undefined;
    const { tenant, team, name, packHash } = row;
    if (typeof tenant !== "string" || typeof name !== "string" || !/^[0-9a-f]{64}$/.test(packHash as string))
      return undefined;
    return {
      tenant: tenantId(tenant),
      ...(typeof team === "string" ? { team: teamId(team) } : {}),
      name,
      packHash: packHash as string,
      allowUnsigned: row["allowUnsigned"] === true,
      allowMismatch: row["allowMismatch"] === true,
    };
  } catch (error) {
    // A torn or foreign file keeps nothing.
    if (isGreenticError(error)) return undefined;
    throw error;
  }
}
