import type { SessionKeyText } from "../types/index.ts";
import type { AdminHost } from "./admin-host.ts";

/** Rows of a tenant among which a page begins or one is looked for, newest first. */
export const MAX_SEARCHED = 100_000;

interface Row {
  readonly key: SessionKeyText;
  readonly order: number;
}

/** Tells whether a row is this host's: a store may hold several envs of a tenant. */
export function isHere({ env }: Pick<AdminHost, "env">, { key }: Pick<Row, "key">): boolean {
  return key.startsWith(`${env}:`);
}

/** Reads up to `limit + 1` of the newest rows of this host behind `before`: few where that will do. */
export async function newestRows<T extends Row>(
  host: Pick<AdminHost, "env">,
  fetch: (limit: number) => Promise<readonly T[]>,
  { limit, before }: { readonly limit: number; readonly before: number | undefined },
): Promise<readonly T[]> {
  for (const asked of before === undefined ? [limit + 1, MAX_SEARCHED] : [MAX_SEARCHED]) {
    const rows = await fetch(asked);
    const found = rows.filter((row) => isHere(host, row) && (before === undefined || row.order < before));
    if (found.length > limit || rows.length < asked || asked === MAX_SEARCHED) return found.slice(0, limit + 1);
  }
  return [];
}
