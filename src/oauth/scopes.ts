/** Scopes that say how to answer and not what may be done; providers needn't repeat them. */
const SILENT = new Set(["openid", "offline_access", "profile", "email"]);
/** What Google and Microsoft write before the scopes of their own APIs. */
const PREFIX = /^https:\/\/(?:www\.googleapis\.com\/auth\/|graph\.microsoft\.com\/)/i;

function bare(scope: string): string {
  return scope.replace(PREFIX, "").toLowerCase();
}

/** Lists what is wanted and wasn't given; providers spell some scopes otherwise than they were asked for. */
export function missingScopes(wanted: readonly string[], given: readonly string[]): readonly string[] {
  const has = new Set(given.map(bare));
  return wanted.filter((scope) => !SILENT.has(scope) && !has.has(bare(scope)));
}
