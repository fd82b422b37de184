import { readFile } from "node:fs/promises";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";
import type { LoadRecord } from "./load-record.ts";
import { writeFileAtomic } from "../files/index.ts";

/** Remembers what each tenant loaded last under each pack name. */
export interface LoadRecords {
  get(tenant: TenantId, name: string): Promise<LoadRecord | undefined>;
  put(tenant: TenantId, record: LoadRecord & { readonly name: string }): Promise<void>;
}

/** Load records in one JSON file, `{ tenant: { pack: { version, pack_hash } } }`; for one process at a time. */
export class FileLoadRecords implements LoadRecords {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws PACK_LOAD_RECORD_INVALID where the file is damaged: guessing would let an old version in */
  async get(tenant: TenantId, name: string): Promise<LoadRecord | undefined> {
    await this.#last;
    return (await this.#read()).get(tenant)?.get(name);
  }

  async put(tenant: TenantId, { name, version, packHash }: LoadRecord & { readonly name: string }): Promise<void> {
    const write = async (): Promise<void> => {
      const all = await this.#read();
      const ofTenant = all.get(tenant) ?? new Map<string, LoadRecord>();
      all.set(tenant, ofTenant.set(name, { version, packHash }));
      const rows = [...all].map(([id, packs]) => [
        id,
        Object.fromEntries([...packs].map(([pack, r]) => [pack, { version: r.version, pack_hash: r.packHash }])),
      ]);
      await writeFileAtomic(this.#path, Buffer.from(`${JSON.stringify(Object.fromEntries(rows), undefined, 2)}\n`));
    };
    // One write after the other, also behind one that failed; its caller has the error.
    const mine = this.#last.then(write);
    this.#last = mine.catch(() => undefined);
    await mine;
  }

  async #read(): Promise<Map<string, Map<string, LoadRecord>>> {
    const bytes = await readFile(this.#path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw this.#damaged(error);
    });
    if (bytes === undefined) return new Map();
    try {
      const root = parseJson(bytes, { maxBytes: 64 << 20 });
      if (!isJsonObject(root)) throw this.#damaged();
      return new Map(Object.entries(root).map(([tenant, packs]) => [tenant, this.#readTenant(packs)]));
    } catch (error) {
      throw this.#damaged(error);
    }
  }

  #readTenant(packs: unknown): Map<string, LoadRecord> {
    if (!isJsonObject(packs)) throw this.#damaged();
    return new Map(
      Object.entries(packs).map(([name, row]): [string, LoadRecord] => {
        if (!isJsonObject(row) || typeof row.version !== "string" || typeof row.pack_hash !== "string")
          throw this.#damaged();
        return [name, { version: row.version, packHash: row.pack_hash }];
      }),
    );
  }

  #damaged(cause?: unknown): GreenticError {
    return new GreenticError("PACK_LOAD_RECORD_INVALID", `Read load records ${quote(this.#path)}: damaged`, { cause });
  }
}
