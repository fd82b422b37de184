import { isIP } from "node:net";
import type { MailServer, Security } from "./settings.ts";

/** Gives the addresses that a channel may connect to for a host. @throws HTTP_HOST_UNRESOLVED, HTTP_ADDRESS_DENIED */
export type FindAddresses = (host: string) => Promise<readonly string[]>;

/** Where a connection goes, and how it is kept private. */
export interface MailRoute {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly security: Exclude<Security, "local">;
  /** The name that the server's certificate must have; absent where it is known by its address alone. */
  readonly servername: string | undefined;
}

/**
 * Finds the way to a mail server. Without a word of the operator's nothing leaves this machine readable, neither messages nor passwords.
 * @throws what `find` throws
 */
export async function routeTo({ host, port, security }: MailServer, find: FindAddresses): Promise<MailRoute> {
  const addresses = await find(host);
  const isLocal = addresses.length > 0 && addresses.every(isLoopback);
  return {
    addresses,
    port,
    security: security === "local" ? (isLocal ? "plain" : "starttls") : security,
    servername: isIP(host) === 0 ? host : undefined,
  };
}

const isLoopback = (address: string): boolean =>
  address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
