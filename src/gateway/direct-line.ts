/**
 * Direct Line 3.0 as a server, under `/v1/messaging/webchat/{tenant}/v3/directline`.
 * POST tokens/generate · POST tokens/refresh · POST conversations · GET conversations/{id} · POST and GET conversations/{id}/activities.
 * Watermarks are opaque to clients: the index of the log entry that comes next. Tokens that are forged, foreign or expired get the
 * same 403, which clients take as "get a new token".
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-api-reference
 */
import type { Provider } from "../messaging/index.ts";
import {
  activityFromLog,
  activityId,
  isOneOf,
  localeIn,
  parseActivity,
  receiveActivity,
  TokenBuckets,
} from "../messaging/index.ts";
import { conversationOf } from "../session/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";
import {
  conversationId,
  DEFAULT_TEAM,
  formatSessionKey,
  GreenticError,
  isJsonObject,
  parseJson,
  randomHex,
  teamId,
  tenantId,
  userId,
} from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { errorAnswer, jsonAnswer, unknownRoute } from "./answers.ts";
import type { ConversationClaims, ConversationTokens } from "./conversation-tokens.ts";
import { TOKEN_TTL_SECONDS } from "./conversation-tokens.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import type { GatewayLimits, GatewayOptions, WebChatSettings } from "./options.ts";
import { judgeOrigin, preflight, withCors } from "./origins.ts";

/** The channel's name in addresses. */
export const WEBCHAT_CHANNEL = "webchat";
const PAGE_SIZE = 200;
const MAX_USER_LENGTH = 128;

/** What Direct Line needs of the gateway. */
export interface DirectLineOptions extends GatewayOptions {
  readonly limits: GatewayLimits;
  readonly tokens: ConversationTokens;
}

/** Serves Direct Line for all tenants. */
export class DirectLine {
  readonly #options: DirectLineOptions;
  readonly #byAddress: TokenBuckets;
  readonly #byUser: TokenBuckets;

  constructor(options: DirectLineOptions) {
    this.#options = options;
    const { tokensPerMinute, tokensPerUserPerMinute } = options.limits;
    this.#byAddress = new TokenBuckets({ capacity: tokensPerMinute, perMs: tokensPerMinute / 60_000 });
    this.#byUser = new TokenBuckets({ capacity: tokensPerUserPerMinute, perMs: tokensPerUserPerMinute / 60_000 });
  }

  /** Answers a request; `rest` is the path after `…/v3/directline/`. */
  async handle(request: GatewayRequest, tenantName: string, rest: readonly string[]): Promise<GatewayAnswer> {
    const tenant = tenantOf(tenantName);
    const known = tenant === undefined ? undefined : this.#options.tenant(tenant);
    const settings = known?.webchat;
    const verdict = judgeOrigin(request, settings?.origins ?? []);
    if (request.method === "OPTIONS") return preflight(verdict);
    if (verdict.kind === "denied") {
      return errorAnswer(new GreenticError("GATEWAY_ORIGIN_DENIED", "Open web chat: this origin isn't allowed"));
    }
    let answer: GatewayAnswer;
    try {
      answer = await this.#route(request, { tenant, settings, team: known?.team ?? DEFAULT_TEAM }, rest);
    } catch (error) {
      if (!(error instanceof GreenticError)) this.#options.report?.({ kind: "failed", route: request.path, error });
      answer = errorAnswer(error);
    }
    return withCors(answer, verdict);
  }

