/** A mail server as a storm meets it, behind the seam where the channel opens its connections: no socket, and virtual time. */
import type { OpenSmtpLine } from "../../src/messaging/providers/email/smtp-line.ts";
import { composeMail } from "../../src/messaging/providers/email/mime.ts";
import type { PublishedLimit } from "./published-limits.ts";

/** What an account may send, which is what the channel's `messages_per_minute` says. */
export const MAIL_LIMITS: readonly PublishedLimit[] = [{ name: "account", count: 60, windowMs: 60_000 }];

/** Turns of the loop in which a mail is written: its text goes through streams. */
export const MAIL_TURNS = 24;

/** Loads what mails are written by: the machine's disk keeps to no virtual time. */
export async function loadMail(): Promise<void> {
  const payload = { subject: "", text: "", html: "", references: [], files: [] };
  const head = { from: "a@example.com", fromName: "", to: "b@example.com", messageId: "<1@example.com>" };
  await composeMail(payload, { ...head, anchor: undefined, dateMs: 0 }, { maxBytes: 10_000 });
}

/** Lets a mail arrive; gives how long it has come too early, and 0 where it is taken. */
type TakeMail = (bytes: Uint8Array) => Promise<number>;

/** Opens connections to the server; `answered` is over when an answer is there. */
export function mailLines(take: TakeMail, answered: () => Promise<void>): OpenSmtpLine {
  return async () => {
    let isOpen = true;
    const close = (): void => void (isOpen = false);
    await answered();
    return {
      isOpen: () => isOpen,
      rest: () => undefined,
      login: answered,
      send: async ({ bytes }, { onHandedOver }) => {
        onHandedOver();
        const waitMs = await take(bytes);
        await answered();
        if (waitMs > 0) throw Object.assign(new Error("4.7.1 Too many messages"), { responseCode: 450 });
      },
      reset: answered,
      quit: close,
      close,
    };
  };
}
