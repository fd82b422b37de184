/**
 * Telegram's Bot API, as far as this channel calls it.
 * The token stands in the URL's path, so no URL, and no error that might hold one, leaves this file: callers get a result by kind.
 * @see https://core.telegram.org/bots/api#making-requests
 */
import type { HttpRequest, HttpResponse } from "../../../http/index.ts";
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import type { FormFile } from "../../files/form-body.ts";
import { formBody } from "../../files/form-body.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";

/** How a call ended. `refused` before it could have had an effect; `unknown` once the request was on its way. */
export type BotApiResult =
  | { readonly kind: "ok"; readonly result: JsonValue }
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  /** With Telegram's own words for why, where it gave some. */
  | { readonly kind: "rejected"; readonly status: number; readonly description?: string }
  | { readonly kind: "server-error" }
  | Unanswered;

const MAX_DESCRIPTION = 200;
/** Where the Bot API is. */
export const TELEGRAM_ORIGIN = "https://api.telegram.org";
/** A file takes longer; the sender gives up a little later. */
const UPLOAD_MS = 40_000;
const TOKEN = /^(\d{1,20}):[A-Za-z0-9_-]{10,}$/;

/** What calls need. */
export interface BotApiOptions {
  readonly http: SendHttp;
  readonly token: () => string | Promise<string>;
}

/** The bot's own id, the token's public half. @throws MESSAGING_CREDENTIAL_INVALID */
export function botIdOf(token: string): string {
  const id = TOKEN.exec(token)?.[1];
  if (id === undefined) {
    throw new GreenticError(
      "MESSAGING_CREDENTIAL_INVALID",
      "Read Telegram token: expected digits, a colon and a secret",
    );
  }
  return id;
}

/** Calls one method. Network failures are results. @throws MESSAGING_CREDENTIAL_INVALID, or whatever the secret's source throws */
export async function callBotApi(
  method: string,
  body: JsonObject,
  options: BotApiOptions & { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<BotApiResult> {
  const headers: HttpRequest["headers"] = [["content-type", "application/json"]];
  return post(method, { headers, body: Buffer.from(JSON.stringify(body)) }, options);
}

/** Calls one method with a form that has a file. @throws as {@link callBotApi} */
export async function callBotApiWithFile(
  method: string,
  fields: Readonly<Record<string, string>>,
  file: FormFile,
  options: BotApiOptions & { readonly signal: AbortSignal },
): Promise<BotApiResult> {
  const { header, stream } = formBody(fields, file);
  return post(method, { headers: [header], stream }, { ...options, timeoutMs: UPLOAD_MS });
}

async function post(
  method: string,
  sent: Pick<HttpRequest, "headers" | "body" | "stream">,
  options: BotApiOptions & { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<BotApiResult> {
  const token = await options.token();
  botIdOf(token);
  let response: HttpResponse;
  try {
    response = await options.http(
      {
        method: "POST",
        url: `${TELEGRAM_ORIGIN}/bot${token}/${method}`,
        ...sent,
        timeoutMs: options.timeoutMs ?? 15_000,
        origins: [TELEGRAM_ORIGIN],
        followRedirects: false,
      },
      options.signal === undefined ? {} : { signal: options.signal },
    );
  } catch (error) {
    return unansweredOf(error);
  }
  return resultOf(response, token);
}

function resultOf({ status, body }: HttpResponse, token: string): BotApiResult {
  const answer = parseAnswer(body);
  if (status === 200 && answer?.ok === true) return { kind: "ok", result: answer.result ?? null };
  if (status === 429) {
    const parameters = answer?.parameters;
    const seconds = isJsonObject(parameters) ? parameters.retry_after : undefined;
    return {
      kind: "limited",
      retryAfterMs: (typeof seconds === "number" && seconds > 0 ? Math.min(seconds, 86_400) : 1) * 1000,
    };
  }
  if (status >= 500) return { kind: "server-error" };
  // A 200 that isn't the Bot API's answer (a proxy's page) says nothing about the message.
  if (status >= 200 && status < 300) return { kind: "unknown" };
  const description = answer?.description;
  const isTold = typeof description === "string" && !description.includes(token);
  return { kind: "rejected", status, ...(isTold && { description: description.slice(0, MAX_DESCRIPTION) }) };
}

function parseAnswer(body: Uint8Array): JsonObject | undefined {
  try {
    const answer = parseJson(body, { maxBytes: 4 << 20 });
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}
