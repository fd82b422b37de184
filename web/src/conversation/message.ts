import type { Activity, CardAction, Delivery } from "../directline/index.ts";

/** One thing that was said, as the page shows it. */
export interface Message {
  /** Stays the same from typing to the server's echo, so that nothing on screen is made anew. */
  readonly key: string;
  readonly isMine: boolean;
  readonly activity: Activity;
  readonly atMs: number;
  readonly delivery: Delivery;
}

/** A reply that one tap gives. */
export type Chip =
  | { readonly kind: "say"; readonly title: string; readonly text: string }
  | { readonly kind: "submit"; readonly title: string; readonly value: unknown }
  | { readonly kind: "open"; readonly title: string; readonly url: string };

const SENT: Delivery = { kind: "sent" };

/** Makes a message of an activity that the server delivered. */
export function received(activity: Activity, isMine: boolean): Message {
  const clientId = isMine ? activity.channelData?.clientActivityID : undefined;
  const stamp = activity.timestamp === undefined ? Number.NaN : Date.parse(activity.timestamp);
  return {
    key: clientId ?? activity.id ?? crypto.randomUUID(),
    isMine,
    activity,
    atMs: Number.isNaN(stamp) ? Date.now() : stamp,
    delivery: SENT,
  };
}

/** Tells whether an activity has anything to show. */
export function isShown(activity: Activity): boolean {
  if (activity.channelData?.error !== undefined) return true;
  if (activity.type !== "message") return false;
  return (
    hasText(activity) ||
    (activity.attachments?.length ?? 0) > 0 ||
    activity.value !== undefined ||
    chipsOf(activity).length > 0
  );
}

/** Tells whether the worker waits for an answer to this activity. */
export function isAsking(activity: Activity): boolean {
  return activity.inputHint === "expectingInput" || activity.inputHint === "expecting";
}

/** The replies that an activity suggests. */
export function chipsOf(activity: Activity): readonly Chip[] {
  return (activity.suggestedActions?.actions ?? []).flatMap(toChip);
}

/** Reads one button of the Bot Framework; kinds that a page can't do (calls, sign-in) are left out. */
export function toChip(action: CardAction): readonly Chip[] {
  const { type = "imBack", value } = action;
  const said = typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  const title = action.title ?? action.displayText ?? said;
  if (title === undefined || title === "") return [];
  switch (type) {
    case "openUrl":
      return said !== undefined && /^https?:\/\//i.test(said) ? [{ kind: "open", title, url: said }] : [];
    case "imBack":
      return [{ kind: "say", title, text: said ?? title }];
    case "postBack":
      return [said === undefined ? { kind: "submit", title, value } : { kind: "say", title, text: said }];
    case "messageBack": {
      const shown = action.displayText ?? title;
      if (value === undefined) return [{ kind: "say", title, text: action.text ?? shown }];
      return [{ kind: "submit", title: shown, value }];
    }
    default:
      return [];
  }
}

/** Tells whether an activity says anything in words. */
export function hasText(activity: Activity): boolean {
  return activity.text !== undefined && activity.text.trim() !== "";
}
