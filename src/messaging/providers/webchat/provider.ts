import type { World } from "../../../types/index.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import { activityOf } from "./activity.ts";

/** What the web chat needs. */
export interface WebChatOptions {
  readonly world: Pick<World, "nowMs">;
  /** The worker's id in activities. Default `worker`. */
  readonly worker?: string;
}

// Clients repeat a post for minutes at most; a day covers a page that was asleep.
const DEDUPE_TTL_MS = 24 * 3_600_000;

/** The channel that speaks Direct Line: replies are delivered by being in the conversation's log, so each arrives exactly once. */
export function createWebChatProvider(address: ChannelAddress, options: WebChatOptions): Provider {
  const worker = options.worker ?? "worker";
  return {
    type: "webchat",
    address,
    delivery: { kind: "log" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    project: (message, note) => [
      activityOf(message, { worker, timestamp: new Date(options.world.nowMs()).toISOString(), note }),
    ],
  };
}
