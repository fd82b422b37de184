import type { Runtime } from "../runner/index.ts";
import type { EnvId, JsonObject, TeamId, TenantId, World } from "../types/index.ts";
import type { OAuthRoutes } from "./oauth-routes.ts";
import type { TurnFeed } from "./turn-feed.ts";

/** What a gateway serves and how. */
export interface GatewayOptions {
  readonly runtime: Runtime;
  readonly env: EnvId;
  readonly world: World;
  /** The tenant of `/webhook/{flow}`. */
  readonly defaultTenant: TenantId;
  /** At least 32 bytes that sign the conversations' tokens; the same on every replica. */
  readonly tokenKey: Uint8Array;
  /** A tenant's settings; undefined for tenants that don't exist. */
  readonly tenant: (tenant: TenantId) => GatewayTenant | undefined;
  /** Directory of the built page, with `index.html` and `webchat.js`. */
  readonly pageDir?: string;
  /** Events of turns, for the page's side pane (env dev only). */
  readonly turns?: TurnFeed;
  /** Answers programs that call a tenant's flows at `/v1/mcp/{tenant}`, and judges who may; absent: nobody. The tenant may not exist. */
  readonly mcp?: (request: Request, tenant: string) => Promise<Response>;
  /** Answers the OAuth broker's requests; absent where no provider is declared. */
  readonly oauth?: OAuthRoutes;
  /** Lifetime of conversation tokens, 60 to 604,800. Default 1,800. */
  readonly tokenTtlSeconds?: number;
  /** Whether the default tenant's Direct Line stands at `/v3/directline` and `/token` too, where old clients look for it. Default no. */
  readonly hasRootDirectLine?: boolean;
  /** Where clients reach this host, for stream URLs: `https://chat.example.com`. Default what the request's Host says. */
  readonly publicUrl?: string;
  /** Host names that requests may name; defends a local host against DNS rebinding. Default any. */
  readonly hosts?: readonly string[];
  /** Addresses and CIDR ranges of proxies whose `X-Forwarded-For` is believed. Default none. */
  readonly trustedProxies?: readonly string[];
  /** Packs that the host was given and that don't run as they are, for `/status`. */
  readonly refused?: () => readonly { readonly pack: string; readonly code: string }[];
  /** Whether requests are taken in; a process of other roles only tells how it is. Default yes. */
  readonly takesIn?: boolean;
  /** What `/status` tells beside the gateway's own. */
  readonly status?: () => JsonObject;
  /** Tells whether the host should get traffic. Default yes, until draining. */
  readonly isReady?: () => boolean | Promise<boolean>;
  /** Hears what is told to nobody outside: reasons of refusals, failures. Must not throw. */
  readonly report?: (report: GatewayReport) => void;
  readonly limits?: Partial<GatewayLimits>;
}

/** One tenant as the gateway sees it. */
export interface GatewayTenant {
  /** The team of requests that name none. Default `default`. */
  readonly team?: TeamId;
  readonly webchat?: WebChatSettings;
  /** Web chats of teams that have their own. */
  readonly teamWebchats?: Readonly<Record<string, WebChatSettings>>;
  readonly page?: PageSettings;
}

/** Who may open conversations. */
export interface WebChatSettings {
  /** Whether anybody gets a token; otherwise only who has a secret. */
  readonly anonymous: boolean;
  /** Reads the Direct Line secrets of the tenant's own servers as they stand; two while one is rotated. */
  readonly secrets?: () => Promise<readonly string[]>;
  /** Other sites that may embed the page: `https://www.example.com`. The host's own origin always may. */
  readonly origins?: readonly string[];
  /** Whether a new conversation sends the flow an empty message with `metadata.autoStart`. Default false. */
  readonly autoStart?: boolean;
}

/** What the page shows of a tenant. */
export interface PageSettings {
  readonly locales: readonly string[];
  readonly theme: JsonObject;
  readonly worker: {
    readonly title: string;
    readonly description: string;
    readonly suggestions: readonly string[];
  };
}

/** Bounds of what strangers can take. */
export interface GatewayLimits {
  /** Default 1 MiB. */
  readonly maxBodyBytes: number;
  /** How long a webhook waits for its turn. Default 25,000. */
  readonly webhookTimeoutMs: number;
  /** Webhook requests of one tenant that wait at once. Default 256. */
  readonly maxWaitingPerTenant: number;
  /** Intake requests of one address a second, twice that at once; 0 for no bound. Default 500. */
  readonly requestsPerSecond: number;
  /** The same of one tenant. Default 0. */
  readonly tenantRequestsPerSecond: number;
  /** Tokens one address may get a minute. Default 60. */
  readonly tokensPerMinute: number;
  /** Tokens for one user id a minute. Default 5. */
  readonly tokensPerUserPerMinute: number;
  /** Streams of one conversation at once. Default 8. */
  readonly maxStreamsPerConversation: number;
  /** All streams. Default 20,000. */
  readonly maxStreams: number;
  /** All connections. Default 25,000. */
  readonly maxConnections: number;
  /** Connections of one address. Default 1,024. */
  readonly maxConnectionsPerAddress: number;
}

/** What happened, for the host's own log; holds no message texts and no credentials. */
export type GatewayReport =
  | { readonly kind: "refused"; readonly route: string; readonly reason: string }
  | { readonly kind: "failed"; readonly route: string; readonly error: unknown };

/** The limits where options give none. */
export const DEFAULT_LIMITS: GatewayLimits = {
  maxBodyBytes: 1 << 20,
  webhookTimeoutMs: 25_000,
  maxWaitingPerTenant: 256,
  requestsPerSecond: 500,
  tenantRequestsPerSecond: 0,
  tokensPerMinute: 60,
  tokensPerUserPerMinute: 5,
  maxStreamsPerConversation: 8,
  maxStreams: 20_000,
  maxConnections: 25_000,
  maxConnectionsPerAddress: 1024,
};
