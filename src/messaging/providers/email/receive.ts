import type { Attachment, ChannelMessageEnvelope } from "../../../types/index.ts";
import type { ReceivedMessage } from "../../provider.ts";
import { localeIn } from "../../submitted-fields.ts";
import { domainOf, formatPlace } from "./address.ts";
import { MAX_REFERENCES, MAX_SUBJECT_UNITS } from "./limits.ts";
import { loopReason } from "./loops.ts";
import type { MailFile, ParsedMail } from "./parse-mail.ts";
import { namesIn, parseMail } from "./parse-mail.ts";
import type { ThreadKeeper } from "./thread.ts";
import { findThread, threadOf } from "./thread.ts";
import { senderProof } from "./verify.ts";

/** What reading a message needs to know of the channel. */
export interface EmailReading {
  readonly keeper: ThreadKeeper;
  /** The channel's own addresses, its first one first. */
  readonly own: readonly string[];
  /** The name under which the operator's own server says what it checked. */
  readonly authserv: string | undefined;
  /** Whether only proved senders are heard. */
  readonly isProofNeeded: boolean;
  readonly threadSecrets: () => Promise<readonly string[]>;
}

/** What a message turned out to be. `dropped` is no person's and is taken silently; `refused` may be said to whoever brings it. */
export type ReadMail =
  | {
      readonly kind: "message";
      readonly message: ReceivedMessage;
      readonly sender: string;
      /** The bytes of its attachments, in their order. */
      readonly files: readonly MailFile[];
    }
  | { readonly kind: "dropped"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: "unreadable" | "unproved" };

/**
 * Reads one message as it came from the server. Never throws for what is in it.
 * @throws what the secret's source throws
 */
export async function readMail(
  raw: Uint8Array,
  { returnPath, ...reading }: EmailReading & { readonly returnPath?: string },
): Promise<ReadMail> {
  const mail = await parseMail(raw);
  if (mail === undefined) return { kind: "refused", reason: "unreadable" };
  const loop = loopReason(mail, { own: reading.own, ...(returnPath === undefined ? {} : { returnPath }) });
  if (loop !== undefined) return { kind: "dropped", reason: loop };
  const proof = senderProof(mail.headers, { authserv: reading.authserv, domain: domainOf(mail.from) });
  if (proof === undefined && reading.isProofNeeded) return { kind: "refused", reason: "unproved" };
  if (mail.text === "" && mail.files.length === 0) return { kind: "dropped", reason: "empty" };
  const thread =
    findThread(mail.answers, { person: mail.from, keeper: reading.keeper, secrets: await reading.threadSecrets() }) ??
    threadOf(mail.dedupeKey);
  const conversation = formatPlace({ person: mail.from, thread });
  const locale = localeIn(mail.header("content-language")?.trim());
  const message: ReceivedMessage = {
    envelope: envelopeOf(mail, {
      conversation,
      reading,
      metadata: {
        sender_verified: proof === undefined ? "false" : "true",
        ...(proof === undefined ? {} : { sender_proof: proof }),
        ...(locale === undefined ? {} : { locale }),
      },
    }),
    dedupeKey: mail.dedupeKey,
    conversation,
    user: mail.from,
    ...(locale === undefined ? {} : { locale }),
  };
  return { kind: "message", message, sender: mail.from, files: mail.files };
}

function envelopeOf(
  mail: ParsedMail,
  {
    conversation,
    reading: { keeper, own },
    metadata,
  }: {
    readonly conversation: string;
    readonly reading: EmailReading;
    readonly metadata: Readonly<Record<string, string>>;
  },
): ChannelMessageEnvelope {
  const { env, tenant, team, channel } = keeper.address;
  const subject = mail.subject.slice(0, MAX_SUBJECT_UNITS).toWellFormed();
  const references = [
    ...namesIn(mail.header("references") ?? ""),
    ...(mail.messageId === undefined ? [] : [mail.messageId]),
  ];
  return {
    id: mail.dedupeKey,
    tenant: { env, tenant, team, user: mail.from },
    channel,
    session_id: conversation,
    // What the answer needs to stand in the same thread, wherever it is made.
    reply_scope: {
      conversation,
      ...(mail.messageId === undefined ? {} : { reply_to: mail.messageId }),
      thread: [...new Set(references)].slice(-MAX_REFERENCES).join(" "),
      correlation: subject,
    },
    from: { id: mail.from, kind: "user", ...(mail.fromName === "" ? {} : { name: mail.fromName.slice(0, 200) }) },
    to: [{ id: own[0] ?? "", kind: "email" }],
    ...(mail.text === "" ? {} : { text: mail.text }),
    attachments: mail.files.map(attachmentOf),
    metadata: {
      from: mail.from,
      universal: "true",
      ...(subject === "" ? {} : { subject }),
      ...(mail.isShortened ? { shortened: "true" } : {}),
      ...metadata,
    },
    ...(mail.wholeText === undefined ? {} : { extensions: { channel_data: { whole_text: mail.wholeText } } }),
  };
}

const attachmentOf = ({ name, type, bytes }: ParsedMail["files"][number]): Attachment => ({
  mime_type: type,
  ...(name === undefined ? {} : { name }),
  size_bytes: bytes.byteLength,
});
