/**
 * The platforms as they deliver: a person's message in each one's own words, signed as each signs, and the same signed wrongly in the
 * ways that verifiers have fallen for. What a channel asks of its platform is answered here too, without a socket.
 */
import { createHmac, generateKeyPairSync, hash, sign as signRsa } from "node:crypto";
import type { HttpRequest, HttpResponse } from "../../src/http/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { CHANNEL_SETTINGS } from "./channel-settings.ts";
import { webex, WEBEX_ROOM } from "./webex-platform.ts";

/** Headers of a request, by lower-case name. */
export type Headers = Readonly<Record<string, string>>;

/** A platform that delivers to a webhook. */
export interface IngressPlatform {
  /** The channel's type. */
  readonly type: "telegram" | "slack" | "whatsapp" | "teams" | "webex";
  /** A person's message; another `n` is another message. */
  readonly message: (n: number, text: string, atMs: number) => JsonObject;
  readonly sign: (body: Uint8Array, atMs: number) => Headers;
  readonly signatureHeader: string;
  /** Where the platform says when it signed, apart from the signature. */
  readonly timestampHeader?: string;
  /** Whether the signature is over the body. */
  readonly isBodySigned: boolean;
  /** How far from now a signature may be dated. */
  readonly freshMs?: number;
  /** Headers that are signed by other keys, algorithms and encodings. */
  readonly forge: (body: Uint8Array, atMs: number) => readonly Headers[];
  /** Answers what the channel asks of the platform; undefined where it is a message. */
  readonly answer?: (request: HttpRequest) => HttpResponse | undefined;
}

/** Whom all platforms' messages are from: the conversation as its channel names it. */
export const CONVERSATIONS: Readonly<Record<IngressPlatform["type"], string>> = {
  telegram: "4711",
  slack: "D4711",
  whatsapp: "16505551234",
  teams: "a:4711",
  webex: WEBEX_ROOM,
};

/** Where Teams' conversations are. */
const SERVICE_URL = "https://smba.trafficmanager.net/emea/";
const TEAMS_KEY = generateKeyPairSync("rsa", { modulusLength: 2048 });
const OTHER_KEY = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KID = "key-1";

const secretOf = (type: string, name: string): string => CHANNEL_SETTINGS[type]?.secrets[name] ?? "";
const configOf = (type: string, name: string): string => CHANNEL_SETTINGS[type]?.config[name] as string;
const seconds = (atMs: number): number => Math.floor(atMs / 1000);

const telegram: IngressPlatform = {
  type: "telegram",
  message: (n, text, atMs) => ({
    update_id: n,
    message: {
      message_id: n,
      date: seconds(atMs),
      chat: { id: Number(CONVERSATIONS.telegram), type: "private" },
      from: { id: Number(CONVERSATIONS.telegram), is_bot: false, first_name: "Ada", language_code: "en" },
      text,
    },
  }),
  sign: () => ({ "x-telegram-bot-api-secret-token": secretOf("telegram", "telegram_secret_token") }),
  signatureHeader: "x-telegram-bot-api-secret-token",
  isBodySigned: false,
  forge: (body) => {
    const secret = secretOf("telegram", "telegram_secret_token");
    const made = [hash("sha256", secret), Buffer.from(secret).toString("base64"), hmac("sha256", secret, body, "hex")];
    return made.map((value) => ({ "x-telegram-bot-api-secret-token": value }));
  },
};

