import { isAddressGranted } from "../http/index.ts";

/** As many hops as a request's chain of proxies may have; what a client makes up beyond them isn't read. */
const MAX_HOPS = 16;

/**
 * Tells who sent a request: the peer, or, where that is a trusted proxy, the last address of `X-Forwarded-For` that isn't one. A chain
 * that can't be read counts for the proxy that sent it, so that nobody gets an address by garbling it.
 */
export function clientAddress(peer: string, forwarded: string | undefined, trusted: readonly string[]): string {
  if (trusted.length === 0 || forwarded === undefined || !isAddressGranted(plain(peer), trusted)) return peer;
  const hops = forwarded.split(",").slice(-MAX_HOPS);
  let address = plain(peer);
  for (const hop of hops.toReversed()) {
    const named = plain(hop.trim());
    if (!ADDRESS.test(named)) return address;
    address = named;
    if (!isAddressGranted(address, trusted)) return address;
  }
  return address;
}

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/;

/** Without a port, brackets and the form that IPv6 sockets give IPv4 addresses. */
function plain(address: string): string {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? address.replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1");
  return bare.replace(/^::ffff:(?=\d+\.)/i, "");
}