  #route(request: GatewayRequest, at: Place, rest: readonly string[]): Promise<GatewayAnswer> | GatewayAnswer {
    const [first, second, third, ...more] = rest;
    const { method } = request;
    if (more.length > 0) return unknownRoute();
    if (method === "POST" && third === undefined) {
      if ((first === "tokens" && second === "generate") || (first === "token" && second === undefined)) {
        return this.#generate(request, at);
      }
      if (first === "tokens" && second === "refresh") return this.#refresh(request, at);
      if (first === "conversations" && second === undefined) return this.#start(request, at);
    }
    if (first !== "conversations" || second === undefined) return unknownRoute();
    if (method === "GET" && third === undefined) return this.#reconnect(request, at, second);
    if (third === "activities" && method === "POST") return this.#post(request, at, second);
    if (third === "activities" && method === "GET") return this.#read(request, at, second);
    return unknownRoute();
  }

  async #generate(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const opened = await this.#open(request, at);
    const token = await this.#options.tokens.issue(opened);
    return jsonAnswer(200, { conversationId: opened.conversation, token, expires_in: TOKEN_TTL_SECONDS });
  }

  async #refresh(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const claims = await this.#authorise(request, at);
    const token = await this.#options.tokens.issue(claims);
    return jsonAnswer(200, { conversationId: claims.conversation, token, expires_in: TOKEN_TTL_SECONDS });
  }

  /** Starts the token's conversation, or with a secret a new one. */
  async #start(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const bearer = bearerOf(request);
    const isSecret = bearer !== undefined && isSecretOf(bearer, at.settings);
    const claims = isSecret ? await this.#open(request, at) : await this.#authorise(request, at);
    const provider = this.#provider(claims);
    if (at.settings?.autoStart === true) {
      await this.#options.runtime.accept(
        provider,
        autoStart(provider, claims, localeIn(request.header("x-greentic-locale"))),
      );
    }
    return jsonAnswer(201, await this.#connection(request, claims, 0));
  }

  async #reconnect(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const claims = await this.#authorise(request, at, conversation);
    // Without a watermark everything is replayed: clients know activities by their ids, and a page that was reloaded has none.
    return jsonAnswer(200, await this.#connection(request, claims, watermarkOf(request.query)));
  }

  async #connection(
    request: GatewayRequest,
    claims: Omit<ConversationClaims, "expiresAtMs">,
    watermark: number,
  ): Promise<JsonObject> {
    const { tokens, publicUrl, world } = this.#options;
    const expiresAtMs = world.nowMs() + TOKEN_TTL_SECONDS * 1000;
    const [token, ticket] = await Promise.all([tokens.issue(claims), tokens.issueTicket({ ...claims, expiresAtMs })]);
    const base = publicUrl ?? `http://${request.header("host") ?? "localhost"}`;
    const path = `/v1/messaging/webchat/${claims.tenant}/v3/directline/conversations/${claims.conversation}/stream`;
    return {
      conversationId: claims.conversation,
      token,
      expires_in: TOKEN_TTL_SECONDS,
      streamUrl: `${base.replace(/^http/, "ws").replace(/\/$/, "")}${path}?watermark=${watermark}&t=${ticket}`,
    };
  }

  async #post(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const claims = await this.#authorise(request, at, conversation);
    const { runtime, world, limits } = this.#options;
    const provider = this.#provider(claims);
    const body = parseJson(await request.body(limits.maxBodyBytes), { maxBytes: limits.maxBodyBytes });
    const activity = parseActivity(body);
    if (activity.kind === "silent")
      return jsonAnswer(200, { id: `${conversation}|${activity.type}-${randomHex(world, 8)}` });
    const speaker = { conversation, user: claims.user, locale: request.header("x-greentic-locale") };
    const freshId = (): string => randomHex(world, 16);
    const message = receiveActivity(provider.address, activity, { speaker, freshId, nowMs: world.nowMs() });
    const { logIndex } = await runtime.accept(provider, message);
    return jsonAnswer(200, {
      id: logIndex === undefined ? `${conversation}|${freshId()}` : activityId(conversation, logIndex),
    });
  }

  async #read(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const claims = await this.#authorise(request, at, conversation);
    const watermark = watermarkOf(request.query);
    return jsonAnswer(
      200,
      (await readActivities(this.#options, claims, watermark)) ?? { activities: [], watermark: String(watermark) },
    );
  }

  /** Decides who may have a new conversation, and makes its id and user: 128 bits of chance, never the client's choice. */
  async #open(
    request: GatewayRequest,
    { tenant, settings, ...at }: Place,
  ): Promise<Omit<ConversationClaims, "expiresAtMs">> {
    const { world, env, limits } = this.#options;
    const bearer = bearerOf(request);
    const isTrusted = bearer !== undefined && isSecretOf(bearer, settings);
    const raw = await request.body(Math.min(65_536, limits.maxBodyBytes));
    const body = raw.byteLength === 0 ? {} : parseJson(raw, { maxDepth: 16 });
    if (
      tenant === undefined ||
      settings === undefined ||
      !(isTrusted || (settings.anonymous && bearer === undefined))
    ) {
      throw unauthenticated();
    }
    const team = teamOf(request.query) ?? at.team;
    const nowMs = world.nowMs();
    const named = isJsonObject(body) && isJsonObject(body.user) ? body.user.id : undefined;
    // A tenant's own server asks for many people from one address, and no stranger may use up a person's share.
    if (!isTrusted) this.#limit(this.#byAddress, `${tenant} ${request.address}`, nowMs);
    if (typeof named === "string")
      this.#limit(this.#byUser, `${tenant} ${isTrusted ? "named" : "claimed"} ${named}`, nowMs);
    const origin = request.header("origin");
    const opened = {
      env,
      tenant,
      team,
      // Whoever has no secret may not say who they are.
      user: isTrusted ? trustedUser(named, () => randomHex(world, 16)) : `dl_${randomHex(world, 16)}`,
      conversation: randomHex(world, 16),
      origins: isTrusted ? trustedOrigins(body) : origin === undefined ? [] : [origin],
    };
    this.#provider(opened);
    return opened;
  }

  #limit(buckets: TokenBuckets, name: string, nowMs: number): void {
    const bucket = buckets.of(name, nowMs);
    if (bucket.take(nowMs)) return;
    const retryAfterMs = bucket.readyAtMs(nowMs) - nowMs;
    throw new GreenticError("GATEWAY_RATE_LIMITED", "Make token: too many of late", { retryAfterMs });
  }

  /** Checks the bearer token: ours, of this tenant and env, of this conversation, from its origin. */
  async #authorise(request: GatewayRequest, { tenant }: Place, conversation?: string): Promise<ConversationClaims> {
    const bearer = bearerOf(request);
    if (bearer === undefined) throw unauthenticated();
    const claims = await this.#options.tokens.verify(bearer);
    const origin = request.header("origin");
    if (
      claims === undefined ||
      claims.tenant !== tenant ||
      claims.env !== this.#options.env ||
      (conversation !== undefined && claims.conversation !== conversation) ||
      (origin !== undefined && claims.origins.length > 0 && !claims.origins.includes(origin)) ||
      this.#options.runtime.channel(claims, WEBCHAT_CHANNEL) === undefined
    ) {
      throw new GreenticError("GATEWAY_TOKEN_INVALID", "Check token: not valid here");
    }
    return claims;
  }

  #provider(scope: {
    readonly env: ConversationClaims["env"];
    readonly tenant: TenantId;
    readonly team: TeamId;
  }): Provider {
    const provider = this.#options.runtime.channel(scope, WEBCHAT_CHANNEL);
    if (provider === undefined) throw unauthenticated();
    return provider;
  }
}

