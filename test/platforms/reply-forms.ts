/** How a person answers on each platform: by what was shown there, in the form in which the platform tells of it. */
import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { isJsonObject } from "../../src/types/index.ts";
import type { IngressPlatform } from "./ingress-platforms.ts";
import { CONVERSATIONS, teamsActivity, whatsappBody } from "./ingress-platforms.ts";
import { submittedHook } from "./webex-platform.ts";

/** A delivery that tells of a press, and the form that it came in. */
export interface Press {
  readonly form: "button" | "list" | "number" | "card";
  readonly body: JsonObject;
  /** Slack posts presses as a form's field. */
  readonly isForm?: boolean;
}

interface Pressing {
  readonly n: number;
  readonly atMs: number;
  /** What the channel sent since the person last spoke. */
  readonly shown: readonly JsonObject[];
  readonly title: string;
  /** The action's place among those that were offered, from 0. */
  readonly at: number;
}

/** Presses the action of a title where the platform shows it; undefined where it shows no such thing. */
export const PRESS: Readonly<Record<IngressPlatform["type"], (pressing: Pressing) => Press | undefined>> = {
  telegram: ({ n, shown, title }) => {
    const carrier = shown.find((send) => find(send, (one) => one["text"] === title && "callback_data" in one));
    const button = find(carrier, (one) => one["text"] === title && "callback_data" in one);
    if (carrier === undefined || button === undefined) return undefined;
    const chat = { id: Number(CONVERSATIONS.telegram), type: "private" };
    const message = { ...carrier, message_id: n, date: 1, chat, from: { id: 1, is_bot: true } };
    const from = { id: Number(CONVERSATIONS.telegram), is_bot: false, first_name: "Ada", language_code: "en" };
    const query = { id: `cb${n}`, from, message, data: button["callback_data"] ?? "" };
    return { form: "button", body: { update_id: n, callback_query: query } };
  },
  slack: ({ n, shown, title }) => {
    const button = find(
      shown,
      (one) =>
        one["type"] === "button" && isJsonObject(one["text"] ?? null) && (one["text"] as JsonObject)["text"] === title,
    );
    if (button === undefined) return undefined;
    const payload = {
      type: "block_actions",
      team: { id: "T0001" },
      user: { id: "U4711" },
      trigger_id: `press.${n}`,
      channel: { id: CONVERSATIONS.slack },
      container: { type: "message", message_ts: "1.2", channel_id: CONVERSATIONS.slack },
      message: { ts: "1.2" },
      state: { values: {} },
      actions: [{ ...button, action_ts: `${n}.1` }],
    };
    return { form: "button", body: payload, isForm: true };
  },
  whatsapp: ({ n, atMs, shown, title, at }) => {
    const button = find(shown, (one) => typeof one["id"] === "string" && one["title"] === title);
    const isList = find(shown, (one) => Array.isArray(one["rows"])) !== undefined;
    if (button !== undefined) {
      const kind = isList ? "list_reply" : "button_reply";
      const interactive = { type: kind, [kind]: { id: button["id"] ?? "", title } };
      return { form: isList ? "list" : "button", body: whatsappBody(n, { type: "interactive", interactive }, atMs) };
    }
    const isNumbered = JSON.stringify(shown).includes(`${at + 1}. ${title}`);
    const text = { type: "text", text: { body: String(at + 1) } };
    return isNumbered ? { form: "number", body: whatsappBody(n, text, atMs) } : undefined;
  },
  teams: ({ n, shown, title }) => {
    const action = find(
      shown,
      (one) => (one["type"] === "Action.Submit" || one["type"] === "Action.Execute") && one["title"] === title,
    );
    if (action === undefined) return undefined;
    const data = isJsonObject(action["data"] ?? null) ? (action["data"] as JsonObject) : {};
    const said = isJsonObject(data["msteams"] ?? null) ? (data["msteams"] as JsonObject) : {};
    // What is pressed as if it were said comes as a text.
    if (said["type"] === "imBack" || said["type"] === "messageBack")
      return {
        form: "button",
        body: teamsActivity(n, { text: said["value"] ?? said["text"] ?? "" }),
      };
    return { form: "card", body: teamsActivity(n, { value: data, replyToId: "1" }) };
  },
  webex: ({ n, shown, title }) => {
    const action = find(shown, (one) => one["type"] === "Action.Submit" && one["title"] === title);
    if (action === undefined) return undefined;
    const inputs = isJsonObject(action["data"] ?? null) ? (action["data"] as JsonObject) : {};
    // Both come as a submitted card: one that we made of replies, and the flow's own.
    return { form: "greentic_say" in inputs ? "button" : "card", body: submittedHook(n, inputs) };
  },
};

/** Finds the first object anywhere in a value that is like that. */
function find(
  value: JsonValue | readonly JsonObject[] | undefined,
  isWanted: (one: JsonObject) => boolean,
): JsonObject | undefined {
  if (value === undefined || value === null || typeof value !== "object") return undefined;
  if (!Array.isArray(value) && isWanted(value as JsonObject)) return value as JsonObject;
  for (const part of Object.values(value) as JsonValue[]) {
    const found = find(part, isWanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
