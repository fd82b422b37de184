/**
 * Webex' REST API, as far as this channel calls it.
 * @see https://developer.webex.com/docs/api/basics
 */
import type { HttpRequest, HttpResponse } from "../../../http/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import type { FormFile } from "../../files/form-body.ts";
import { formBody } from "../../files/form-body.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";

/** The host that the bot's token goes to, and no other. */
export const WEBEX_ORIGIN = "https://webexapis.com";
/** The form of a bot's token, for set-up. */
export const WEBEX_TOKEN = {
  pattern: /^[A-Za-z0-9_-]{40,400}$/,
  words: "at least 40 letters, digits, dashes and underscores",
} as const;

const MAX_RETRY_SECONDS = 3_600;
const TIMEOUT_MS = 15_000;
const UPLOAD_MS = 40_000;

/** How a call ended; `unknown` where it may have had an effect. */
export type WebexResult =
  | { readonly kind: "ok"; readonly answer: JsonObject; readonly atMs: number | undefined }
  /** 429, and 423 where something is locked for a while. */
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  | { readonly kind: "busy" }
  | { readonly kind: "server-error" }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "missing" }
  | { readonly kind: "refused" }
  | Unanswered;

/** What calls need. */
export interface WebexApi {
  readonly http: SendHttp;
  /** Asked for at each call so that it can be rotated. */
  readonly token: () => Promise<string>;
}

/** Calls the API; `body` makes it a POST unless it is said otherwise. Network failures are results. @throws MESSAGING_CREDENTIAL_INVALID, or what the secret's source throws */
export async function callWebex(
  path: string,
  {
    http,
    token,
    signal,
    body,
    method = body === undefined ? "GET" : "POST",
  }: WebexApi & {
    readonly signal?: AbortSignal;
    readonly body?: JsonObject;
    readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  },
): Promise<WebexResult> {
  const sent =
    body === undefined
      ? { headers: [] }
      : { headers: [["content-type", "application/json"]] as const, body: Buffer.from(JSON.stringify(body)) };
  return exchange(path, { http, token, signal, method, timeoutMs: TIMEOUT_MS, sent });
}

/** Posts a form with a file. @throws as {@link callWebex} */
export async function postWebexForm(
  path: string,
  {
    http,
    token,
    signal,
    fields,
    file,
  }: WebexApi & {
    readonly signal: AbortSignal;
    readonly fields: Readonly<Record<string, string>>;
    readonly file: FormFile;
  },
): Promise<WebexResult> {
  const { header, stream } = formBody(fields, file);
  return exchange(path, {
    http,
    token,
    signal,
    method: "POST",
    timeoutMs: UPLOAD_MS,
    sent: { headers: [header], stream },
  });
}

async function exchange(
  path: string,
  {
    http,
    token,
    signal,
    method,
    timeoutMs,
    sent,
  }: WebexApi & {
    readonly signal: AbortSignal | undefined;
    readonly method: string;
    readonly timeoutMs: number;
    readonly sent: Pick<HttpRequest, "headers" | "body" | "stream">;
  },
): Promise<WebexResult> {
  const headers = [["authorization", `Bearer ${await bearerOf(token)}`] as const, ...sent.headers];
  const url = `${WEBEX_ORIGIN}/v1/${path}`;
  let response: HttpResponse;
  try {
    response = await http(
      { ...sent, method, url, headers, timeoutMs, origins: [WEBEX_ORIGIN], followRedirects: false },
      signal === undefined ? {} : { signal },
    );
  } catch (error) {
    return unansweredOf(error);
  }
  return resultOf(response);
}

/** The token as it stands. @throws MESSAGING_CREDENTIAL_INVALID, or what its source throws */
export async function bearerOf(token: () => Promise<string>): Promise<string> {
  const bearer = await token();
  if (!WEBEX_TOKEN.pattern.test(bearer))
    throw new GreenticError("MESSAGING_CREDENTIAL_INVALID", `Read Webex token: expected ${WEBEX_TOKEN.words}`);
  return bearer;
}

/** How long Webex asks to wait, a second at least. */
function retryAfterMs(headers: HttpResponse["headers"]): number {
  const given = headers.find(([name]) => name === "retry-after")?.[1] ?? "";
  const seconds = /^\d{1,6}$/.test(given) ? Number(given) : 1;
  return Math.min(Math.max(1, seconds), MAX_RETRY_SECONDS) * 1000;
}

function resultOf({ status, headers, body }: HttpResponse): WebexResult {
  if (status >= 200 && status < 300) {
    const atMs = Date.parse(headers.find(([name]) => name === "date")?.[1] ?? "");
    return { kind: "ok", answer: answerIn(body), atMs: Number.isNaN(atMs) ? undefined : atMs };
  }
  switch (status) {
    case 401:
      return { kind: "unauthenticated" };
    case 404:
      return { kind: "missing" };
    case 423:
    case 429:
      return { kind: "limited", retryAfterMs: retryAfterMs(headers) };
    case 503:
      return { kind: "busy" };
    default:
      return status >= 500 ? { kind: "server-error" } : { kind: "refused" };
  }
}

function answerIn(body: Uint8Array): JsonObject {
  try {
    const answer = parseJson(body, { maxBytes: 8 << 20 });
    return isJsonObject(answer) ? answer : {};
  } catch {
    return {};
  }
}
