/**
 * Direct Line 3.0 as a server, under `/v1/messaging/webchat/{tenant}/v3/directline`.
 * POST tokens/generate · POST tokens/refresh · POST conversations · GET conversations/{id} · POST and GET conversations/{id}/activities.
 * Watermarks are opaque to clients: the index of the log entry that comes next. Tokens that are forged, foreign or expired get the
 * same 403, which clients take as "get a new token". Answers about activities bring a new token once half the old one's time is over.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-api-reference
 */
import type { PostedActivity } from "../messaging/index.ts";
import { activityId, parseActivity, receiveActivity } from "../messaging/index.ts";
import { GreenticError, isJsonObject, parseJson, randomHex, tenantId } from "../types/index.ts";
import type { JsonObject, JsonValue, TenantId } from "../types/index.ts";
import { errorAnswer, jsonAnswer, unknownRoute } from "./answers.ts";
import { ConversationAccess, originDenied, readBody } from "./conversation-access.ts";
import type { DirectLineOptions, Place } from "./conversation-access.ts";
import { activityOfUpload, keepInline, serveFile, takeUpload } from "./conversation-files.ts";
import { readActivities, watermarkOf } from "./conversation-log.ts";
import type { ConversationClaims, NewConversation } from "./conversation-tokens.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import { greet } from "./greeting.ts";
import { judgeOrigin, originsOf, preflight, withCors } from "./origins.ts";
import { requestLocale } from "./request-locale.ts";

/** Serves Direct Line for all tenants. */
export class DirectLine {
  readonly #options: DirectLineOptions;
  readonly #access: ConversationAccess;

  constructor(options: DirectLineOptions) {
    this.#options = options;
    this.#access = new ConversationAccess(options);
  }

  /** Answers a request; `rest` is the path after `…/v3/directline/`. */
  async handle(request: GatewayRequest, tenantName: string, rest: readonly string[]): Promise<GatewayAnswer> {
    const tenant = tenantOf(tenantName);
    const known = tenant === undefined ? undefined : this.#options.tenant(tenant);
    const verdict = judgeOrigin(request, originsOf(known));
    if (request.method === "OPTIONS") return preflight(verdict);
    if (verdict.kind === "denied") return errorAnswer(originDenied());
    let answer: GatewayAnswer;
    try {
      answer = await this.#route(request, { tenant, known }, rest);
    } catch (error) {
      if (!(error instanceof GreenticError)) this.#options.report?.({ kind: "failed", route: request.path, error });
      answer = errorAnswer(error);
    }
    return withCors(answer, verdict);
  }

