import { resolve } from "node:path";
import type { SchemaObject } from "ajv";
import { GreenticError, quote, tenantId } from "../types/index.ts";
import type { JsonObject, TenantId } from "../types/index.ts";

/** The admin API of this host; absent where it isn't served. Paths are absolute. */
export interface AdminConfig {
  /** As it was given. */
  readonly listen: string;
  readonly host: string;
  readonly port: number;
  /** Host names that requests may name; empty means those of this machine's loopback. */
  readonly hosts: readonly string[];
  /** Sites whose pages may call. */
  readonly origins: readonly string[];
  /** Of one address and of one credential; 0 for no bound. */
  readonly requestsPerSecond: number;
  readonly tls?: AdminTlsConfig;
  readonly oidc?: AdminOidcConfig;
}

export interface AdminTlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string;
  readonly crlFile?: string;
  readonly needsClient: boolean;
  readonly clients: readonly ({ readonly name: string } & AdminGrantConfig)[];
}

export interface AdminOidcConfig {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl?: string;
  readonly grants: readonly ({ readonly claim: string; readonly value: string } & AdminGrantConfig)[];
}

/** A role over a tenant, or with `*` over the host. */
export interface AdminGrantConfig {
  readonly tenant: TenantId | "*";
  readonly role: "viewer" | "operator" | "publisher" | "admin";
}

const text = { type: "string", minLength: 1 } as const;
const texts = { type: "array", items: text } as const;
const url = { type: "string", pattern: "^https?://[^\\s/?#@]+(?:/[^\\s?#]*)?$" } as const;
const grant = {
  tenant: { type: "string", pattern: "^(?:\\*|[a-z0-9][a-z0-9-]{0,62})$" },
  role: { enum: ["viewer", "operator", "publisher", "admin"] },
} as const;
const closed = (properties: Record<string, SchemaObject>, required: readonly string[] = []): SchemaObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});

/** The shape of `[admin]`. */
export const adminSchema: SchemaObject = closed({
  listen: text,
  hosts: texts,
  origins: { type: "array", items: { type: "string", pattern: "^https?://[^\\s/?#@]+$" } },
  requests_per_second: { type: "integer", minimum: 0 },
  tls: closed(
    {
      cert: text,
      key: text,
      client_ca: text,
      crl: text,
      require_client_certificate: { type: "boolean" },
      clients: { type: "array", items: closed({ name: text, ...grant }, ["name", "tenant", "role"]) },
    },
    ["cert", "key"],
  ),
  oidc: closed(
    {
      issuer: url,
      audience: text,
      jwks_url: url,
      grants: {
        type: "array",
        items: closed({ claim: text, value: text, ...grant }, ["claim", "value", "tenant", "role"]),
      },
    },
    ["issuer", "audience"],
  ),
});

/** Reads `[admin]`; `listen` of a flag or the environment turns it on too. @throws CONFIG_VALUE_INVALID */
export function readAdminConfig(
  root: JsonObject,
  { base, listen: given }: { readonly base: string; readonly listen: string | undefined },
): AdminConfig | undefined {
  const table = (root["admin"] ?? {}) as unknown as AdminTable;
  const listen = given ?? table.listen;
  if (listen === undefined) return undefined;
  const { tls, oidc } = table;
  return {
    listen,
    ...readAddress(listen),
    hosts: table.hosts ?? [],
    origins: table.origins ?? [],
    requestsPerSecond: table.requests_per_second ?? 50,
    ...(tls !== undefined && { tls: readTls(tls, base) }),
    ...(oidc !== undefined && { oidc: readOidc(oidc) }),
  };
}

interface GrantTable {
  readonly tenant: string;
  readonly role: AdminGrantConfig["role"];
}

interface TlsTable {
  readonly cert: string;
  readonly key: string;
  readonly client_ca?: string;
  readonly crl?: string;
  readonly require_client_certificate?: boolean;
  readonly clients?: readonly ({ readonly name: string } & GrantTable)[];
}

interface OidcTable {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks_url?: string;
  readonly grants?: readonly ({ readonly claim: string; readonly value: string } & GrantTable)[];
}

interface AdminTable {
  readonly listen?: string;
  readonly hosts?: readonly string[];
  readonly origins?: readonly string[];
  readonly requests_per_second?: number;
  readonly tls?: TlsTable;
  readonly oidc?: OidcTable;
}

/** `127.0.0.1:8081`, `[::1]:8081`, or a port of this machine alone. */
function readAddress(address: string): { readonly host: string; readonly port: number } {
  const [, v6, name, digits = ""] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535)
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read admin.listen: expected an address such as 127.0.0.1:8081, got ${quote(address)}`,
    );
  return { host: v6 ?? name ?? "127.0.0.1", port };
}

function readGrant({ tenant, role }: GrantTable): AdminGrantConfig {
  return { tenant: tenant === "*" ? "*" : tenantId(tenant), role };
}

function readTls(table: TlsTable, base: string): AdminTlsConfig {
  const { cert, key, client_ca: ca, crl, require_client_certificate: needsClient = false, clients = [] } = table;
  if (ca === undefined && (crl !== undefined || needsClient || clients.length > 0))
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      "Read admin.tls: expected client_ca beside crl, require_client_certificate and clients, got nothing",
    );
  return {
    certFile: resolve(base, cert),
    keyFile: resolve(base, key),
    ...(ca !== undefined && { clientCaFile: resolve(base, ca) }),
    ...(crl !== undefined && { crlFile: resolve(base, crl) }),
    needsClient,
    clients: clients.map((client) => ({ name: client.name, ...readGrant(client) })),
  };
}

function readOidc({ issuer, audience, jwks_url: jwksUrl, grants = [] }: OidcTable): AdminOidcConfig {
  return {
    issuer,
    audience,
    ...(jwksUrl !== undefined && { jwksUrl }),
    grants: grants.map((one) => ({ claim: one.claim, value: one.value, ...readGrant(one) })),
  };
}
