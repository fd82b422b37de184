/**
 * The Bot Connector, as far as this channel calls it: `POST {serviceUrl}/v3/conversations/{id}/activities`.
 * @see https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
 */
import type { HttpResponse } from "../../../http/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";
import type { AppToken } from "./app-token.ts";

/** How a call ended. */
export type ConnectorResult =
  | { readonly kind: "ok"; readonly id: string | undefined }
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  | { readonly kind: "busy" }
  | { readonly kind: "server-error" }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "no-token" }
  | { readonly kind: "refused" }
  | Unanswered;

const TIMEOUT_MS = 20_000;
const MAX_RETRY_AFTER_S = 3_600;

/** What calls need. */
export interface ConnectorOptions {
  readonly http: SendHttp;
  readonly token: AppToken;
  /** One that a token may go to: who calls has checked it. */
  readonly serviceUrl: string;
  readonly signal: AbortSignal;
}

/** Posts an activity; a token that the connector doesn't take is replaced once. @throws whatever the secret's source throws */
export async function postActivity(
  conversation: string,
  activity: JsonObject,
  options: ConnectorOptions,
): Promise<ConnectorResult> {
  const first = await post(conversation, activity, options);
  return first.kind === "unauthenticated" ? post(conversation, activity, options) : first;
}

async function post(
  conversation: string,
  activity: JsonObject,
  { http, token, serviceUrl, signal }: ConnectorOptions,
): Promise<ConnectorResult> {
  const bearer = await token.get();
  if (typeof bearer !== "string") return { kind: bearer.kind === "refused" ? "no-token" : "unreachable" };
  const base = serviceUrl.endsWith("/") ? serviceUrl : `${serviceUrl}/`;
  let response: HttpResponse;
  try {
    response = await http(
      {
        method: "POST",
        url: `${base}v3/conversations/${encodeURIComponent(conversation)}/activities`,
        headers: [
          ["content-type", "application/json"],
          ["authorization", `Bearer ${bearer}`],
        ],
        body: Buffer.from(JSON.stringify(activity)),
        timeoutMs: TIMEOUT_MS,
        origins: [new URL(serviceUrl).origin],
        followRedirects: false,
      },
      { signal },
    );
  } catch (error) {
    return unansweredOf(error);
  }
  if (response.status === 401) token.forget(bearer);
  return resultOf(response);
}

function resultOf({ status, headers, body }: HttpResponse): ConnectorResult {
  if (status >= 200 && status < 300) return { kind: "ok", id: idIn(body) };
  switch (status) {
    case 401:
      return { kind: "unauthenticated" };
    case 429: {
      const given = headers.find(([name]) => name === "retry-after")?.[1] ?? "";
      const seconds = /^\d{1,6}$/.test(given) ? Number(given) : 1;
      return { kind: "limited", retryAfterMs: Math.min(Math.max(1, seconds), MAX_RETRY_AFTER_S) * 1000 };
    }
    case 412:
    case 502:
    case 504:
      return { kind: "busy" };
    default:
      return status >= 500 ? { kind: "server-error" } : { kind: "refused" };
  }
}

function idIn(body: Uint8Array): string | undefined {
  try {
    const answer = parseJson(body, { maxBytes: 1 << 18 });
    return isJsonObject(answer) ? textIn(answer.id) : undefined;
  } catch {
    return undefined;
  }
}
