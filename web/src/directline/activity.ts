/**
 * Direct Line 3.0's activities, as far as the page reads them. Everything arrives from a server, so each field may be absent
 * and `readActivitySet` drops what is not an activity.
 */
export interface Activity {
  readonly id?: string;
  readonly type: string;
  readonly name?: string;
  readonly timestamp?: string;
  readonly from?: { readonly id?: string; readonly name?: string; readonly role?: string };
  readonly text?: string;
  readonly textFormat?: string;
  readonly locale?: string;
  readonly value?: unknown;
  readonly code?: string;
  readonly replyToId?: string;
  /** `expectingInput` in the Bot Framework, `expecting` in our envelope. */
  readonly inputHint?: string;
  readonly attachments?: readonly Attachment[];
  readonly attachmentLayout?: string;
  readonly suggestedActions?: { readonly actions?: readonly CardAction[] };
  readonly channelData?: ChannelData;
}

/** What the page puts beside an activity, and what the host may add to one. */
interface ChannelData {
  /** Made by the client, the same for every attempt, so that a repeated POST is recognised. */
  readonly clientActivityID?: string;
  /** What the person pressed, for activities that carry a value in place of text. */
  readonly displayText?: string;
  /** A turn that failed: its public code and what to do about it. */
  readonly error?: { readonly code?: string; readonly message?: string; readonly help?: string };
}

export interface Attachment {
  readonly contentType: string;
  readonly contentUrl?: string;
  readonly thumbnailUrl?: string;
  readonly name?: string;
  readonly content?: unknown;
  /** What a person chose here and is still to be uploaded; never from a server. */
  readonly file?: Blob;
}

/** A button: `imBack` and `postBack` send their value, `messageBack` shows other words than it sends, `openUrl` opens. */
export interface CardAction {
  readonly type?: string;
  readonly title?: string;
  readonly value?: unknown;
  readonly text?: string;
  readonly displayText?: string;
}

export interface ActivitySet {
  readonly activities: readonly Activity[];
  readonly watermark?: string;
}

/** Reads an activity set from parsed JSON; anything else is an empty set. */
export function readActivitySet(value: unknown): ActivitySet {
  if (!isRecord(value)) return { activities: [] };
  const list = Array.isArray(value["activities"]) ? value["activities"] : [];
  const activities = list.filter((item): item is Activity => isRecord(item) && typeof item["type"] === "string");
  const watermark = value["watermark"];
  if (typeof watermark !== "string" && typeof watermark !== "number") return { activities };
  return { activities, watermark: String(watermark) };
}

/** Tells whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
