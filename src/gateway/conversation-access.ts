/**
 * Who may open a conversation and who may use one. A tenant's own servers have a secret, which opens conversations for people whom
 * they name and reaches every conversation of its web chat; everybody else has a token of one conversation, bound to a person and to
 * the origin that it was made for.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-authentication
 */
import { isOneOf } from "../messaging/index.ts";
import type { Provider } from "../messaging/index.ts";
import type { JsonObject, JsonValue, TeamId, TenantId } from "../types/index.ts";
import {
  DEFAULT_TEAM,
  GreenticError,
  isJsonObject,
  parseJson,
  quote,
  randomHex,
  teamId,
  userId,
} from "../types/index.ts";
import { WEBCHAT_CHANNEL } from "./conversation-log.ts";
import { logKeyOf } from "./log-key.ts";
import type { ConversationClaims, ConversationTokens, NewConversation } from "./conversation-tokens.ts";
import type { GatewayRequest } from "./exchange.ts";
import type { GatewayLimits, GatewayOptions, GatewayTenant, WebChatSettings } from "./options.ts";
import { judgeOrigin } from "./origins.ts";
import { requestLocale } from "./request-locale.ts";

const MAX_USER_LENGTH = 128;
const MAX_ORIGINS = 16;
const MAX_BODY_BYTES = 65_536;
const CONVERSATION = /^[0-9a-f]{32}$/;
/** How far back the person of a conversation is looked for: a worker says no more than this before anybody answers. */
const FIRST_ENTRIES = 50;

/** What Direct Line needs of the gateway. */
export interface DirectLineOptions extends GatewayOptions {
  readonly limits: GatewayLimits;
  readonly tokens: ConversationTokens;
}

/** Whose web chat a path is about. */
export interface Place {
  /** Undefined where the path names none that could exist. */
  readonly tenant: TenantId | undefined;
  readonly known: GatewayTenant | undefined;
}

/** Judges requests about conversations. */
export class ConversationAccess {
  readonly #options: DirectLineOptions;

  constructor(options: DirectLineOptions) {
    this.#options = options;
  }

  /**
   * Decides who may have a new conversation, and makes its id and user: 128 bits of chance, never the client's choice.
   * @throws GATEWAY_UNAUTHENTICATED, GATEWAY_ORIGIN_DENIED, GATEWAY_RATE_LIMITED, GATEWAY_USER_INVALID, GATEWAY_ORIGINS_INVALID
   */
  async open(request: GatewayRequest, at: Place): Promise<NewConversation> {
    const { world, env, limits } = this.#options;
    const bearer = bearerOf(request);
    const team = teamAt(request, at);
    const settings = settingsOf(at, team);
    const isTrusted = bearer !== undefined && (await isSecretOf(bearer, settings));
    const body = await readBody(request, Math.min(MAX_BODY_BYTES, limits.maxBodyBytes));
    if (
      at.tenant === undefined ||
      settings === undefined ||
      !(isTrusted || (settings.anonymous && bearer === undefined))
    ) {
      throw unauthenticated();
    }
    if (judgeOrigin(request, settings.origins ?? []).kind === "denied") throw originDenied();
    const named = isJsonObject(body.user) ? body.user.id : undefined;
    // A tenant's own server asks for many people from one address, and no stranger may use up a person's share.
    if (!isTrusted) await this.#limit(`address:${at.tenant}:${request.address}`, limits.tokensPerMinute);
    if (typeof named === "string") {
      const whose = `${isTrusted ? "named" : "claimed"}:${at.tenant}:${named.slice(0, MAX_USER_LENGTH)}`;
      await this.#limit(whose, limits.tokensPerUserPerMinute);
    }
    const origin = request.header("origin");
    const locale = requestLocale(request, body.locale);
    const conversation = randomHex(world, 16);
    const opened = {
      env,
      tenant: at.tenant,
      team,
      // Whoever has no secret may not say who they are.
      user: isTrusted ? trustedUser(named, conversation) : `dl_${randomHex(world, 16)}`,
      conversation,
      origins: isTrusted ? trustedOrigins(body.trustedOrigins) : origin === undefined ? [] : [origin],
      ...(locale === undefined ? {} : { locale }),
    };
    this.provider(opened);
    return opened;
  }

