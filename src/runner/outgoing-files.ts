import { isBlobUrl } from "../blob/index.ts";
import type { FileKeeper, Provider } from "../messaging/index.ts";
import { isDataUrl, refusedFile } from "../messaging/index.ts";
import type { Attachment, ChannelMessageEnvelope } from "../types/index.ts";
import type { Turn } from "./turn.ts";

/** Whether what a turn says has files whose bytes must not travel in messages. */
export function hasOutgoingFiles(turn: Turn): boolean {
  return (
    turn.messages.some(hasFiles) ||
    turn.relayed.some((relayed) => relayed.kind === "message" && hasFiles(relayed.message))
  );
}

/**
 * Keeps the files of what a turn says, for its session, before the commit that says it: messages and rows hold references. Where the
 * reply is the answer to a caller, who could do nothing with one, files stay in it as they are.
 * @throws STORE_UNAVAILABLE, STORE_READ_ONLY
 */
export async function keepOutgoingFiles(turn: Turn, provider: Provider, files: FileKeeper): Promise<void> {
  const keep = async (message: ChannelMessageEnvelope): Promise<ChannelMessageEnvelope> => {
    if (!hasFiles(message)) return message;
    const attachments: Attachment[] = [];
    for (const attachment of message.attachments) attachments.push(await keepOne(turn, attachment, files));
    return { ...message, attachments };
  };
  if (provider.delivery.kind !== "answer")
    for (const [n, message] of turn.messages.entries()) turn.messages[n] = await keep(message);
  for (const [n, relayed] of turn.relayed.entries())
    if (relayed.kind === "message") turn.relayed[n] = { ...relayed, message: await keep(relayed.message) };
}

/** Keeps a file for the turn's session, whoever else has it; one that can't be kept says why, and its name still leaves. */
async function keepOne({ lease }: Turn, attachment: Attachment, files: FileKeeper): Promise<Attachment> {
  const { url } = attachment;
  if (isDataUrl(url)) return files.keepDataUrl(lease.key, attachment, { isOwn: true });
  if (!isBlobUrl(url)) return attachment;
  const kept = await files.blobs.claim(lease.key, url, files.keepUntilMs(lease.key));
  if (kept === undefined) return refusedFile(attachment, "MESSAGING_FILE_UNAVAILABLE");
  return files.named({ ...attachment, size_bytes: kept.sizeBytes });
}

function hasFiles({ attachments }: ChannelMessageEnvelope): boolean {
  return attachments.some(({ url }) => isDataUrl(url) || isBlobUrl(url));
}