const slack: IngressPlatform = {
  type: "slack",
  message: (n, text) => ({
    type: "event_callback",
    team_id: "T0001",
    event_id: `Ev${n}`,
    authorizations: [{ team_id: "T0001", user_id: "U0SELF", is_bot: true }],
    event: {
      type: "message",
      channel: CONVERSATIONS.slack,
      channel_type: "im",
      user: "U4711",
      ts: `1700000000.${String(n).padStart(6, "0")}`,
      text: text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    },
  }),
  sign: (body, atMs) => slackHeaders(body, atMs, { secret: secretOf("slack", "slack_signing_secret") }),
  signatureHeader: "x-slack-signature",
  timestampHeader: "x-slack-request-timestamp",
  isBodySigned: true,
  freshMs: 300_000,
  forge: (body, atMs) => {
    const secret = secretOf("slack", "slack_signing_secret");
    return [
      ...["sha1", "sha512", "md5"].map((algorithm) => slackHeaders(body, atMs, { secret, algorithm })),
      slackHeaders(body, atMs, { secret, encoding: "base64" }),
      slackHeaders(body, atMs, { secret, encoding: "base64url" }),
      slackHeaders(body, atMs, { secret, prefix: "v1" }),
      slackHeaders(body, atMs, { secret, prefix: "" }),
      slackHeaders(body, atMs, { secret: "" }),
      slackHeaders(body, atMs, { secret: secret.toUpperCase() }),
      slackHeaders(body, atMs, { secret: `${secret} ` }),
      // Over the body alone, and with the parts in another order.
      { ...slackHeaders(body, atMs, { secret }), "x-slack-signature": `v0=${hmac("sha256", secret, body, "hex")}` },
    ];
  },
};

function slackHeaders(
  body: Uint8Array,
  atMs: number,
  {
    secret,
    algorithm = "sha256",
    encoding = "hex",
    prefix = "v0",
  }: {
    readonly secret: string;
    readonly algorithm?: string;
    readonly encoding?: "hex" | "base64" | "base64url";
    readonly prefix?: string;
  },
): Headers {
  const timestamp = String(seconds(atMs));
  const signed = Buffer.concat([Buffer.from(`${prefix}:${timestamp}:`), body]);
  return {
    "x-slack-signature": `${prefix === "" ? "" : `${prefix}=`}${hmac(algorithm, secret, signed, encoding)}`,
    "x-slack-request-timestamp": timestamp,
  };
}

const whatsapp: IngressPlatform = {
  type: "whatsapp",
  message: (n, text, atMs) => whatsappBody(n, { type: "text", text: { body: text } }, atMs),
  sign: (body) => ({
    "x-hub-signature-256": `sha256=${hmac("sha256", secretOf("whatsapp", "whatsapp_app_secret"), body, "hex")}`,
  }),
  signatureHeader: "x-hub-signature-256",
  isBodySigned: true,
  forge: (body) => {
    const secret = secretOf("whatsapp", "whatsapp_app_secret");
    const made = [
      ...["sha1", "sha512", "md5"].map((algorithm) => `${algorithm}=${hmac(algorithm, secret, body, "hex")}`),
      ...["sha1", "sha512"].map((algorithm) => `sha256=${hmac(algorithm, secret, body, "hex")}`),
      `sha256=${hmac("sha256", secret, body, "base64")}`,
      `sha256=${hmac("sha256", "", body, "hex")}`,
      `sha256=${hmac("sha256", `${secret}\n`, body, "hex")}`,
      `sha256=${hash("sha256", Buffer.concat([Buffer.from(secret), body]))}`,
      hmac("sha256", secret, body, "hex"),
    ];
    // The older header's algorithm proves nothing.
    return [
      ...made.map((value) => ({ "x-hub-signature-256": value })),
      { "x-hub-signature": `sha1=${hmac("sha1", secret, body, "hex")}` },
    ];
  },
};

/** A webhook body around what a person sent: `{type, [type]: …}`. */
export function whatsappBody(n: number, content: JsonObject, atMs: number): JsonObject {
  const from = CONVERSATIONS.whatsapp;
  const metadata = { display_phone_number: "15550783881", phone_number_id: configOf("whatsapp", "phone_number_id") };
  const message = { from, id: `wamid.${n}`, timestamp: String(seconds(atMs)), ...content };
  const value = { messaging_product: "whatsapp", metadata, contacts: [{ wa_id: from }], messages: [message] };
  return { object: "whatsapp_business_account", entry: [{ id: "1", changes: [{ field: "messages", value }] }] };
}