  /**
   * Checks the bearer of a request about a conversation: a token of ours for this tenant, env, conversation and origin, or the
   * secret of its web chat. `from` is whom a server with a secret names as the speaker.
   * @throws GATEWAY_UNAUTHENTICATED where there is none, GATEWAY_TOKEN_INVALID for every other reason
   */
  async authorise(
    request: GatewayRequest,
    at: Place,
    {
      conversation,
      from,
    }: { readonly conversation?: string; readonly from?: () => Promise<JsonValue | undefined> } = {},
  ): Promise<ConversationClaims> {
    const bearer = bearerOf(request);
    if (bearer === undefined) throw unauthenticated();
    const claims =
      (await this.#options.tokens.verify(bearer)) ??
      (conversation === undefined ? undefined : await this.#trusted(request, at, { bearer, conversation, from }));
    const origin = request.header("origin");
    if (
      claims === undefined ||
      claims.tenant !== at.tenant ||
      claims.env !== this.#options.env ||
      (conversation !== undefined && claims.conversation !== conversation) ||
      (origin !== undefined && claims.origins.length > 0 && !claims.origins.includes(origin)) ||
      this.#options.runtime.channel(claims, WEBCHAT_CHANNEL) === undefined
    ) {
      throw new GreenticError("GATEWAY_TOKEN_INVALID", "Check token: not valid here");
    }
    return claims;
  }

  /**
   * Checks who asks for a file of a conversation: the bearer, or the ticket of a link, which browsers fetch without one.
   * @throws GATEWAY_UNAUTHENTICATED, GATEWAY_TOKEN_INVALID
   */
  async authoriseFile(request: GatewayRequest, at: Place, conversation: string): Promise<ConversationClaims> {
    const ticket = new URLSearchParams(request.query).get("t");
    if (ticket === null) return this.authorise(request, at, { conversation });
    const claims = await this.#options.tokens.verifyFileTicket(ticket);
    const isHere = claims?.tenant === at.tenant && claims?.env === this.#options.env;
    if (claims === undefined || !isHere || claims.conversation !== conversation)
      throw new GreenticError("GATEWAY_TOKEN_INVALID", "Check ticket: not valid here");
    return claims;
  }

  /** Tells whether a request bears the secret of the web chat that it is about. */
  async hasSecret(request: GatewayRequest, at: Place): Promise<boolean> {
    const bearer = bearerOf(request);
    return bearer !== undefined && isSecretOf(bearer, settingsOf(at, teamAt(request, at)));
  }

  /** The web chat that a conversation is in. @throws GATEWAY_UNAUTHENTICATED */
  provider(scope: Pick<NewConversation, "env" | "tenant" | "team">): Provider {
    const provider = this.#options.runtime.channel(scope, WEBCHAT_CHANNEL);
    if (provider === undefined) throw unauthenticated();
    return provider;
  }

  async #trusted(
    request: GatewayRequest,
    at: Place,
    {
      bearer,
      conversation,
      from,
    }: {
      readonly bearer: string;
      readonly conversation: string;
      readonly from: (() => Promise<JsonValue | undefined>) | undefined;
    },
  ): Promise<ConversationClaims | undefined> {
    const { env, world, runtime, tokens } = this.#options;
    const team = teamAt(request, at);
    if (at.tenant === undefined || !CONVERSATION.test(conversation)) return undefined;
    if (!(await isSecretOf(bearer, settingsOf(at, team)))) return undefined;
    const scope = { env, tenant: at.tenant, team };
    const provider = runtime.channel(scope, WEBCHAT_CHANNEL);
    if (provider === undefined) return undefined;
    const named = await from?.();
    const user = isBoundUser(named) ? userId(named) : await this.#personOf(conversation, provider);
    return { ...scope, user, conversation, origins: [], expiresAtMs: world.nowMs() + tokens.ttlSeconds * 1000 };
  }

  /** The person of a conversation that a server speaks for without naming anybody: who spoke in it first. */
  async #personOf(conversation: string, provider: Provider): Promise<string> {
    const unnamed = personOfConversation(conversation);
    const key = logKeyOf({ conversation, user: unnamed }, provider);
    const entries = await this.#options.runtime.store.readLog(key, { after: -1, limit: FIRST_ENTRIES });
    for (const { activity } of entries) {
      const from = isJsonObject(activity) ? activity["from"] : undefined;
      if (isJsonObject(from) && from["role"] === "user" && isBoundUser(from["id"])) return from["id"];
    }
    return unnamed;
  }

