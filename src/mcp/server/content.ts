import type { BlobResourceContents, ContentBlock, TextResourceContents } from "@modelcontextprotocol/server";
import { isCard, messageToText } from "../../messaging/index.ts";
import type { Attachment, ChannelMessageEnvelope } from "../../types/index.ts";

/** `data:image/png;base64,…`: how a message carries bytes. */
const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+)(?:;[\w=-]+)*;base64,([A-Za-z0-9+/]*={0,2})$/;

/** Makes the protocol's content of what a flow said: text, cards as text, images, sounds, resources and links to them. */
export function contentOf(messages: readonly ChannelMessageEnvelope[]): ContentBlock[] {
  return messages.flatMap((message) => {
    const { text } = messageToText(message);
    const media = message.attachments.filter((attachment) => !isCard(attachment)).map(blockOf);
    return text === "" ? media : [{ type: "text", text } as const, ...media];
  });
}

/** All that messages say, as one text; what could be pressed is listed behind it. */
export function textOf(messages: readonly ChannelMessageEnvelope[], lists: { readonly choices: boolean }): string {
  return messages
    .map((message) => {
      const { text, actions } = messageToText(message);
      const choices = lists.choices ? actions.map(({ title }) => `• ${title}`) : [];
      return [text, ...choices].filter((line) => line !== "").join("\n");
    })
    .filter((text) => text !== "")
    .join("\n\n");
}

function blockOf(attachment: Attachment): ContentBlock {
  const { mime_type: mimeType, url, name, content } = attachment;
  const data = DATA_URL.exec(url ?? "");
  if (data !== null) {
    const [, type = mimeType, bytes = ""] = data;
    if (type.startsWith("image/")) return { type: "image", data: bytes, mimeType: type };
    if (type.startsWith("audio/")) return { type: "audio", data: bytes, mimeType: type };
  }
  if (url !== undefined && data === null && content === undefined)
    return { type: "resource_link", uri: url, name: name ?? url, mimeType };
  return { type: "resource", resource: resourceOf(attachment, attachmentUri(attachment)) };
}

/** The content of an attachment under a URI. */
function resourceOf(attachment: Attachment, uri: string): TextResourceContents | BlobResourceContents {
  const { mime_type: mimeType, url, content } = attachment;
  const data = DATA_URL.exec(url ?? "");
  if (data !== null) return { uri, mimeType: data[1] ?? mimeType, blob: data[2] ?? "" };
  const text = typeof content === "string" ? content : JSON.stringify(content ?? url ?? "");
  return { uri, mimeType, text };
}

function attachmentUri({ url, name }: Attachment): string {
  return url === undefined || url.startsWith("data:") ? `attachment:${encodeURIComponent(name ?? "file")}` : url;
}

/** Makes the contents of a resource of what its flow said. */
export function resourceContents(
  messages: readonly ChannelMessageEnvelope[],
  { uri, mimeType }: { readonly uri: string; readonly mimeType: string | undefined },
): (TextResourceContents | BlobResourceContents)[] {
  return messages.flatMap((message) => {
    const { text } = messageToText(message);
    const files = message.attachments
      .filter((attachment) => !isCard(attachment))
      .map((attachment) => resourceOf(attachment, uri));
    return text === "" ? files : [{ uri, mimeType: mimeType ?? "text/plain", text }, ...files];
  });
}
