import type { JsonValue, World } from "../../../types/index.ts";
import { GreenticError, isJsonObject } from "../../../types/index.ts";
import type { ReceivedMessage } from "../../provider.ts";
import type { BotApiOptions } from "./bot-api.ts";
import { callBotApi } from "./bot-api.ts";
import type { TelegramIdentity } from "./normalise.ts";
import { normaliseUpdate } from "./normalise.ts";
import { pause } from "../../pause.ts";

/** What the polling loop works with. */
export interface TelegramPolling {
  readonly api: BotApiOptions;
  readonly identity: TelegramIdentity;
  /** Resolves when the message is durable. */
  readonly accept: (message: ReceivedMessage) => Promise<void>;
  readonly answerCallback: (id: string) => Promise<void>;
  readonly signal: AbortSignal;
  readonly world: Pick<World, "schedule">;
  /** How long one request waits for updates. Default 25. */
  readonly waitSeconds?: number;
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

/**
 * Fetches updates until the signal aborts. Telegram forgets an update once a later offset was asked for, so the offset moves past an
 * update only after its message was accepted; whatever was not confirmed comes again after a restart and is known by its dedupe key.
 */
export async function pollTelegram(polling: TelegramPolling): Promise<void> {
  const { api, signal } = polling;
  const waitSeconds = polling.waitSeconds ?? 25;
  let offset: number | undefined;
  let delayMs = 0;
  // A registered webhook makes getUpdates fail; whether it was there doesn't matter.
  await callBotApi("deleteWebhook", {}, { ...api, signal }).catch(() => undefined);
  while (!signal.aborted) {
    const before = offset;
    let isDone = false;
    const result = await callBotApi(
      "getUpdates",
      {
        timeout: waitSeconds,
        allowed_updates: ["message", "callback_query"],
        ...(offset === undefined ? {} : { offset }),
      },
      { ...api, timeoutMs: (waitSeconds + 10) * 1000, signal },
    ).catch(() => undefined);
    if (result?.kind === "ok" && Array.isArray(result.result)) {
      ({ offset, isDone } = await acceptAll(result.result as readonly JsonValue[], offset, polling));
    }
    if (isDone || offset !== before) delayMs = 0;
    if (isDone || signal.aborted) continue;
    delayMs = Math.min(MAX_DELAY_MS, delayMs === 0 ? FIRST_DELAY_MS : delayMs * 2);
    await pause(result?.kind === "limited" ? result.retryAfterMs : delayMs, polling);
  }
}

async function acceptAll(
  updates: readonly JsonValue[],
  offset: number | undefined,
  { identity, accept, answerCallback, signal }: TelegramPolling,
): Promise<{ offset: number | undefined; isDone: boolean }> {
  let next = offset;
  for (const update of updates) {
    if (signal.aborted) return { offset: next, isDone: true };
    const { message, callbackId } = normaliseUpdate(update, identity);
    if (message !== undefined) {
      try {
        await accept(message);
      } catch (error) {
        // Not durable: the update stays unconfirmed and is asked for again, unless it can never be accepted: it must not block the rest.
        if (!(error instanceof GreenticError) || error.kind !== "invalid_input") return { offset: next, isDone: false };
      }
    }
    if (callbackId !== undefined) answerCallback(callbackId).catch(() => undefined);
    const id = isJsonObject(update) ? update.update_id : undefined;
    if (typeof id === "number" && Number.isSafeInteger(id)) next = Math.max(next ?? 0, id + 1);
  }
  return { offset: next, isDone: true };
}