  /** Counts a token towards what a name may have, over all gateways. @throws GATEWAY_RATE_LIMITED */
  async #limit(name: string, perMinute: number): Promise<void> {
    const { store } = this.#options.runtime;
    const rate = { capacity: perMinute, perSecond: perMinute / 60 };
    const retryAfterMs = await store.takeTokens(`tokens:${name}`, rate);
    if (retryAfterMs === 0) return;
    throw new GreenticError("GATEWAY_RATE_LIMITED", "Make token: too many of late", { retryAfterMs });
  }
}

/** Reads an optional JSON object as a body; anything else than an object counts as empty. @throws GATEWAY_BODY_TOO_LARGE, TYPES_JSON_… */
export async function readBody(request: GatewayRequest, maxBytes = MAX_BODY_BYTES): Promise<JsonObject> {
  const raw = await request.body(maxBytes);
  const body = raw.byteLength === 0 ? {} : parseJson(raw, { maxDepth: 16 });
  return isJsonObject(body) ? body : {};
}

/** The refusal of sites that the tenant doesn't name. */
export function originDenied(): GreenticError {
  return new GreenticError("GATEWAY_ORIGIN_DENIED", "Open web chat: this origin isn't allowed");
}

const BEARER = /^Bearer +([\w.~+/=-]{1,4096})$/i;

function bearerOf(request: GatewayRequest): string | undefined {
  return BEARER.exec(request.header("authorization") ?? "")?.[1];
}

async function isSecretOf(bearer: string, settings: WebChatSettings | undefined): Promise<boolean> {
  const secrets = (await settings?.secrets?.()) ?? [];
  return isOneOf(
    bearer,
    secrets.filter((secret) => secret !== ""),
  );
}

function settingsOf({ known }: Place, team: TeamId): WebChatSettings | undefined {
  return known?.teamWebchats?.[team] ?? known?.webchat;
}

/** The team that a request names, else the tenant's own. @throws TYPES_ID_INVALID */
function teamAt(request: GatewayRequest, { known }: Place): TeamId {
  const named = request.query === "" ? null : new URLSearchParams(request.query).get("team");
  return named === null || named === "" ? (known?.team ?? DEFAULT_TEAM) : teamId(named);
}

function isBoundUser(named: JsonValue | undefined): named is string {
  return typeof named === "string" && named.startsWith("dl_") && named.length <= MAX_USER_LENGTH;
}

/** Whom a server's conversation is with where it names nobody: found again from the conversation alone. */
function personOfConversation(conversation: string): string {
  return `dl_${conversation}`;
}

function trustedUser(named: JsonValue | undefined, conversation: string): string {
  if (named === undefined || named === null) return personOfConversation(conversation);
  if (!isBoundUser(named)) {
    throw new GreenticError("GATEWAY_USER_INVALID", "Read user of token: expected an id that begins with dl_");
  }
  return userId(named);
}

/** Reads the sites that a server binds a token to. What isn't an origin must not leave a token that any site may use. */
function trustedOrigins(origins: JsonValue | undefined): readonly string[] {
  if (origins === undefined || origins === null) return [];
  if (!Array.isArray(origins) || origins.length === 0 || origins.length > MAX_ORIGINS)
    throw new GreenticError(
      "GATEWAY_ORIGINS_INVALID",
      `Read trustedOrigins: expected a list of 1 to ${MAX_ORIGINS} origins`,
    );
  return (origins as readonly JsonValue[]).map((origin) => {
    if (typeof origin === "string" && URL.parse(origin)?.origin === origin && origin !== "null") return origin;
    const got = typeof origin === "string" ? quote(origin) : typeof origin;
    throw new GreenticError("GATEWAY_ORIGINS_INVALID", `Read trustedOrigins: expected origins, got ${got}`);
  });
}

function unauthenticated(): GreenticError {
  return new GreenticError("GATEWAY_UNAUTHENTICATED", "Open web chat: no token for this channel");
}
