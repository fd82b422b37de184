import type { AuditLog } from "../telemetry/index.ts";
import type { AdminHost } from "./admin-host.ts";
import type { AdminTokens } from "./tokens/admin-tokens.ts";
import type { Grant } from "./roles.ts";

/** What an admin API serves and how. */
export interface AdminOptions {
  readonly host: AdminHost;
  readonly audit: AuditLog;
  readonly tokens: AdminTokens;
  readonly oidc?: OidcOptions;
  /** Who the subjects of client certificates are, by common name; only of certificates that the listener's authority signed. */
  readonly clients?: readonly ClientGrant[];
  /** Host names that requests may name. Default those of this machine's loopback. */
  readonly hosts?: readonly string[];
  /** Sites whose pages may call. Default none. */
  readonly origins?: readonly string[];
  /** Addresses and CIDR ranges of proxies whose `X-Forwarded-For` is believed. Default none. */
  readonly trustedProxies?: readonly string[];
  readonly limits?: Partial<AdminLimits>;
  /** Hears what is told to nobody outside. Must not throw. */
  readonly report?: (report: AdminReport) => void;
}

/** An issuer whose tokens are believed, and what their claims allow. */
export interface OidcOptions {
  /** `https://login.example.com/realms/ops`, letter by letter as tokens name it. */
  readonly issuer: string;
  readonly audience: string;
  /** Where its keys are; found by its metadata where absent. */
  readonly jwksUrl?: string;
  readonly grants: readonly ClaimGrant[];
  /** Fetches JSON of the issuer. @throws where it can't */
  readonly fetchJson: (url: string) => Promise<unknown>;
}

/** Who has this value among a claim's has the role. */
export interface ClaimGrant extends Grant {
  /** `groups`; dots reach into objects. */
  readonly claim: string;
  readonly value: string;
}

/** Who has a certificate of this name has the role. */
export interface ClientGrant extends Grant {
  readonly name: string;
}

/** Bounds of what callers can take. */
export interface AdminLimits {
  /** Requests of one address and of one credential a second, twice that at once; 0 for no bound. Default 50. */
  readonly requestsPerSecond: number;
  /** Packs are read whole. Default 64 MiB. */
  readonly maxPackBytes: number;
  /** Uploads at once. Default 2. */
  readonly maxUploads: number;
  /** Default 256. */
  readonly maxConnections: number;
  /** Default 64. */
  readonly maxConnectionsPerAddress: number;
  /** Default 10,000. */
  readonly headersTimeoutMs: number;
  /** The whole request. Default 120,000. */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_LIMITS: AdminLimits = {
  requestsPerSecond: 50,
  maxPackBytes: 64 << 20,
  maxUploads: 2,
  maxConnections: 256,
  maxConnectionsPerAddress: 64,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
};

/** What happened, for the host's own log; holds no credentials. */
export type AdminReport =
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly route: string; readonly error: unknown };
