/**
 * The platforms as a storm meets them: what each counts together, by the limits that it publishes, and what it answers. Where a platform
 * publishes a burst and a rate, the windows are those of a bucket of that size.
 */
import type { HttpRequest, HttpResponse } from "../../src/http/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import type { PublishedLimit } from "./published-limits.ts";

/** A platform that counts and answers. */
export interface StormPlatform {
  /** The limits that a request counts against; undefined for what isn't a message. */
  readonly limitsOf: (request: HttpRequest) => readonly PublishedLimit[] | undefined;
  readonly taken: (request: HttpRequest) => HttpResponse;
  readonly tooMany: (waitMs: number) => HttpResponse;
}

const json = (status: number, body: JsonObject, headers: HttpResponse["headers"] = []): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(JSON.stringify(body)),
});
const bodyOf = ({ body }: HttpRequest): JsonObject => JSON.parse(Buffer.from(body ?? []).toString()) as JsonObject;
const seconds = (waitMs: number): number => Math.max(1, Math.ceil(waitMs / 1000));
const textOf = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? `${value}` : "");

/** Windows that let through what a bucket would: `burst` at once, and one more each `everyMs`. */
function bucketWindows(name: string, burst: number, everyMs: number): readonly PublishedLimit[] {
  return [1, 5, 20, 80].map((times) => ({ name, count: burst + times - 1, windowMs: times * everyMs }));
}

const telegram: StormPlatform = {
  limitsOf: (request) => {
    const chat = textOf(bodyOf(request)["chat_id"]);
    return [
      { name: "bot", count: 30, windowMs: 1_000 },
      { name: `chat ${chat}`, count: 1, windowMs: 1_000 },
      ...(chat.startsWith("-") ? [{ name: `group ${chat}`, count: 20, windowMs: 60_000 }] : []),
    ];
  },
  taken: () => json(200, { ok: true, result: { message_id: 1 } }),
  tooMany: (waitMs) => json(429, { ok: false, error_code: 429, parameters: { retry_after: seconds(waitMs) } }),
};

const slack: StormPlatform = {
  limitsOf: (request) => [
    // "Several hundred a minute" for a workspace is taken to be three.
    { name: "workspace", count: 300, windowMs: 60_000 },
    { name: `channel ${textOf(bodyOf(request)["channel"])}`, count: 1, windowMs: 1_000 },
  ],
  taken: () => json(200, { ok: true, ts: "1.2" }),
  tooMany: (waitMs) => json(429, { ok: false, error: "ratelimited" }, [["retry-after", String(seconds(waitMs))]]),
};

const whatsapp: StormPlatform = {
  limitsOf: (request) => [
    { name: "number", count: 80, windowMs: 1_000 },
    ...bucketWindows(`pair ${textOf(bodyOf(request)["to"])}`, 45, 6_000),
  ],
  taken: () => json(200, { messages: [{ id: "wamid.1" }] }),
  tooMany: () => json(400, { error: { code: 131_056 } }),
};

const teams: StormPlatform = {
  limitsOf: ({ url }) => {
    const thread = /\/v3\/conversations\/([^/]+)\/activities/.exec(url)?.[1];
    if (thread === undefined) return undefined;
    return [
      { name: "app", count: 50, windowMs: 1_000 },
      ...[
        [7, 1_000],
        [8, 2_000],
        [60, 30_000],
        [1_800, 3_600_000],
      ].map(([count = 0, windowMs = 0]) => ({ name: `thread ${thread}`, count, windowMs })),
    ];
  },
  taken: ({ url }) =>
    url.includes("/oauth2/") ? json(200, { access_token: "stand-in", expires_in: 3_600 }) : json(201, { id: "1" }),
  tooMany: (waitMs) => json(429, {}, [["retry-after", String(seconds(waitMs))]]),
};

const webex: StormPlatform = {
  // Nothing is published: the paces are those that the channel keeps by itself. A bot is let speak less than that, so that Webex has
  // to say when.
  limitsOf: (request) => [
    ...bucketWindows("bot", 5 + 1, 200),
    ...bucketWindows(`room ${textOf(bodyOf(request)["roomId"])}`, 1 + 1, 1_000),
    { name: "bot", count: 240, windowMs: 60_000, isUnpublished: true },
  ],
  taken: () => json(200, { id: "sent.1" }),
  tooMany: (waitMs) => json(429, {}, [["retry-after", String(seconds(waitMs))]]),
};

const webhookOut: StormPlatform = {
  limitsOf: () => [{ name: "endpoint", count: 200, windowMs: 10_000, isUnpublished: true }],
  taken: () => json(204, {}),
  tooMany: (waitMs) => json(429, {}, [["retry-after", String(seconds(waitMs))]]),
};

/** By the channel's type. */
export const STORM_PLATFORMS: Readonly<Record<string, StormPlatform>> = {
  telegram,
  slack,
  whatsapp,
  teams,
  webex,
  "webhook-out": webhookOut,
};
