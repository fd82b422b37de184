import type { ReadBack } from "../../provider.ts";
import type { World } from "../../../types/index.ts";
import type { MailboxOptions } from "./mailbox.ts";
import { openImap } from "./mailbox.ts";

/** How long after it was first missed a mail may still turn up: servers keep their copy when they have taken the mail, not before. */
const WAIT_MS = 60_000;
const LOOK_MS = 10_000;
const MAX_MISSED = 10_000;

/** Looks for mails whose fate is unknown in the mailbox where the server keeps what it took. */
export class SentMailbox {
  readonly #options: MailboxOptions & { readonly mailbox: string; readonly world: Pick<World, "nowMs"> };
  /** Message-IDs: since when they have been missed. */
  readonly #missedSince = new Map<string, number>();

  constructor(options: MailboxOptions & { readonly mailbox: string; readonly world: Pick<World, "nowMs"> }) {
    this.#options = options;
  }

  /** Tells whether the server took a mail, under any of its names. */
  async find(messageIds: readonly string[], signal: AbortSignal): Promise<ReadBack> {
    const { world } = this.#options;
    const messageId = messageIds[0] ?? "";
    let isThere: boolean;
    try {
      isThere = await this.#search(messageIds, signal);
    } catch {
      return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN", notBeforeMs: world.nowMs() + LOOK_MS };
    }
    if (isThere) {
      this.#missedSince.delete(messageId);
      return { kind: "sent" };
    }
    const sinceMs = this.#missedSince.get(messageId) ?? world.nowMs();
    if (world.nowMs() - sinceMs >= WAIT_MS) {
      this.#missedSince.delete(messageId);
      return { kind: "unsent" };
    }
    if (this.#missedSince.size >= MAX_MISSED) this.#missedSince.clear();
    this.#missedSince.set(messageId, sinceMs);
    return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN", notBeforeMs: world.nowMs() + LOOK_MS };
  }

  async #search(messageIds: readonly string[], signal: AbortSignal): Promise<boolean> {
    const client = await openImap(this.#options);
    const close = (): void => client.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      if (signal.aborted) throw new Error("aborted");
      await client.mailboxOpen(this.#options.mailbox, { readOnly: true });
      for (const id of messageIds) {
        const found = await client.search({ header: { "Message-ID": id } }, { uid: true });
        // No answer isn't an empty one.
        if (!Array.isArray(found)) throw new Error("no answer");
        if (found.length > 0) return true;
      }
      return false;
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }
}