interface Place {
  /** Undefined where the path names none that could exist. */
  readonly tenant: TenantId | undefined;
  readonly settings: WebChatSettings | undefined;
  /** The team of requests that name none. */
  readonly team: TeamId;
}

/** The key of a conversation's log. */
export function logKeyOf(claims: Omit<ConversationClaims, "expiresAtMs" | "origins">, provider: Provider): string {
  const { env, tenant, team, channel } = provider.address;
  return conversationOf(
    formatSessionKey({
      env,
      tenant,
      team,
      channel,
      conversation: conversationId(claims.conversation),
      user: userId(claims.user),
    }),
  );
}

/** Reads the activities from a watermark on, at most 200; undefined where there are none. */
export async function readActivities(
  { runtime }: Pick<GatewayOptions, "runtime">,
  claims: ConversationClaims,
  watermark: number,
): Promise<{ readonly activities: readonly JsonObject[]; readonly watermark: string } | undefined> {
  const provider = runtime.channel(claims, WEBCHAT_CHANNEL);
  if (provider === undefined) return undefined;
  const entries = await runtime.store.readLog(logKeyOf(claims, provider), { after: watermark - 1, limit: PAGE_SIZE });
  const last = entries.at(-1);
  if (last === undefined) return undefined;
  const activities = entries.map((entry) => activityFromLog(claims.conversation, entry));
  return { activities, watermark: String(last.index + 1) };
}

