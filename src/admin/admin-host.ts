import type { PackSummary } from "../runner/index.ts";
import type { Erased, Erasure, SessionStore } from "../session/index.ts";
import type { EnvId, JsonObject, TeamId, TenantId, World } from "../types/index.ts";

/** What the admin API needs of the host that it is a part of; the command line gives it the functions behind its own verbs. */
export interface AdminHost {
  readonly env: EnvId;
  readonly version: string;
  readonly store: SessionStore;
  readonly world: Pick<World, "nowMs" | "monotonicMs" | "randomBytes">;
  /** The tenants that exist, in order. */
  readonly tenants: () => readonly TenantId[];
  readonly status: () => JsonObject;
  readonly isReady: () => Promise<boolean>;
  /** The configuration, without anything that opens a door. */
  readonly config: () => readonly ConfigRow[];
  readonly packs: AdminPacks;
  readonly secrets: AdminSecrets;
  readonly revocations: AdminRevocations;
  readonly oauth: AdminOAuth;
  /** The rules of a tenant's access maps, and of its teams'. */
  readonly access: (tenant: TenantId) => readonly AccessView[];
  /** The rules of policy, the host's and its tenants'. */
  readonly policies: () => readonly PolicyView[];
  /** Reads policy, quotas and retention anew, all or nothing; says which sections changed and the SHA-256 of what counts now. */
  readonly reloadPolicy: () => Promise<{ readonly changed: readonly string[]; readonly digest: string }>;
  /** What a tenant keeps, and how much it may where that is bounded. */
  readonly stored: (tenant: TenantId) => Promise<{ readonly bytes: number; readonly allowedBytes?: number }>;
  /** Erases what is kept of people: the store's records and their files. */
  readonly erase: (whose: Erasure) => Promise<Erased & { readonly files: number }>;
  readonly drain: {
    readonly isDraining: () => boolean;
    readonly start: () => void;
    readonly stop: () => void;
  };
  /** Reads the audit log, newest first: entries in front of the one numbered `before`. */
  readonly readAudit: (filter: AuditFilter) => Promise<readonly AuditRow[]>;
}

export interface ConfigRow {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

/** Packs that are registered, and those that run. */
export interface AdminPacks {
  /** What runs, of bundles too. */
  readonly running: () => readonly PackSummary[];
  readonly refused: () => readonly { readonly tenant: TenantId; readonly name: string; readonly code: string }[];
  readonly registered: (tenant: TenantId) => Promise<readonly RegisteredPack[]>;
  /** Verifies a pack as `gtc runner load` does, registers it, and lets it run. @throws what verifying throws */
  readonly load: (
    tenant: TenantId,
    bytes: Uint8Array,
    options: { readonly check: (current: RegisteredPack | undefined, name: string) => void },
  ) => Promise<RegisteredPack & { readonly signature: string }>;
  /** Takes a registered pack out; false where none has that name. */
  readonly unload: (
    tenant: TenantId,
    name: string,
    options: { readonly check: (current: RegisteredPack) => void },
  ) => Promise<boolean>;
}

export interface RegisteredPack {
  readonly name: string;
  readonly version: string;
  /** Lower-case hex. */
  readonly packHash: string;
}

/** Secrets by their names: no value ever comes out. */
export interface AdminSecrets {
  readonly list: (tenant: TenantId) => Promise<readonly SecretView[]>;
  readonly find: (name: SecretName) => Promise<SecretView | undefined>;
  /** @throws ADMIN_PRECONDITION_FAILED by way of `check`, which sees the version of now */
  readonly write: (name: SecretName, value: string, check: (current: string) => void) => Promise<SecretView>;
  readonly remove: (name: SecretName, check: (current: string) => void) => Promise<boolean>;
}

export interface SecretName {
  readonly tenant: TenantId;
  /** `_` for the tenant's own. */
  readonly team: string;
  readonly category: string;
  readonly name: string;
}

export interface SecretView {
  readonly team: string;
  readonly category: string;
  readonly name: string;
  /** The place whose value counts. */
  readonly from: string;
  /** Changes with the value and tells nothing else of it. */
  readonly version: string;
}

/** Packs and publishers that this host believes no more, whatever its configuration says. */
export interface AdminRevocations {
  readonly list: () => Promise<readonly Revocation[]>;
  /** Counts at once; false where it was there already. */
  readonly add: (revocation: Omit<Revocation, "at">) => Promise<boolean>;
  readonly remove: (revocation: Pick<Revocation, "kind" | "id">) => Promise<boolean>;
}

export interface Revocation {
  readonly kind: "pack" | "publisher";
  /** The pack's hash, or the key's id, 64 hex digits. */
  readonly id: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** OAuth providers of tenants, and what was consented to at them. Where none is declared, lists are empty and the rest isn't there. */
export interface AdminOAuth {
  readonly providers: (tenant: TenantId) => Promise<readonly OAuthProviderView[]>;
  /** Opens a provider as a consent would; the codes of what it lacks. @throws OAUTH_PROVIDER_UNKNOWN */
  readonly plan: (tenant: TenantId, provider: string) => Promise<readonly string[]>;
  /** Keeps a tenant's own registration. @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_REQUEST_INVALID where the configuration has one */
  readonly register: (tenant: TenantId, provider: string, registration: JsonObject) => Promise<OAuthProviderView>;
  /** False where the tenant has none. @throws OAUTH_PROVIDER_UNKNOWN */
  readonly unregister: (tenant: TenantId, provider: string) => Promise<boolean>;
  /** Asks for a consent of a service. @throws as `ask` of the broker */
  readonly start: (
    tenant: TenantId,
    request: {
      readonly provider: string;
      readonly service?: string;
      readonly team?: TeamId;
      readonly scopes?: readonly string[];
    },
  ) => Promise<{ readonly url: string; readonly expiresAtMs: number }>;
  readonly grants: (tenant: TenantId) => Promise<readonly OAuthGrantView[]>;
  /** False where there is none. */
  readonly revoke: (tenant: TenantId, owner: OAuthGrantView["owner"]) => Promise<boolean>;
}

export interface OAuthProviderView {
  readonly id: string;
  readonly preset: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly origins: readonly string[];
  /** What must be registered at the provider; absent while nobody says where browsers reach the host. */
  readonly redirect_uri?: string;
  readonly registration: "host" | "tenant" | "none";
}

export interface OAuthGrantView {
  readonly owner: {
    readonly provider: string;
    readonly kind: "user" | "service";
    readonly id: string;
    readonly team?: TeamId;
  };
  /** As the provider names it. */
  readonly account?: string;
  readonly scopes: readonly string[];
  readonly visibility: string;
  readonly createdAtMs: number;
  readonly renewed: number;
  readonly state: "connected" | "unconfirmed" | "revoked" | "reused";
}

export interface AccessView {
  readonly team?: string;
  /** What counts where no rule does. */
  readonly otherwise: string;
  readonly rules: readonly { readonly path: string; readonly policy: string }[];
}

export interface PolicyView {
  readonly id: string;
  readonly effect: "deny" | "allow";
  readonly at: readonly string[];
  /** CEL. */
  readonly when: string;
  readonly message?: string;
  /** Whom it is about where it is one tenant's own. */
  readonly tenant?: TenantId;
  /** In its file, from 1. */
  readonly line: number;
}

export interface AuditFilter {
  readonly tenant?: TenantId;
  readonly limit: number;
  readonly before?: number;
}

export interface AuditRow {
  readonly seq: number;
  readonly entry: JsonObject;
}
