import { openRecordStore } from "../records/record-store.ts";
import type { SessionStore } from "../store.ts";
import type { LibsqlPlaceOptions } from "./libsql-space.ts";
import { openLibsqlSpace } from "./libsql-space.ts";

/** Opens a store of sessions in libSQL, Turso's or a server of one's own. @throws what {@link openLibsqlSpace} throws */
export async function openLibsqlStore(options: LibsqlPlaceOptions): Promise<SessionStore> {
  return openRecordStore(await openLibsqlSpace(options), { world: options.world });
}
