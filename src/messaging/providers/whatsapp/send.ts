/**
 * The Graph API, as far as this channel calls it: `POST /{version}/{phone number id}/messages`.
 * @see https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
 */
import type { HttpResponse } from "../../../http/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import type { SendHttp } from "../entry.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";

/** How a call ended. */
export type GraphResult =
  | { readonly kind: "ok"; readonly id: string | undefined }
  | { readonly kind: "pair-limited" }
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  | { readonly kind: "window-closed" }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "refused" }
  | { readonly kind: "server-error" }
  | Unanswered;

/** What calls need. */
export interface GraphOptions {
  readonly http: SendHttp;
  readonly token: () => Promise<string>;
  /** `v25.0`. */
  readonly version: string;
  readonly phoneNumberId: string;
}

/** Where the Graph API is. */
export const GRAPH_ORIGIN = "https://graph.facebook.com";
const TIMEOUT_MS = 20_000;
const LIMITED_MS = 5_000;
const SPAM_MS = 300_000;
const MAX_RETRY_AFTER_S = 86_400;

/** Sends one message. @throws whatever the token's source throws; nothing was sent then */
export async function postMessage(
  body: JsonObject,
  { http, token, version, phoneNumberId, signal }: GraphOptions & { readonly signal: AbortSignal },
): Promise<GraphResult> {
  const bearer = await token();
  if (!/^[\x21-\x7e]+$/.test(bearer)) return { kind: "unauthenticated" };
  let response: HttpResponse;
  try {
    response = await http(
      {
        method: "POST",
        url: `${GRAPH_ORIGIN}/${version}/${phoneNumberId}/messages`,
        headers: [
          ["content-type", "application/json"],
          ["authorization", `Bearer ${bearer}`],
        ],
        body: Buffer.from(JSON.stringify(body)),
        timeoutMs: TIMEOUT_MS,
        origins: [GRAPH_ORIGIN],
        followRedirects: false,
      },
      { signal },
    );
  } catch (error) {
    return unansweredOf(error);
  }
  return resultOf(response);
}

function resultOf({ status, headers, body }: HttpResponse): GraphResult {
  const answer = parseAnswer(body);
  const error = objectIn(answer?.error);
  if (error !== undefined) return failureOf(Number(error.code), { status, headers });
  if (status >= 200 && status < 300) {
    const [first] = objectsIn(answer?.messages);
    if (first !== undefined) return { kind: "ok", id: textIn(first.id) };
    // A 200 that isn't the API's answer (a proxy's page) says nothing about the message.
    return { kind: "unknown" };
  }
  if (status === 429) return { kind: "limited", retryAfterMs: retryAfterMsOf(headers) };
  if (status === 401) return { kind: "unauthenticated" };
  // A gateway's own answer: what stood behind it may have taken the message.
  if (status === 502 || status === 504) return { kind: "unknown" };
  return status >= 500 ? { kind: "server-error" } : { kind: "refused" };
}

function failureOf(code: number, { status, headers }: Pick<HttpResponse, "status" | "headers">): GraphResult {
  switch (code) {
    case 131_056:
      return { kind: "pair-limited" };
    case 4:
    case 80_007:
    case 130_429:
    case 133_016:
      return { kind: "limited", retryAfterMs: retryAfterMsOf(headers) };
    case 131_048:
      return { kind: "limited", retryAfterMs: SPAM_MS };
    case 131_047:
      return { kind: "window-closed" };
    case 0:
    case 3:
    case 10:
    case 190:
      return { kind: "unauthenticated" };
    case 1:
    case 2:
    case 131_000:
    case 131_016:
    case 131_057:
    case 133_004:
      return { kind: "server-error" };
    default:
      if (code >= 200 && code <= 299) return { kind: "unauthenticated" };
      if (status === 429) return { kind: "limited", retryAfterMs: retryAfterMsOf(headers) };
      return status >= 500 ? { kind: "server-error" } : { kind: "refused" };
  }
}

function retryAfterMsOf(headers: HttpResponse["headers"]): number {
  const given = headers.find(([name]) => name === "retry-after")?.[1] ?? "";
  return /^\d{1,6}$/.test(given) ? Math.min(Math.max(1, Number(given)), MAX_RETRY_AFTER_S) * 1000 : LIMITED_MS;
}

function parseAnswer(body: Uint8Array): JsonObject | undefined {
  try {
    const answer = parseJson(body, { maxBytes: 1 << 20 });
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}
