/**
 * Slack's Web API, as far as this channel calls it. HTTP 200 says nothing: `ok` does.
 * @see https://docs.slack.dev/apis/web-api/
 */
import type { HttpResponse } from "../../../http/index.ts";
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";

/** How a call ended; `unknown` where it may have had an effect. */
export type SlackResult =
  /** With what the token may do, where Slack says it. */
  | { readonly kind: "ok"; readonly answer: JsonObject; readonly scopes?: readonly string[] }
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  /** Slack's own word for why. */
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "busy" }
  | Unanswered;

const SLACK_ORIGIN = "https://slack.com";
const TOKEN = /^xox[a-z]-[A-Za-z0-9-]{10,400}$|^xoxe\.xox[a-z]-[A-Za-z0-9-]{10,600}$/;
const DEFAULT_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 86_400;
/** Slack's own codes. Whatever else stands there may be anything, what was sent too, and isn't repeated. */
const CODE = /^[a-z][a-z0-9_]{0,63}$/;
// "It's possible some aspect of the operation succeeded before the error was raised."
const UNKNOWN = new Set(["fatal_error", "internal_error", "request_timeout"]);
const BUSY = new Set(["service_unavailable", "team_added_to_org"]);

/** What calls need. */
export interface SlackApi {
  readonly http: SendHttp;
  readonly token: () => Promise<string>;
}

/** The form of a bot's token, for set-up. */
export const SLACK_TOKEN = { pattern: TOKEN, words: "xoxb- and letters, digits and dashes" } as const;

/** Calls one method with a JSON body. Network failures are results. @throws MESSAGING_CREDENTIAL_INVALID, or whatever the secret's source throws */
export async function callSlack(
  method: string,
  body: JsonObject,
  { http, token, signal }: SlackApi & { readonly signal?: AbortSignal },
): Promise<SlackResult> {
  const bearer = await token();
  if (!TOKEN.test(bearer))
    throw new GreenticError("MESSAGING_CREDENTIAL_INVALID", `Read Slack token: expected ${SLACK_TOKEN.words}`);
  let response: HttpResponse;
  try {
    response = await http(
      {
        method: "POST",
        url: `${SLACK_ORIGIN}/api/${method}`,
        headers: [
          ["authorization", `Bearer ${bearer}`],
          ["content-type", "application/json; charset=utf-8"],
        ],
        body: Buffer.from(JSON.stringify(body)),
        timeoutMs: 15_000,
        origins: [SLACK_ORIGIN],
        followRedirects: false,
      },
      signal === undefined ? {} : { signal },
    );
  } catch (error) {
    return unansweredOf(error);
  }
  return resultOf(response);
}

function resultOf({ status, headers, body }: HttpResponse): SlackResult {
  const answer = parseAnswer(body);
  const said = typeof answer?.error === "string" ? answer.error : "";
  const error = said === "" || CODE.test(said) ? said : "unreadable_error";
  if (status === 429 || error === "ratelimited" || error === "rate_limited") {
    const after = headers.find(([name]) => name === "retry-after")?.[1] ?? "";
    const seconds = /^\d{1,6}$/.test(after) ? Number(after) : DEFAULT_RETRY_SECONDS;
    return { kind: "limited", retryAfterMs: Math.min(Math.max(seconds, 1), MAX_RETRY_SECONDS) * 1000 };
  }
  if (status === 503 || BUSY.has(error)) return { kind: "busy" };
  if (status === 200 && answer?.ok === true) {
    const scopes = headers.find(([name]) => name === "x-oauth-scopes")?.[1].split(",");
    return { kind: "ok", answer, ...(scopes && { scopes: scopes.map((scope) => scope.trim()) }) };
  }
  if (status < 500 && answer?.ok === false && error !== "" && !UNKNOWN.has(error)) return { kind: "refused", error };
  if (status >= 400 && status < 500) return { kind: "refused", error: `http_${status}` };
  // A server error, and a 200 that isn't the Web API's answer, say nothing about the message.
  return { kind: "unknown" };
}

function parseAnswer(body: Uint8Array): JsonObject | undefined {
  try {
    const answer: JsonValue = parseJson(body, { maxBytes: 4 << 20 });
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}
