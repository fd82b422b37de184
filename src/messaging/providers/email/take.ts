import type { Attachment } from "../../../types/index.ts";
import { GreenticError } from "../../../types/index.ts";
import type { World } from "../../../types/index.ts";
import type { ReceivedMessage } from "../../provider.ts";
import { TokenBuckets } from "../../token-bucket.ts";
import type { KeepFile } from "../entry.ts";
import type { MailFile } from "./parse-mail.ts";
import type { EmailReading } from "./receive.ts";
import { readMail } from "./receive.ts";

/** What became of a message that somebody brought. Only `unavailable` and `too-often` are worth bringing it again. */
export type TakenMail =
  | { readonly kind: "accepted" }
  | { readonly kind: "dropped" }
  | { readonly kind: "refused"; readonly reason: "unreadable" | "unproved" }
  | { readonly kind: "too-often" }
  | { readonly kind: "unavailable" };

/** Takes one message as it came; the return path where the envelope had one. Never throws. */
export type TakeMail = (raw: Uint8Array, returnPath?: string) => Promise<TakenMail>;

/** What taking messages needs. */
export interface EmailTaking {
  readonly reading: EmailReading;
  /** Resolves when the message is durable. */
  readonly accept: (message: ReceivedMessage) => Promise<void>;
  readonly keepFile: KeepFile | undefined;
  readonly world: Pick<World, "nowMs">;
  readonly senders: TokenBuckets;
}

/** The allowances of senders: an hour's share at once, then evenly. */
export function senderBuckets(perHour: number): TokenBuckets {
  return new TokenBuckets({ capacity: Math.max(1, Math.ceil(perHour / 3)), perMs: perHour / 3_600_000 });
}

/** Makes what takes messages, however they come in. */
export function mailTaker({ reading, accept, keepFile, world, senders }: EmailTaking): TakeMail {
  return async (raw, returnPath) => {
    try {
      const read = await readMail(raw, { ...reading, ...(returnPath === undefined ? {} : { returnPath }) });
      if (read.kind !== "message") return read;
      const nowMs = world.nowMs();
      // Two programs that answer each other without a mark slow down to this; nothing is lost where a person is that quick.
      if (!senders.of(read.sender, nowMs).take(nowMs)) return { kind: "too-often" };
      await accept(await withFiles(read.message, read.files, { reading, keepFile }));
      return { kind: "accepted" };
    } catch (error) {
      // What can never be accepted must not come again and again.
      return error instanceof GreenticError && error.kind === "invalid_input"
        ? { kind: "refused", reason: "unreadable" }
        : { kind: "unavailable" };
    }
  };
}

/** Keeps the files before the message that names them. @throws what keeping them throws */
async function withFiles(
  message: ReceivedMessage,
  files: readonly MailFile[],
  { reading, keepFile }: Pick<EmailTaking, "reading" | "keepFile">,
): Promise<ReceivedMessage> {
  if (keepFile === undefined || files.length === 0) return message;
  const session = {
    address: reading.keeper.address,
    conversation: message.conversation,
    user: message.user,
  };
  const attachments: Attachment[] = [];
  for (const { bytes, type, name } of files)
    attachments.push(
      await keepFile(session, { content: once(bytes), mimeType: type, ...(name === undefined ? {} : { name }) }),
    );
  return { ...message, envelope: { ...message.envelope, attachments } };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}
