import type { ChannelMessageEnvelope } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { NoteFinding } from "../findings.ts";
import { noteElement } from "../findings.ts";
import { webUrl } from "./card-to-text.ts";
import type { SentFile } from "../files/outgoing.ts";
import { filesOf } from "../files/outgoing.ts";
import { isCard } from "./find-card.ts";

/** A line for each attachment that is no card and isn't sent as a file: its name and, where it is on the web, its address. */
export function filesToText(
  message: ChannelMessageEnvelope,
  note?: NoteFinding,
  isSent: (file: SentFile) => boolean = () => false,
): readonly string[] {
  const sent = new Set(filesOf(message, isSent).map(({ url }) => url));
  const lines: string[] = [];
  for (const [n, attachment] of message.attachments.entries()) {
    if (isCard(attachment) && isJsonObject(attachment.content ?? null)) continue;
    if (attachment.url !== undefined && sent.has(attachment.url)) continue;
    const url = webUrl(attachment.url);
    lines.push([attachment.name ?? attachment.mime_type, url].filter((part) => part !== "").join(": "));
    noteElement(note, "attachment.told", { type: "attachment", path: `attachments[${n}]` });
  }
  return lines;
}