/** Reads the watermark of a query; absent, empty and the text "undefined" of older clients mean the beginning. @throws GATEWAY_WATERMARK_INVALID */
export function watermarkOf(query: string): number {
  const text = query === "" ? null : new URLSearchParams(query).get("watermark");
  if (text === null || text === "" || text === "undefined" || text === "null") return 0;
  if (!/^\d{1,15}$/.test(text)) throw new GreenticError("GATEWAY_WATERMARK_INVALID", "Read watermark: not one of ours");
  return Number(text);
}

const BEARER = /^Bearer +([\w.~+/=-]{1,4096})$/i;

function bearerOf(request: GatewayRequest): string | undefined {
  return BEARER.exec(request.header("authorization") ?? "")?.[1];
}

function isSecretOf(bearer: string, settings: WebChatSettings | undefined): boolean {
  return isOneOf(bearer, settings?.secrets ?? []);
}

function trustedUser(named: JsonValue | undefined, random: () => string): string {
  if (named === undefined) return `dl_${random()}`;
  if (typeof named !== "string" || !named.startsWith("dl_") || named.length > MAX_USER_LENGTH) {
    throw new GreenticError("GATEWAY_USER_INVALID", "Read user of token: expected an id that begins with dl_");
  }
  return userId(named);
}

function trustedOrigins(body: JsonValue): readonly string[] {
  const origins = isJsonObject(body) ? body.trustedOrigins : undefined;
  return Array.isArray(origins) ? (origins as readonly JsonValue[]).filter((origin) => typeof origin === "string") : [];
}

function tenantOf(name: string): TenantId | undefined {
  try {
    return tenantId(name);
  } catch {
    return undefined;
  }
}

function teamOf(query: string): TeamId | undefined {
  const team = query === "" ? null : new URLSearchParams(query).get("team");
  return team === null || team === "" ? undefined : teamId(team);
}

const unauthenticated = (): GreenticError =>
  new GreenticError("GATEWAY_UNAUTHENTICATED", "Open web chat: no token for this channel");

function autoStart(
  provider: Provider,
  claims: Omit<ConversationClaims, "expiresAtMs">,
  locale: string | undefined,
): Parameters<GatewayOptions["runtime"]["accept"]>[1] {
  const { env, tenant, team, channel } = provider.address;
  // One per conversation, however often a client starts it.
  const dedupeKey = `dl-start:${claims.conversation}`;
  return {
    envelope: {
      id: dedupeKey,
      tenant: { env, tenant, team, user: claims.user },
      channel,
      session_id: claims.conversation,
      reply_scope: { conversation: claims.conversation },
      from: { id: claims.user, kind: "user" },
      text: "",
      attachments: [],
      metadata: { autoStart: "true", universal: "true", ...(locale === undefined ? {} : { locale }) },
    },
    dedupeKey,
    conversation: claims.conversation,
    user: claims.user,
    ...(locale === undefined ? {} : { locale }),
  };
}
