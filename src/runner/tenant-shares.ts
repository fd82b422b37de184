import type { SessionKeyText } from "../types/index.ts";

/** The tenant of a session's key, `env:tenant:…`. */
function tenantOf(key: SessionKeyText): string {
  const start = key.indexOf(":") + 1;
  return key.slice(start, key.indexOf(":", start));
}

/** Counts sessions by tenant. */
function sharesOf(keys: Iterable<SessionKeyText>): Map<string, number> {
  const shares = new Map<string, number>();
  for (const key of keys) {
    const tenant = tenantOf(key);
    shares.set(tenant, (shares.get(tenant) ?? 0) + 1);
  }
  return shares;
}

/** Tells whether no tenant has more of these sessions than this one. */
export function hasLargestShare(tenant: string, keys: Iterable<SessionKeyText>): boolean {
  const shares = sharesOf(keys);
  const own = shares.get(tenant) ?? 0;
  return own > 0 && [...shares.values()].every((share) => share <= own);
}

/**
 * Takes the next sessions to serve, so that whoever has fewest under way comes first and nobody waits behind another tenant's crowd;
 * within a tenant in their order.
 */
export function pickFairly(
  wanted: ReadonlySet<SessionKeyText>,
  limit: number,
  serving: Iterable<SessionKeyText>,
): readonly SessionKeyText[] {
  if (wanted.size <= limit) return [...wanted];
  const shares = sharesOf(serving);
  const lanes = new Map<string, SessionKeyText[]>();
  for (const key of wanted) {
    const tenant = tenantOf(key);
    const lane = lanes.get(tenant);
    // More of one tenant than there is room for are never taken.
    if (lane === undefined) lanes.set(tenant, [key]);
    else if (lane.length < limit) lane.push(key);
  }
  if (lanes.size === 1) return [...lanes.values()].flat();
  const taken: SessionKeyText[] = [];
  const open = [...lanes].map(([tenant, lane]) => ({ lane, at: 0, share: shares.get(tenant) ?? 0 }));
  while (taken.length < limit && open.length > 0) {
    let least = 0;
    for (let i = 1; i < open.length; i++) if ((open[i]?.share ?? 0) < (open[least]?.share ?? 0)) least = i;
    const next = open[least];
    const key = next?.lane[next.at];
    if (next === undefined || key === undefined) break;
    taken.push(key);
    next.at++;
    next.share++;
    if (next.at === next.lane.length) open.splice(least, 1);
  }
  return taken;
}
