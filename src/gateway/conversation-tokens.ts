/**
 * Tokens of web conversations: JWT, HS256, `iss` greentic.webchat, `aud` directline, 1,800 s unless the operator says otherwise.
 * They bind user (`sub`, `dl_…`), conversation (`conv`), tenancy (`ctx`), the page's origins (`org`) and its language (`loc`). The
 * user stands under `user` too, where Microsoft's clients look for it. Stream tickets are JWTs of their own audience, good once and
 * for a minute; file tickets, which stand in links, fetch one conversation's files for as long as a token lives.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-authentication
 */
import type { JWTPayload } from "jose";
import { errors, jwtVerify, SignJWT } from "jose";
import type { EnvId, TeamId, TenantId, World } from "../types/index.ts";
import { GreenticError, IdleMap, isJsonObject, randomHex } from "../types/index.ts";

/** What a token says, checked. */
export interface ConversationClaims {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly user: string;
  readonly conversation: string;
  /** Origins that may use the token; empty where it was given to a server. */
  readonly origins: readonly string[];
  /** The language that was told when the token was asked for, BCP 47. */
  readonly locale?: string;
  readonly expiresAtMs: number;
}

/** What to put into a token. */
export type NewConversation = Omit<ConversationClaims, "expiresAtMs">;

const ISSUER = "greentic.webchat";
const AUDIENCE = "directline";
const TICKET_AUDIENCE = "directline.stream";
const FILE_AUDIENCE = "directline.file";
/** Lifetime of a token where nothing says otherwise: Direct Line's own. */
const TOKEN_TTL_SECONDS = 1800;
const TICKET_TTL_SECONDS = 60;
const MAX_TOKEN_LENGTH = 4096;
const MAX_KNOWN = 10_000;
/** A token that nobody has used for so long is verified anew. */
const KNOWN_MS = 60_000;

interface Known {
  readonly claims: ConversationClaims;
  usedMs: number;
}

/** Makes and checks tokens. A token is verified once and then known by its text while it is in use, until it expires. */
export class ConversationTokens {
  readonly #key: Promise<CryptoKey>;
  readonly #world: World;
  readonly #known = new IdleMap<string, Known>(({ usedMs }, nowMs) => nowMs - usedMs > KNOWN_MS, MAX_KNOWN);
  readonly #isFirst: (name: string, ttlSeconds: number) => Promise<boolean>;
  /** When this process began to know which tickets were taken, unless the store knows it for all. */
  readonly #sinceSeconds: number;
  /** Lifetime of a token. */
  readonly ttlSeconds: number;

