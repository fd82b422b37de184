/** What a grant names: exact values, with `*` allowed only where the field says so. */
export interface AllowList {
  /** Origins `scheme://host[:port]`; `https://*.example.com` admits any one label; `*` whatever a manifest asks for. */
  readonly origins: readonly string[];
}

/** What may leave the sandbox over the network. */
export interface NetworkPolicy {
  readonly egress: AllowList;
  /** CIDR ranges or addresses that are reachable though they are loopback, private or link-local. */
  readonly privateAddresses: readonly string[];
}

/** What a tenant's operator decides about code and sends. */
export interface Policy {
  readonly network: NetworkPolicy;
  /** Names of secrets that components may ask for; `*` whatever a manifest asks for. */
  readonly secrets: readonly string[];
  /** Ids of the OAuth providers whose tokens components may ask for; `*` whatever a manifest asks for. */
  readonly oauth: readonly string[];
  /** What happens to a send of class C whose fate is unknown after a crash. */
  readonly unknownSends: "at-least-once" | "at-most-once";
}

/** Grants nothing. */
export const DENY_ALL: Policy = {
  network: { egress: { origins: [] }, privateAddresses: [] },
  secrets: [],
  oauth: [],
  unknownSends: "at-least-once",
};
