import { lazyCard } from "./lazy-card.tsx";
import type { VNode } from "preact";
import { adaptiveCardOf } from "../cards/simple-card.ts";
import { isForeign } from "../cards/keep-local.ts";
import type { Conversation } from "../conversation/store.ts";
import { isRecord } from "../directline/index.ts";
import type { Activity, Attachment } from "../directline/index.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { safeUrl } from "../markdown/parse.ts";
import { words } from "../words/index.ts";
import { Icon } from "./icons.tsx";

/** Everything that came with a message: cards, pictures and recordings shown, the rest as a file to open. */
export function Attachments({
  activity,
  conversation,
}: {
  readonly activity: Activity;
  readonly conversation: Conversation;
}): VNode | null {
  const attachments = activity.attachments ?? [];
  if (attachments.length === 0) return null;
  const layout = activity.attachmentLayout === "carousel" && attachments.length > 1 ? "carousel" : "stack";
  return (
    <div
      class={`attachments ${layout}`}
      {...(layout === "carousel" ? { tabIndex: 0, role: "group", "aria-label": words.value.attachment } : {})}
    >
      {attachments.map((attachment, at) => (
        <One key={at} attachment={attachment} activity={activity} conversation={conversation} />
      ))}
    </div>
  );
}

function One(props: {
  readonly attachment: Attachment;
  readonly activity: Activity;
  readonly conversation: Conversation;
}): VNode {
  const { attachment, activity, conversation } = props;
  const { contentType, contentUrl, content } = attachment;
  const card = adaptiveCardOf(attachment);
  if (card !== undefined) return lazyCard({ card, activity, conversation });
  if (contentType.startsWith("text/") && contentUrl === undefined && typeof content === "string")
    return (
      <div class="bubble">
        {contentType === "text/markdown" ? <Markdown source={content} /> : <p class="plain">{content}</p>}
      </div>
    );
  const name = attachment.name ?? words.value.attachment;
  const isHere =
    contentUrl !== undefined &&
    !isForeign(contentUrl) &&
    /^(?:https?:|data:(?:image|audio|video)\/|blob:|\/)/i.test(contentUrl);
  if (isHere && contentType.startsWith("image/"))
    return <img class="picture" src={contentUrl} alt={attachment.name ?? words.value.attachment} loading="lazy" />;
  if (isHere && contentType.startsWith("audio/"))
    return <audio class="recording" src={contentUrl} controls aria-label={name} />;
  if (isHere && contentType.startsWith("video/"))
    return <video class="picture" src={contentUrl} controls aria-label={name} />;
  return <File name={name} attachment={attachment} />;
}

function File({ name, attachment }: { readonly name: string; readonly attachment: Attachment }): VNode {
  const { contentUrl, contentType } = attachment;
  const isOwn = contentUrl !== undefined && isDownload(contentUrl);
  const url = contentUrl === undefined ? undefined : safeUrl(new URL(contentUrl, location.href).href);
  const isRefused = contentUrl === undefined && isRecord(attachment.content) && "code" in attachment.content;
  const detail = isRefused ? words.value.fileRefused : kindOf(url, contentType);
  const inner = (
    <>
      <Icon name={isRefused ? "alert" : "file"} />
      <span class="file-name">{name}</span>
      <span class="file-detail">{detail}</span>
      {url !== undefined && <Icon name={isOwn ? "down" : "outside"} />}
    </>
  );
  return url === undefined ? (
    <div class="file">{inner}</div>
  ) : (
    <a class="file" href={url} rel="noopener noreferrer" {...(isOwn ? { download: name } : { target: "_blank" })}>
      {inner}
    </a>
  );
}

/** Whether an address is a file of this conversation, or one that was chosen here. */
function isDownload(address: string): boolean {
  return /^blob:/i.test(address) || (!isForeign(address) && /\/conversations\/[^/]+\/attachments\//.test(address));
}

/** Where a file is, or what it is: the end of its media type says enough. */
function kindOf(url: string | undefined, contentType: string): string {
  if (url !== undefined && isForeign(url)) return words.value.fromElsewhere(new URL(url).host);
  return contentType === "application/octet-stream" ? "" : contentType;
}