  /** `isFirst` tells, for all gateways together, whether nobody has asked for a name within its time. */
  constructor(
    key: Uint8Array,
    {
      world,
      isFirst,
      ttlSeconds = TOKEN_TTL_SECONDS,
    }: {
      readonly world: World;
      readonly isFirst: (name: string, ttlSeconds: number) => Promise<boolean>;
      /** Default 1,800. */
      readonly ttlSeconds?: number | undefined;
    },
  ) {
    if (key.byteLength < 32) {
      throw new GreenticError(
        "GATEWAY_OPTIONS_INVALID",
        `Read token key: expected at least 32 bytes, got ${key.byteLength}`,
      );
    }
    this.#key = crypto.subtle.importKey("raw", Uint8Array.from(key), { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
      "verify",
    ]);
    this.#world = world;
    this.#isFirst = isFirst;
    this.#sinceSeconds = Math.floor(world.nowMs() / 1000);
    this.ttlSeconds = ttlSeconds;
  }

  /** Makes a token for a conversation. */
  async issue(conversation: NewConversation): Promise<string> {
    return this.#sign(AUDIENCE, this.ttlSeconds, payloadOf(conversation));
  }

  /** Checks a token; undefined where it is forged, foreign or expired, and nothing tells which. */
  async verify(token: string): Promise<ConversationClaims | undefined> {
    const known = this.#known.get(token);
    const usedMs = this.#world.monotonicMs();
    if (known !== undefined) {
      known.usedMs = usedMs;
      if (known.claims.expiresAtMs > this.#world.nowMs()) return known.claims;
      this.#known.delete(token);
      return undefined;
    }
    const payload = await this.#open(token, AUDIENCE);
    const claims = payload === undefined ? undefined : claimsOf(payload);
    if (claims === undefined) return undefined;
    this.#known.set(token, { claims, usedMs }, usedMs);
    return claims;
  }

  /** Makes a ticket that opens one stream of a conversation within a minute. */
  async issueTicket(claims: ConversationClaims): Promise<string> {
    return this.#sign(TICKET_AUDIENCE, TICKET_TTL_SECONDS, { ...payloadOf(claims), until: claims.expiresAtMs });
  }

  /** Makes a ticket that fetches a conversation's files and nothing else, for links: as long as a token lives. */
  async issueFileTicket(claims: NewConversation): Promise<string> {
    return this.#sign(FILE_AUDIENCE, this.ttlSeconds, payloadOf(claims));
  }

  /** Checks a file ticket; undefined where it is forged, foreign or expired. */
  async verifyFileTicket(ticket: string): Promise<ConversationClaims | undefined> {
    const payload = await this.#open(ticket, FILE_AUDIENCE);
    return payload === undefined ? undefined : claimsOf(payload);
  }

  /** Takes a ticket; undefined where it isn't good or was taken before. `expiresAtMs` is the token's that it was made from. */
  async takeTicket(ticket: string): Promise<ConversationClaims | undefined> {
    const payload = await this.#open(ticket, TICKET_AUDIENCE);
    const claims = payload === undefined ? undefined : claimsOf(payload);
    if (payload?.jti === undefined || claims === undefined || typeof payload["until"] !== "number") return undefined;
    // What an earlier process took isn't known any more, so that its tickets could be taken again.
    if ((payload.iat ?? 0) < this.#sinceSeconds) return undefined;
    // Clocks of gateways may differ a little.
    if (!(await this.#isFirst(`ticket:${payload.jti}`, 2 * TICKET_TTL_SECONDS))) return undefined;
    return { ...claims, expiresAtMs: payload["until"] };
  }

  async #sign(audience: string, ttlSeconds: number, payload: JWTPayload): Promise<string> {
    const issuedAt = Math.floor(this.#world.nowMs() / 1000);
    return new SignJWT(payload)
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer(ISSUER)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + ttlSeconds)
      .setJti(randomHex(this.#world, 16))
      .sign(await this.#key);
  }

  async #open(token: string, audience: string): Promise<JWTPayload | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    try {
      const { payload } = await jwtVerify(token, await this.#key, {
        algorithms: ["HS256"],
        issuer: ISSUER,
        audience,
        typ: "JWT",
        requiredClaims: ["sub", "iat", "nbf", "exp", "jti"],
        currentDate: new Date(this.#world.nowMs()),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}

function payloadOf(conversation: NewConversation): JWTPayload {
  const { env, tenant, team } = conversation;
  return {
    sub: conversation.user,
    user: conversation.user,
    conv: conversation.conversation,
    ctx: { env, tenant, team },
    ...(conversation.origins.length === 0 ? {} : { org: conversation.origins }),
    ...(conversation.locale === undefined ? {} : { loc: conversation.locale }),
  };
}

// Only we can have signed it, so its ids are those that were checked when it was made.
function claimsOf(payload: JWTPayload): ConversationClaims | undefined {
  const { sub, exp, conv, ctx, org, loc } = payload as JWTPayload & Record<string, unknown>;
  if (typeof sub !== "string" || typeof exp !== "number" || typeof conv !== "string" || !isJsonObject(ctx))
    return undefined;
  const { env, tenant, team } = ctx;
  if (typeof env !== "string" || typeof tenant !== "string" || typeof team !== "string") return undefined;
  return {
    env: env as EnvId,
    tenant: tenant as TenantId,
    team: team as TeamId,
    user: sub,
    conversation: conv,
    origins: Array.isArray(org) ? (org as string[]) : [],
    ...(typeof loc === "string" ? { locale: loc } : {}),
    expiresAtMs: exp * 1000,
  };
}
