import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { GreenticError, quote } from "../types/index.ts";
import { isAddressGranted, isPublicAddress } from "./address.ts";
import { bareHost } from "./origin.ts";

/** An address that a connection may go to. */
export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Resolves a host's name to all of its addresses. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** Asks the machine's resolver. */
export const resolveHost: ResolveHost = async (host) =>
  (await lookup(host, { all: true, order: "ipv4first" })).map(({ address }) => address);

/**
 * Resolves a URL's host once and checks every address; the connection then goes to these addresses and none else, so a
 * second answer of the name server can't lead it elsewhere.
 * @throws HTTP_HOST_UNRESOLVED, HTTP_ADDRESS_DENIED
 */
export async function resolveAddresses(
  url: URL,
  options: { readonly privateAddresses: readonly string[]; readonly resolve: ResolveHost },
): Promise<readonly CheckedAddress[]> {
  const host = bareHost(url);
  const literal = host.startsWith("[") ? host.slice(1, -1) : host;
  const addresses = isIP(literal) === 0 ? await resolveName(literal, options.resolve) : [literal];
  return addresses.map((address) => {
    if (!isPublicAddress(address) && !isAddressGranted(address, options.privateAddresses)) {
      throw new GreenticError("HTTP_ADDRESS_DENIED", `Connect to ${quote(url.origin)}: address isn't public`);
    }
    return { address, family: isIP(address) === 4 ? 4 : 6 };
  });
}

/**
 * Finds the addresses of a host that something else than HTTP connects to, under the same rules.
 * @throws HTTP_HOST_UNRESOLVED, HTTP_ADDRESS_DENIED
 */
export async function hostAddresses(
  host: string,
  {
    privateAddresses = [],
    resolve = resolveHost,
  }: { readonly privateAddresses?: readonly string[]; readonly resolve?: ResolveHost },
): Promise<readonly string[]> {
  const url = new URL(`https://${host.includes(":") ? `[${host}]` : host}`);
  return (await resolveAddresses(url, { privateAddresses, resolve })).map(({ address }) => address);
}

async function resolveName(host: string, resolve: ResolveHost): Promise<readonly string[]> {
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch (error) {
    throw new GreenticError("HTTP_HOST_UNRESOLVED", `Resolve ${quote(host)}: no answer`, { cause: error });
  }
  if (addresses.length === 0) throw new GreenticError("HTTP_HOST_UNRESOLVED", `Resolve ${quote(host)}: no address`);
  return addresses;
}
