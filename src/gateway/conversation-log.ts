import { keepTimesOf } from "../config/index.ts";
import { activityFromLog } from "../messaging/index.ts";
import type { JsonObject } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";
import { linkFiles } from "./conversation-files.ts";
import { logKeyOf } from "./log-key.ts";
import type { ConversationClaims, ConversationTokens } from "./conversation-tokens.ts";
import type { GatewayOptions } from "./options.ts";

/** The channel's name in addresses. */
export const WEBCHAT_CHANNEL = "webchat";
const PAGE_SIZE = 200;

/** Reads the activities from a watermark on, at most 200; undefined where there are none. */
export async function readActivities(
  {
    runtime,
    tokens,
    publicUrl,
  }: Pick<GatewayOptions, "runtime" | "publicUrl"> & { readonly tokens: ConversationTokens },
  claims: ConversationClaims,
  watermark: number,
): Promise<{ readonly activities: readonly JsonObject[]; readonly watermark: string } | undefined> {
  const provider = runtime.channel(claims, WEBCHAT_CHANNEL);
  if (provider === undefined) return undefined;
  const entries = await runtime.store.readLog(logKeyOf(claims, provider), {
    after: watermark - 1,
    limit: PAGE_SIZE,
    keepMs: keepTimesOf(runtime.retention, provider.address.tenant).conversationLogMs,
  });
  const last = entries.at(-1);
  if (last === undefined) return undefined;
  const activities = entries.map((entry) => activityFromLog(claims.conversation, entry));
  // Without a name of its own the host is whatever the client calls it.
  const base = publicUrl?.replace(/\/$/, "") ?? "";
  return {
    activities: await linkFiles(activities, { claims, tokens, base }),
    watermark: String(last.index + 1),
  };
}

/** Reads the watermark of a query; absent, empty and the text "undefined" of older clients mean the beginning. @throws GATEWAY_WATERMARK_INVALID */
export function watermarkOf(query: string): number {
  const text = query === "" ? null : new URLSearchParams(query).get("watermark");
  if (text === null || text === "" || text === "undefined" || text === "null") return 0;
  if (!/^\d{1,15}$/.test(text)) throw new GreenticError("GATEWAY_WATERMARK_INVALID", "Read watermark: not one of ours");
  return Number(text);
}
