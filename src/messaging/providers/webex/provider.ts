import type { JsonObject, World } from "../../../types/index.ts";
import { BucketPace } from "../../bucket-pace.ts";
import type { ChannelAddress, Provider, Received } from "../../provider.ts";
import type { OpenHttp, SendHttp } from "../entry.ts";
import { withFiles } from "../entry.ts";
import type { WebexApi, WebexResult } from "./api.ts";
import { bearerOf, callWebex } from "./api.ts";
import { completeWebex } from "./complete.ts";
import { fetchWebexFile, isWebexFile } from "./files.ts";
import { webexRates } from "./limits.ts";
import { projectWebex } from "./project.ts";
import { readWebexHook } from "./receive.ts";
import type { WebexSending } from "./send.ts";
import { readWebexBack, sendWebex } from "./send.ts";
import { isWebex } from "./verify.ts";

/** What a Webex channel needs. */
export interface WebexOptions {
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly http: SendHttp;
  /** For files; without it they stay addresses. */
  readonly openHttp?: OpenHttp;
  /** The bot's token, asked for at each call so that it can be rotated. */
  readonly token: () => Promise<string>;
  /** What the webhooks are signed with; two while one is rotated. Without one every request is refused. */
  readonly webhookSecrets: () => Promise<readonly string[]>;
}

// Webex says nothing of redeliveries.
const DEDUPE_TTL_MS = 3 * 24 * 3_600_000;

/** The Webex channel of one bot: webhooks that tell of messages and submitted cards in, `POST /v1/messages` out. */
export function createWebexProvider({ address, world, http, openHttp, token, webhookSecrets }: WebexOptions): Provider {
  const api: WebexApi = { http, token };
  const pace = new BucketPace(webexRates);
  const sending: WebexSending = { api, pace, world, known: new Set() };
  const self = createSelf(api);
  return {
    type: "webex",
    address,
    delivery: { kind: "send", sinkClass: "B" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    receive: async (request): Promise<Received> =>
      isWebex(request, await webhookSecrets()) ? readWebexHook(request.body) : { kind: "refused", reason: "signature" },
    complete: (notice, options) => completeWebex(notice, { api, address, world, self, ...options }),
    ...withFiles(openHttp, (open) => ({
      isFile: isWebexFile,
      fetchFile: (request) => fetchWebexFile(request, { api, openHttp: open }),
    })),
    project: projectWebex,
    readyAtMs: (conversation) => pace.readyAtMs(conversation, world.nowMs()),
    sendRates: webexRates,
    send: (payload, send) => sendWebex(payload, send, sending),
    readBack: (send) => readWebexBack(send, sending),
  };
}

/** Finds out who the worker is, once for each token. */
function createSelf(api: WebexApi): (signal: AbortSignal) => Promise<JsonObject | WebexResult> {
  let known: { readonly bearer: string; readonly self: JsonObject } | undefined;
  return async (signal) => {
    const bearer = await bearerOf(api.token);
    if (known?.bearer === bearer) return known.self;
    const result = await callWebex("people/me", { http: api.http, token: () => Promise.resolve(bearer), signal });
    if (result.kind !== "ok") return result;
    const { id, displayName } = result.answer;
    if (typeof id !== "string") return { kind: "server-error" };
    known = { bearer, self: { id, ...(typeof displayName === "string" && { displayName }) } };
    return known.self;
  };
}
