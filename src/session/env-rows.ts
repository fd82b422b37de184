import type { EnvId, SessionKeyText } from "../types/index.ts";

/** Rows of a tenant among which a page begins or one is looked for, newest first. */
export const MAX_SEARCHED = 100_000;

interface Row {
  readonly key: SessionKeyText;
  readonly order: number;
}

/** Tells whether a record is of an env: a store may hold several. */
export function isOfEnv(env: EnvId, { key }: Pick<Row, "key">): boolean {
  return key.startsWith(startOfEnv(env));
}

/** What stands before all keys of an env, and behind those of the envs before it: where listing its sessions begins. */
export function startOfEnv(env: EnvId): SessionKeyText {
  return `${env}:` as SessionKeyText;
}

/** Reads up to `limit + 1` of the newest rows of an env behind `before`: few where that will do. */
export async function newestRows<T extends Row>(
  env: EnvId,
  fetch: (limit: number) => Promise<readonly T[]>,
  { limit, before }: { readonly limit: number; readonly before?: number | undefined },
): Promise<readonly T[]> {
  for (const asked of before === undefined ? [limit + 1, MAX_SEARCHED] : [MAX_SEARCHED]) {
    const rows = await fetch(asked);
    const found = rows.filter((row) => isOfEnv(env, row) && (before === undefined || row.order < before));
    if (found.length > limit || rows.length < asked || asked === MAX_SEARCHED) return found.slice(0, limit + 1);
  }
  return [];
}