  #route(request: GatewayRequest, at: Place, rest: readonly string[]): Promise<GatewayAnswer> | GatewayAnswer {
    const [first, second, third, ...more] = rest;
    const { method } = request;
    if (first === "conversations" && second !== undefined && third === "attachments" && more.length <= 2)
      return method === "GET" || method === "HEAD" ? this.#file(request, at, [second, ...more]) : unknownRoute();
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
    if (third === "upload" && method === "POST") return this.#upload(request, at, second);
    if (third === "activities" && method === "GET") return this.#read(request, at, second);
    return unknownRoute();
  }

  async #generate(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const opened = await this.#access.open(request, at);
    return jsonAnswer(200, { conversationId: opened.conversation, ...(await this.#freshToken(opened)) });
  }

  async #refresh(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const claims = await this.#access.authorise(request, at);
    return jsonAnswer(200, { conversationId: claims.conversation, ...(await this.#freshToken(claims)) });
  }

  /** Starts the token's conversation, or with a secret a new one. */
  async #start(request: GatewayRequest, at: Place): Promise<GatewayAnswer> {
    const claims = (await this.#access.hasSecret(request, at))
      ? await this.#access.open(request, at)
      : await this.#startOfToken(request, at);
    const provider = this.#access.provider(claims);
    const settings = at.known?.teamWebchats?.[claims.team] ?? at.known?.webchat;
    if (settings?.autoStart === true) await greet(this.#options, provider, claims);
    return jsonAnswer(201, await this.#connection(request, claims, 0));
  }

  /** The language that a client tells as it starts counts from then on. */
  async #startOfToken(request: GatewayRequest, at: Place): Promise<NewConversation> {
    const claims = await this.#access.authorise(request, at);
    const body = await readBody(request);
    const locale = requestLocale(request, body.locale, claims.locale);
    return locale === undefined ? claims : { ...claims, locale };
  }

  async #reconnect(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const claims = await this.#access.authorise(request, at, { conversation });
    // Without a watermark everything is replayed: clients know activities by their ids, and a page that was reloaded has none.
    return jsonAnswer(200, await this.#connection(request, claims, watermarkOf(request.query)));
  }

  async #freshToken(claims: NewConversation): Promise<{ readonly token: string; readonly expires_in: number }> {
    const { tokens } = this.#options;
    return { token: await tokens.issue(claims), expires_in: tokens.ttlSeconds };
  }

  async #connection(request: GatewayRequest, claims: NewConversation, watermark: number): Promise<JsonObject> {
    const { tokens, publicUrl, world } = this.#options;
    const expiresAtMs = world.nowMs() + tokens.ttlSeconds * 1000;
    const [fresh, ticket] = await Promise.all([
      this.#freshToken(claims),
      tokens.issueTicket({ ...claims, expiresAtMs }),
    ]);
    const base = publicUrl ?? `http://${request.header("host") ?? "localhost"}`;
    const path = `/v1/messaging/webchat/${claims.tenant}/v3/directline/conversations/${claims.conversation}/stream`;
    return {
      conversationId: claims.conversation,
      ...fresh,
      streamUrl: `${base.replace(/^http/, "ws").replace(/\/$/, "")}${path}?watermark=${watermark}&t=${ticket}`,
    };
  }

  async #post(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const { maxBodyBytes: maxBytes } = this.#options.limits;
    let read: Promise<JsonValue> | undefined;
    const body = (): Promise<JsonValue> =>
      (read ??= request.body(maxBytes).then((bytes) => parseJson(bytes, { maxBytes })));
    const from = async (): Promise<JsonValue | undefined> => speakerIn(await body());
    const claims = await this.#access.authorise(request, at, { conversation, from });
    const { files } = this.#options.runtime;
    const activity = parseActivity(await body());
    if (files === undefined) return this.#say(request, { claims, activity });
    const kept = await keepInline(activity, { claims, provider: this.#access.provider(claims), files });
    return this.#say(request, { claims, activity: kept });
  }

  /** Takes files, which are kept before the message that names them is. */
  async #upload(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const { files } = this.#options.runtime;
    const from = async (): Promise<JsonValue | undefined> =>
      new URLSearchParams(request.query).get("userId") ?? undefined;
    const claims = await this.#access.authorise(request, at, { conversation, from });
    if (files === undefined) return unknownRoute();
    const uploaded = await takeUpload(request, { claims, provider: this.#access.provider(claims), files });
    return this.#say(request, { claims, activity: activityOfUpload(uploaded) });
  }

  async #file(
    request: GatewayRequest,
    at: Place,
    [conversation = "", hash = "", name = ""]: readonly string[],
  ): Promise<GatewayAnswer> {
    const { files } = this.#options.runtime;
    const claims = await this.#access.authoriseFile(request, at, conversation);
    if (files === undefined) return unknownRoute();
    return serveFile({ hash, name: decoded(name) }, { claims, provider: this.#access.provider(claims), files });
  }

  async #say(
    request: GatewayRequest,
    { claims, activity }: { readonly claims: ConversationClaims; readonly activity: PostedActivity },
  ): Promise<GatewayAnswer> {
    const { runtime, world } = this.#options;
    const { conversation } = claims;
    const provider = this.#access.provider(claims);
    const renewal = await this.#renewal(claims);
    if (activity.kind === "silent")
      return jsonAnswer(200, { id: `${conversation}|${activity.type}-${randomHex(world, 8)}`, ...renewal });
    const speaker = { conversation, user: claims.user, locale: requestLocale(request, claims.locale) };
    const freshId = (): string => randomHex(world, 16);
    const message = receiveActivity(provider.address, activity, { speaker, freshId, nowMs: world.nowMs() });
    const { logIndex } = await runtime.accept(provider, message);
    const id = logIndex === undefined ? `${conversation}|${freshId()}` : activityId(conversation, logIndex);
    return jsonAnswer(200, { id, ...renewal });
  }

  async #read(request: GatewayRequest, at: Place, conversation: string): Promise<GatewayAnswer> {
    const claims = await this.#access.authorise(request, at, { conversation });
    const watermark = watermarkOf(request.query);
    const set = await readActivities(this.#options, claims, watermark);
    const renewal = await this.#renewal(claims);
    return jsonAnswer(200, { activities: [], watermark: String(watermark), ...set, ...renewal });
  }

  /** A new token beside an answer, once half the time of the old one is over: who keeps talking needn't refresh. */
  async #renewal(claims: ConversationClaims): Promise<JsonObject> {
    const { tokens, world } = this.#options;
    if (claims.expiresAtMs - world.nowMs() > tokens.ttlSeconds * 500) return {};
    const { token, expires_in } = await this.#freshToken(claims);
    return { _directline: { renewed_token: token, expires_in } };
  }
}

function speakerIn(activity: JsonValue): JsonValue | undefined {
  const from = isJsonObject(activity) ? activity["from"] : undefined;
  return isJsonObject(from) ? from["id"] : undefined;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function tenantOf(name: string): TenantId | undefined {
  try {
    return tenantId(name);
  } catch {
    return undefined;
  }
}
