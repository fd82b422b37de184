import { isRecord, readActivitySet } from "./activity.ts";
import type { Activity, ActivitySet } from "./activity.ts";

/** Longest wait for one answer. */
const TIMEOUT_MS = 20_000;
/** Longest wait for a file to be taken. */
const UPLOAD_MS = 120_000;

/** A token and how long it lives. */
export interface Token {
  readonly token: string;
  readonly expiresInSeconds: number;
}

/** A conversation as the server hands it out. Without `streamUrl` the client polls. */
export interface OpenedConversation extends Token {
  readonly conversationId: string;
  readonly streamUrl?: string;
}

/** A request that failed. `status` 0 means that no answer came, so it isn't known whether the server did it. */
export class DirectLineError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: string,
    options: { readonly status: number; readonly retryAfterMs?: number; readonly cause?: unknown },
  ) {
    super(`Direct Line: ${code}`, { cause: options.cause });
    this.status = options.status;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The REST half of Direct Line 3.0, one function per endpoint. */
export interface DirectLineRest {
  readonly generateToken: (body: object) => Promise<Token>;
  readonly refreshToken: (token: string) => Promise<Token>;
  readonly startConversation: (
    token: string,
    body: { readonly user: object; readonly locale: string },
  ) => Promise<OpenedConversation>;
  readonly reconnect: (token: string, conversationId: string, watermark?: string) => Promise<OpenedConversation>;
  readonly readActivities: (token: string, conversationId: string, watermark?: string) => Promise<ActivitySet>;
  /** Resolves to the server's id of the activity. */
  readonly postActivity: (token: string, conversationId: string, activity: Activity) => Promise<string | undefined>;
}

/** Makes the REST client for one base, which ends in `/v3/directline`. */
export function createRest(base: string): DirectLineRest {
  const call = async (
    path: string,
    options: { token?: string; body?: object; form?: FormData; locale?: string } = {},
  ): Promise<Record<string, unknown>> => {
    const headers: Record<string, string> = {};
    if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
    // The worker may speak first, before any activity tells the language.
    if (options.locale !== undefined) headers["x-greentic-locale"] = options.locale;
    if (options.body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = {
      headers,
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(options.form === undefined ? TIMEOUT_MS : UPLOAD_MS),
    };
    if (options.body !== undefined) Object.assign(init, { method: "POST", body: JSON.stringify(options.body) });
    if (options.form !== undefined) Object.assign(init, { method: "POST", body: options.form });
    let response: Response;
    let value: unknown;
    try {
      response = await fetch(base + path, init);
      value = await response.json().catch(() => ({}));
    } catch (cause) {
      throw new DirectLineError("UNREACHABLE", { status: 0, cause });
    }
    if (!response.ok) throw toError(response, value);
    return isRecord(value) ? value : {};
  };
  const conversation = (id: string): string => `/conversations/${encodeURIComponent(id)}`;
  const since = (watermark?: string): string =>
    watermark === undefined ? "" : `?watermark=${encodeURIComponent(watermark)}`;
  return {
    generateToken: async (body) => readToken(await call("/tokens/generate", { body })),
    refreshToken: async (token) => readToken(await call("/tokens/refresh", { token, body: {} })),
    startConversation: async (token, body) =>
      readOpened(await call("/conversations", { token, body, locale: body.locale }), { token }),
    reconnect: async (token, id, watermark) =>
      readOpened(await call(conversation(id) + since(watermark), { token }), { token, id }),
    readActivities: async (token, id, watermark) =>
      readActivitySet(await call(`${conversation(id)}/activities${since(watermark)}`, { token })),
    postActivity: async (token, id, activity) => {
      const form = formOf(activity);
      const answer = await (form === undefined
        ? call(`${conversation(id)}/activities`, { token, body: activity })
        : call(`${conversation(id)}/upload`, { token, form }));
      return typeof answer["id"] === "string" ? answer["id"] : undefined;
    },
  };
}

/** An activity with its files as an upload; undefined where it has none. */
function formOf(activity: Activity): FormData | undefined {
  const { attachments = [], ...said } = activity;
  const files = attachments.filter(({ file }) => file !== undefined);
  if (files.length === 0) return undefined;
  const form = new FormData();
  form.append("activity", new Blob([JSON.stringify(said)], { type: "application/vnd.microsoft.activity" }));
  for (const { file, name } of files) form.append("file", file as Blob, name ?? "file");
  return form;
}

function toError(response: Response, value: unknown): DirectLineError {
  const error = isRecord(value) ? value["error"] : undefined;
  const named = isRecord(error) ? error["code"] : (error ?? (isRecord(value) ? value["code"] : undefined));
  const code = typeof named === "string" && named !== "" ? named : `HTTP_${response.status}`;
  const seconds = Number(response.headers.get("retry-after"));
  const retry = seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
  return new DirectLineError(code, { status: response.status, ...retry });
}

function readToken(answer: Record<string, unknown>): Token {
  const token = answer["token"];
  if (typeof token !== "string") throw new DirectLineError("ANSWER_WITHOUT_TOKEN", { status: 502 });
  return { token, expiresInSeconds: readExpiry(answer) };
}

/** Some servers repeat the token here and some don't; without one the token asked with stays in use. */
function readOpened(answer: Record<string, unknown>, known: { token: string; id?: string }): OpenedConversation {
  const { token, streamUrl, conversationId = known.id } = answer;
  if (typeof conversationId !== "string") throw new DirectLineError("ANSWER_WITHOUT_CONVERSATION", { status: 502 });
  return {
    conversationId,
    token: typeof token === "string" ? token : known.token,
    expiresInSeconds: readExpiry(answer),
    ...(typeof streamUrl === "string" && streamUrl !== "" ? { streamUrl } : {}),
  };
}

function readExpiry(answer: Record<string, unknown>): number {
  const seconds = answer["expires_in"];
  return typeof seconds === "number" && seconds > 0 ? seconds : 1800;
}
