import { resolveAddresses, resolveHost } from "../http/index.ts";
import type { CheckedAddress, ResolveHost } from "../http/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import { isLoopback } from "./reference.ts";

/** What decides where connections may go. */
export interface AddressOptions {
  /** Registries beside loopback that are asked over plain http, as references name them. */
  readonly plainHttp?: readonly string[];
  /** Addresses and CIDR ranges that a registry may send us to though they aren't public. Default none. */
  readonly privateAddresses?: readonly string[];
  /** Default the machine's resolver. */
  readonly resolve?: ResolveHost;
}

const ANYWHERE = ["0.0.0.0/0", "::/0"];

/** Tells whether a registry may be asked over plain http. */
export function isPlainHttp(registry: string, { plainHttp }: AddressOptions): boolean {
  return isLoopback(registry) || plainHttp?.includes(registry) === true;
}

/**
 * Resolves a URL's host once; the connection goes to these addresses and none else. A registry is where its operator says, also
 * within a private network. Where it sends us on, to storages and token servers, must be public, the registry's own host,
 * or granted: else a stranger's registry would read what only this machine can reach.
 * @throws OCI_REDIRECT_REFUSED, OCI_REGISTRY_UNAVAILABLE
 */
export async function resolveRegistry(
  url: URL,
  { registry, ...options }: AddressOptions & { readonly registry: URL },
): Promise<readonly CheckedAddress[]> {
  const isNamed =
    url.hostname === registry.hostname ||
    options.plainHttp?.includes(url.host) === true ||
    (isLoopback(url.host) && isLoopback(registry.host));
  const { privateAddresses = [], resolve = resolveHost } = options;
  try {
    return await resolveAddresses(url, { privateAddresses: isNamed ? ANYWHERE : privateAddresses, resolve });
  } catch (error) {
    if (isGreenticError(error, "HTTP_ADDRESS_DENIED"))
      throw new GreenticError(
        "OCI_REDIRECT_REFUSED",
        `Follow ${quote(registry.origin)}: it leads to ${quote(url.origin)}, whose address isn't public`,
        { cause: error },
      );
    if (!isGreenticError(error, "HTTP_HOST_UNRESOLVED")) throw error;
    throw new GreenticError("OCI_REGISTRY_UNAVAILABLE", `Connect to ${quote(url.origin)}: its name isn't known`, {
      cause: error,
    });
  }
}