const teams: IngressPlatform = {
  type: "teams",
  message: (n, text) => teamsActivity(n, { text }),
  sign: (_body, atMs) => ({ authorization: `Bearer ${teamsToken(atMs)}` }),
  signatureHeader: "authorization",
  isBodySigned: false,
  freshMs: 3_600_000 + 300_000,
  forge: (_body, atMs) => {
    const [head = "", claims = "", signature = ""] = teamsToken(atMs).split(".");
    const pem = TEAMS_KEY.publicKey.export({ type: "spki", format: "pem" });
    const der = TEAMS_KEY.publicKey.export({ type: "spki", format: "der" });
    const hs = `${encode({ alg: "HS256", kid: KID })}.${claims}`;
    return [
      `${encode({ alg: "none", kid: KID })}.${claims}.`,
      `${encode({ alg: "none", kid: KID })}.${claims}.${signature}`,
      ...[pem, der, KID].map((key) => `${hs}.${createHmac("sha256", key).update(hs).digest("base64url")}`),
      teamsToken(atMs, { key: OTHER_KEY.privateKey }),
      teamsToken(atMs, { header: { alg: "RS512" } }),
      teamsToken(atMs, { header: { kid: "key-2" } }),
      teamsToken(atMs, { header: { jwk: OTHER_KEY.publicKey.export({ format: "jwk" }) }, key: OTHER_KEY.privateKey }),
      teamsToken(atMs, { header: { jku: "https://evil.example/keys" }, key: OTHER_KEY.privateKey }),
      teamsToken(atMs, { claims: { iss: "https://evil.example" } }),
      teamsToken(atMs, { claims: { aud: "another-app" } }),
      teamsToken(atMs, { claims: { aud: [configOf("teams", "app_id"), "another-app"] } }),
      teamsToken(atMs, { claims: { serviceurl: "https://evil.example/" } }),
      teamsToken(atMs, { claims: { serviceurl: undefined } }),
      teamsToken(atMs, { claims: { exp: undefined } }),
      `${head}.${encode({ ...(JSON.parse(Buffer.from(claims, "base64url").toString()) as object), admin: true })}.${signature}`,
    ].map((token) => ({ authorization: `Bearer ${token}` }));
  },
  answer: ({ url }) => {
    if (url.endsWith("/.well-known/openidconfiguration"))
      return json(200, { jwks_uri: "https://login.botframework.com/v1/.well-known/keys" });
    if (url.endsWith("/.well-known/keys")) {
      const jwk = TEAMS_KEY.publicKey.export({ format: "jwk" });
      return json(200, { keys: [{ ...jwk, kid: KID, use: "sig", endorsements: ["msteams"] }] as never });
    }
    if (url.includes("/oauth2/")) return json(200, { access_token: "stand-in", expires_in: 3_600 });
    return undefined;
  },
};

/** An activity of a person's chat with the worker. */
export function teamsActivity(n: number, extra: JsonObject): JsonObject {
  return {
    type: "message",
    id: `${1_700_000_000_000 + n}`,
    channelId: "msteams",
    serviceUrl: SERVICE_URL,
    from: { id: "29:ada", name: "Ada" },
    recipient: { id: `28:${configOf("teams", "app_id")}`, name: "Worker" },
    conversation: { id: CONVERSATIONS.teams, conversationType: "personal", tenantId: "t-1" },
    ...extra,
  };
}

function teamsToken(
  atMs: number,
  {
    claims = {},
    header = {},
    key = TEAMS_KEY.privateKey,
  }: { readonly claims?: object; readonly header?: object; readonly key?: typeof TEAMS_KEY.privateKey } = {},
): string {
  const nbf = seconds(atMs);
  const honest = {
    iss: "https://api.botframework.com",
    aud: configOf("teams", "app_id"),
    nbf,
    exp: nbf + 3_600,
    serviceurl: SERVICE_URL,
  };
  const signed = `${encode({ alg: "RS256", typ: "JWT", kid: KID, ...header })}.${encode({ ...honest, ...claims })}`;
  return `${signed}.${signRsa("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function hmac(algorithm: string, secret: string, of: Uint8Array, encoding: "hex" | "base64" | "base64url"): string {
  return createHmac(algorithm, secret).update(of).digest(encoding);
}

/** An answer with a JSON body. */
function json(status: number, body: JsonObject): HttpResponse {
  return { status, headers: [], body: Buffer.from(JSON.stringify(body)) };
}

/** All of them. */
export const INGRESS_PLATFORMS: readonly IngressPlatform[] = [telegram, slack, whatsapp, teams, webex];
