import type { JsonObject, JsonValue, OutcomeError, SecretHeader, TenantCtx } from "../types/index.ts";
import type { ComponentGrants } from "./grants.ts";

/** The family of calling conventions that a component's exports show. @see upstream reference §3.2 */
export type ComponentAbi =
  | "exec"
  | "node04"
  | "node05"
  | "node06"
  | "component060"
  | "runtime061"
  | "ingress002"
  | "validate010"
  | "mcp250618"
  | "mcp250326"
  | "mcp241105"
  | "identity010"
  | "command"
  | "tool-invoke"
  | "functions"
  | "none";

/** What admission found in a component; a pure function of its bytes. */
export interface ComponentInfo {
  /** Lower-case hex; the component's name everywhere in the host. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly abi: ComponentAbi;
  /** Imported interfaces and functions with their versions, as the component spells them. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** Another admitted component that serves one import of a called component, by a fresh instance of its own. */
export interface ComponentLink {
  /** The interface with its version, as the one imports and the other exports it. */
  readonly interface: string;
  /** Hash of the component that serves it. */
  readonly sha256: string;
  /** Its name in the pack; the prefix of its state. */
  readonly component: string;
  /** What it may reach itself; its caller's grants aren't its own. */
  readonly grants: ComponentGrants;
}

/** An operation as a component describes it. */
export interface DescribedOperation {
  readonly name: string;
  readonly summary?: string;
  /** JSON Schema of what it takes and gives, where the component says so. */
  readonly inputSchema?: JsonValue;
  readonly outputSchema?: JsonValue;
}

/** What a component says of itself; all of it is a stranger's word. */
export interface ComponentDescription {
  readonly name?: string;
  readonly version?: string;
  readonly summary?: string;
  /** Where a family describes nothing, the operations that it always has. */
  readonly operations: readonly DescribedOperation[];
  /** JSON Schema of its configuration. */
  readonly configSchema?: JsonValue;
  /** The questions of its setup. */
  readonly setup?: JsonValue;
  /** Keys of the texts that it wants translated. */
  readonly i18nKeys: readonly string[];
}

/** One call into a component. */
export interface ComponentCall {
  /** Hash of an admitted component. */
  readonly sha256: string;
  /** The component's name in its pack; the prefix of its state. */
  readonly component: string;
  readonly operation: string;
  readonly input: JsonValue;
  /** Configuration values of the pack, where the family has a place for them. */
  readonly config?: JsonValue;
  readonly grants: ComponentGrants;
  readonly services: HostServices;
  /** Who serves the imports that the host doesn't have; all under this call's deadline. */
  readonly links?: readonly ComponentLink[];
  /**
   * "tenant" lets an instance of the same tenant, pack, component, links and grants serve again, so that what the guest kept in
   * its memory may be there; default "none", a fresh instance for every call.
   */
  readonly reuse?: "none" | "tenant";
  /** Hash of the pack that the component is of; instances are not reused from one pack to another. */
  readonly pack?: string;
  /** Wall time that the call may take, host calls included. Default 10,000. */
  readonly timeoutMs?: number;
}

/** What a call cost. */
export interface CallStats {
  readonly wallMs: number;
  readonly fuel: number;
  readonly peakMemoryBytes: number;
  readonly hostCalls: readonly string[];
  /** The guest's stdout, stderr and log lines, capped and stripped of control characters. */
  readonly log: string;
}

/** How a call ended. A component's own error record keeps its code, retryable, backoff and details. */
export type ComponentResult =
  | { readonly kind: "ok"; readonly output: JsonValue; readonly stats: CallStats }
  | { readonly kind: "error"; readonly error: OutcomeError; readonly stats: CallStats };

/**
 * What the parent answers to a component's host calls. Every one is called only after the call's grant was checked; an
 * implementation needs no second check but must scope by `ctx`.
 */
export interface HostServices {
  /** Sends one HTTP request; address checks and redirects are its own. */
  readonly http: (ctx: TenantCtx, request: HostHttpRequest) => Promise<HostHttpResponse>;
  /** Reads a secret; undefined where there is none. */
  readonly secret: (ctx: TenantCtx, name: string) => Promise<Uint8Array | undefined>;
  /** Told of a secret that was asked for and isn't granted. */
  readonly secretDenied?: (ctx: TenantCtx, denied: { readonly name: string; readonly isWrite: boolean }) => void;
  /** Writes a secret of the tenant; where it is absent, guests are denied. */
  readonly secretWrite?: (ctx: TenantCtx, name: string, value: Uint8Array) => Promise<void>;
  /** Where it is absent, guests get no token. */
  readonly oauth?: HostOAuth;
  /** State is read and written by `component/key`, the component being the one that asked. */
  readonly stateRead: (ctx: TenantCtx, key: string) => Promise<Uint8Array | undefined>;
  readonly stateWrite: (ctx: TenantCtx, key: string, value: Uint8Array) => Promise<void>;
  readonly stateDelete: (ctx: TenantCtx, key: string) => Promise<void>;
  readonly tool: (ctx: TenantCtx, name: string, input: JsonValue) => Promise<JsonValue>;
  /** Reads one file of the pack's assets; undefined where there is none. */
  readonly asset: (path: string) => Promise<Uint8Array | undefined>;
  /** Lists the pack's assets by their whole paths; where it is absent, guests see an empty directory. */
  readonly assetList?: () => Promise<readonly HostAsset[]>;
  /** Gives a value of the pack's configuration; where it is absent there are none. */
  readonly config?: (ctx: TenantCtx, key: string) => Promise<JsonValue | undefined>;
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
}

/** One file of a pack's assets. */
export interface HostAsset {
  /** With its leading `assets/`. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** Who speaks to OAuth providers for components; each provider is granted by its id before it is called. */
export interface HostOAuth {
  /** Gives the address where a person consents. */
  consentUrl(
    ctx: TenantCtx,
    request: OAuthSubject & {
      readonly scopes: readonly string[];
      /** A path alone; the host knows its own origin. */
      readonly redirectPath: string;
      /** Parameters of the provider's own; empty where there are none. */
      readonly extra: JsonObject;
    },
  ): Promise<string>;
  /** Turns an authorization code into a token set, which it keeps. */
  exchange(
    ctx: TenantCtx,
    request: OAuthSubject & { readonly code: string; readonly redirectPath: string },
  ): Promise<JsonObject>;
  /** Gives a token set that it keeps, refreshed where that is needed; undefined where there is none. */
  token(
    ctx: TenantCtx,
    request: OAuthSubject & { readonly scopes: readonly string[] },
  ): Promise<JsonObject | undefined>;
}

/** Whose tokens at which provider. */
interface OAuthSubject {
  readonly provider: string;
  /** The account, as the component names it; it means nothing outside the tenant. */
  readonly subject: string;
}

export interface HostHttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
  readonly timeoutMs?: number;
  /** Origins that the request and its redirects may reach. */
  readonly origins: readonly string[];
  /** Default true. */
  readonly followRedirects?: boolean;
  /** Secrets that the host adds for their origins, and takes out of what comes back. */
  readonly secretHeaders?: readonly SecretHeader[];
}

export interface HostHttpResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Runs components that nobody trusts. */
export interface ComponentHost extends AsyncDisposable {
  /**
   * Checks a component once and keeps it ready by hash: size, structure, opcodes, limits, imports within grants.
   * @throws COMPONENT_BINARY_INVALID, COMPONENT_IMPORT_UNGRANTED (with the import's name), COMPONENT_ASYNC_UNSUPPORTED
   */
  admit(bytes: Uint8Array, grants: ComponentGrants): Promise<ComponentInfo>;
  /**
   * Like {@link admit} without a judgement of its imports: that is `checkImports`, where others may serve some of them.
   * @throws COMPONENT_BINARY_INVALID, COMPONENT_ASYNC_UNSUPPORTED
   */
  examine(bytes: Uint8Array): Promise<ComponentInfo>;
  /**
   * Calls an operation in a fresh instance.
   * @throws COMPONENT_NOT_ADMITTED where the hash is unknown; everything that the guest does wrong is a result, not a throw.
   */
  invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult>;
  /**
   * Asks an admitted component what it is, in a fresh instance that reaches nothing; the answer is kept by hash.
   * @throws COMPONENT_NOT_ADMITTED, COMPONENT_ABI_UNSUPPORTED, COMPONENT_OUTPUT_INVALID, COMPONENT_TRAPPED,
   * COMPONENT_DEADLINE_EXCEEDED, COMPONENT_HOST_LOST
   */
  describe(sha256: string, links?: readonly ComponentLink[]): Promise<ComponentDescription>;
}
