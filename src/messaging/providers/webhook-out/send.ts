import type { HttpResponse } from "../../../http/index.ts";
import type { SendResult } from "../../../session/index.ts";
import type { JsonValue, World } from "../../../types/index.ts";
import { toGreenticError } from "../../../types/index.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import { signStandardWebhook } from "../webhook/standard-webhooks.ts";

export interface WebhookSending {
  readonly http: SendHttp;
  readonly world: Pick<World, "nowMs">;
  readonly url: string;
  /** What the requests are signed with; each gives a signature of its own. */
  readonly secrets: () => Promise<readonly string[]>;
}

/** When an endpoint that fails is tried again, after each failure: a day and more in all, as receivers are promised. */
const SCHEDULE_MS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000];
const MAX_RETRY_AFTER_MS = 36_000_000;
const TIMEOUT_MS = 20_000;
const CREDENTIAL_MS = 30_000;

/**
 * Posts one message, signed, under its row's key as `webhook-id`: whoever gets it twice knows it by that. 2xx is taken; 410 gives up;
 * everything else is tried again.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export async function postWebhook(
  payload: JsonValue,
  {
    idempotencyKey,
    signal,
    attempt = 0,
  }: { readonly idempotencyKey: string; readonly signal: AbortSignal; readonly attempt?: number },
  { http, world, url, secrets }: WebhookSending,
): Promise<SendResult> {
  const origin = URL.parse(url)?.origin;
  if (origin === undefined) return { kind: "failed", error: "HTTP_URL_INVALID" };
  let keys: readonly string[];
  try {
    keys = await secrets();
  } catch (error) {
    const { code } = toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read webhook secret");
    return { kind: "retry", error: code, notBeforeMs: world.nowMs() + CREDENTIAL_MS };
  }
  // Nothing leaves unsigned: receivers couldn't tell it from a forgery.
  if (keys.length === 0)
    return { kind: "retry", error: "MESSAGING_CREDENTIAL_INVALID", notBeforeMs: world.nowMs() + CREDENTIAL_MS };
  const body = Buffer.from(JSON.stringify(payload));
  const timestamp = Math.floor(world.nowMs() / 1000);
  const signature = signStandardWebhook({ id: idempotencyKey, timestamp, body }, keys);
  let response: HttpResponse;
  try {
    response = await http(
      {
        method: "POST",
        url,
        headers: [
          ["content-type", "application/json"],
          ["user-agent", "greentic"],
          ["webhook-id", idempotencyKey],
          ["webhook-timestamp", String(timestamp)],
          ["webhook-signature", signature],
        ],
        body,
        timeoutMs: TIMEOUT_MS,
        origins: [origin],
        followRedirects: false,
      },
      { signal },
    );
  } catch (error) {
    const { kind, ...why } = unansweredOf(error);
    if (kind === "denied") return { kind: "failed", error: "code" in why ? why.code : "HTTP_ORIGIN_DENIED" };
    if (kind === "unknown") return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
    return later("MESSAGING_PLATFORM_UNAVAILABLE", attempt, world.nowMs());
  }
  return resultOf(response, { attempt, nowMs: world.nowMs() });
}

function resultOf(
  { status, headers }: HttpResponse,
  { attempt, nowMs }: { readonly attempt: number; readonly nowMs: number },
): SendResult {
  if (status >= 200 && status < 300) return { kind: "sent" };
  if (status === 410) return { kind: "failed", error: "MESSAGING_ENDPOINT_GONE" };
  const asked = retryAfterMs(headers.find(([name]) => name === "retry-after")?.[1], nowMs);
  const error = errorOf(status);
  if (asked !== undefined && (status === 429 || status >= 500))
    return { kind: "retry", error, notBeforeMs: nowMs + asked };
  return later(error, attempt, nowMs);
}

function errorOf(status: number): string {
  if (status === 429) return "MESSAGING_RATE_LIMITED";
  if (status >= 500 || status === 408) return "MESSAGING_PLATFORM_UNAVAILABLE";
  return status === 401 || status === 403 ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_PLATFORM_REFUSED";
}

function later(error: string, attempt: number, nowMs: number): SendResult {
  const waitMs = SCHEDULE_MS[Math.min(attempt, SCHEDULE_MS.length - 1)] ?? 0;
  return { kind: "retry", error, notBeforeMs: nowMs + waitMs };
}

/** `Retry-After` in seconds or as a date, as far as it is one. */
function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 1_000), MAX_RETRY_AFTER_MS);
}
