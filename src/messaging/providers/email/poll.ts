import type { ImapFlow } from "imapflow";
import type { World } from "../../../types/index.ts";
import { GreenticError } from "../../../types/index.ts";
import { pause } from "../../pause.ts";
import { whyUnreadable } from "./failure.ts";
import { DEDUPE_TTL_MS } from "./limits.ts";
import type { MailboxOptions } from "./mailbox.ts";
import { openImap } from "./mailbox.ts";
import type { TakeMail } from "./take.ts";

/** What the loop works with. */
export interface EmailPolling {
  readonly options: MailboxOptions;
  readonly mailbox: string;
  /** Where messages go once they are kept. */
  readonly moveTo: string | undefined;
  readonly maxBytes: number;
  readonly take: TakeMail;
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly signal: AbortSignal;
  /** Tells the operator that the mailbox can't be read, once until it can. */
  readonly warn: (message: string) => void;
}

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
/** How often is looked even where the server tells nothing: messages that were put off, servers without IDLE. */
const LOOK_MS = 60_000;
/** Messages that are asked for at once. */
const BATCH = 50;

/**
 * Fetches unread messages until the signal aborts. A message is marked as read, or moved, after it was accepted: what a crash comes
 * between is fetched again and known by its dedupe key. What isn't taken for good is marked too and stays where it is.
 */
export async function pollMailbox(polling: EmailPolling): Promise<void> {
  const { signal, world } = polling;
  let delayMs = FIRST_DELAY_MS;
  let hasWarned = false;
  while (!signal.aborted) {
    let client: ImapFlow | undefined;
    const close = (): void => client?.close();
    try {
      client = await openImap(polling.options);
      signal.addEventListener("abort", close, { once: true });
      const { readOnly } = await client.mailboxOpen(polling.mailbox);
      if (readOnly === true) throw new GreenticError("MESSAGING_MAILBOX_UNUSABLE", "Open mailbox: it is read-only");
      hasWarned = false;
      delayMs = FIRST_DELAY_MS;
      await readAll(client, polling);
    } catch (error) {
      if (!hasWarned && !signal.aborted) polling.warn(`its mailbox can't be read: ${whyUnreadable(error).why}`);
      hasWarned = true;
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
    await pause(delayMs, { world, signal });
    delayMs = Math.min(MAX_DELAY_MS, delayMs * 2);
  }
}

/** Reads what is there, then what comes, until the connection ends. */
async function readAll(client: ImapFlow, polling: EmailPolling): Promise<void> {
  const { signal, world } = polling;
  let arrived = Promise.withResolvers<void>();
  client.on("exists", () => arrived.resolve());
  client.on("close", () => arrived.resolve());
  /** Done with in this connection, whether or not the server could be told. */
  const done = new Set<number>();
  while (!signal.aborted && client.usable) {
    arrived = Promise.withResolvers<void>();
    await readUnseen(client, { done, polling });
    const late = new AbortController();
    const idling = client.idle().catch(() => undefined);
    await Promise.race([arrived.promise, pause(LOOK_MS, { world, signal: AbortSignal.any([signal, late.signal]) })]);
    late.abort();
    // The next command ends IDLE.
    if (client.usable) await client.noop();
    await idling;
  }
}

async function readUnseen(
  client: ImapFlow,
  { done, polling }: { readonly done: Set<number>; readonly polling: EmailPolling },
): Promise<void> {
  const since = new Date(polling.world.nowMs() - DEDUPE_TTL_MS);
  const found = await client.search({ seen: false, deleted: false, since }, { uid: true });
  const uids = (Array.isArray(found) ? found : []).filter((uid) => !done.has(uid));
  for (let at = 0; at < uids.length && !polling.signal.aborted; at += BATCH) {
    const batch = uids.slice(at, at + BATCH);
    const sizes = await client.fetchAll(batch.join(","), { uid: true, size: true }, { uid: true });
    for (const { uid, size } of sizes) {
      if (polling.signal.aborted) return;
      const result = await readOne(client, uid, { polling, size: size ?? 0 });
      if (result === "later") continue;
      done.add(uid);
      const isKept = result === "accepted" && polling.moveTo !== undefined;
      await client.messageFlagsAdd(String(uid), ["\\Seen"], { uid: true });
      if (isKept) await client.messageMove(String(uid), polling.moveTo, { uid: true });
    }
  }
}

async function readOne(
  client: ImapFlow,
  uid: number,
  { polling, size }: { readonly polling: EmailPolling; readonly size: number },
): Promise<"accepted" | "dropped" | "later"> {
  if (size > polling.maxBytes) return "dropped";
  const fetched = await client.fetchOne(String(uid), { source: { maxLength: polling.maxBytes } }, { uid: true });
  const source = fetched ? fetched.source : undefined;
  if (source === undefined) return "later";
  const { kind } = await polling.take(source);
  if (kind === "accepted") return "accepted";
  return kind === "unavailable" || kind === "too-often" ? "later" : "dropped";
}
