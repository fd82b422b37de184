/**
 * What each platform takes, by the limits that it publishes, and what in a payload it would read as more than text: one checker for
 * each channel of the catalogue. A channel without one doesn't compile, so that a new one is held to the same suites.
 */
import type { ChannelType } from "../../src/config/index.ts";
import type { Provider } from "../../src/messaging/index.ts";
import { PROVIDERS } from "../../src/messaging/index.ts";
import { checkTeamsSend } from "../../src/messaging/providers/teams/project.ts";
import { checkTelegramSend } from "../../src/messaging/providers/telegram/project.ts";
import { checkWebexSend } from "../../src/messaging/providers/webex/project.ts";
import { checkWhatsAppSend } from "../../src/messaging/providers/whatsapp/project.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { channelId, isJsonObject, teamId, tenantId, envId } from "../../src/types/index.ts";
import { problemsOfMessage } from "./slack-blocks.ts";
import { createTestWorld } from "./test-world.ts";

interface ChannelOracle {
  /** Settings that the channel can't be made without. */
  readonly config?: JsonObject;
  /** Why the platform refuses a payload, or reads more than text in it; empty where it does neither. */
  readonly problemsOf: (payload: JsonObject) => readonly string[];
  /** A text of a payload as people see it. Default as it is. */
  readonly shown?: (text: string) => string;
}

/** `silent`: events come in by it, and nothing leaves. */
const ORACLES: Readonly<Record<ChannelType, ChannelOracle | "silent">> = {
  "webhook-in": "silent",
  github: "silent",
  stripe: "silent",
  timer: "silent",
  webchat: { problemsOf: problemsOfActivity },
  telegram: { problemsOf: (send) => [...checkTelegramSend(send), ...mentionsIn(send.text)] },
  slack: {
    problemsOf: problemsOfMessage,
    shown: (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
  },
  "webhook-out": {
    config: { url: "https://hooks.example.com/orders" },
    problemsOf: (event) => (typeof event.type === "string" && isJsonObject(event.data ?? null) ? [] : ["no event"]),
  },
  whatsapp: {
    config: { phone_number_id: "106540352242922" },
    problemsOf: (payload) => [...checkWhatsAppSend(payload), ...formatsIn(payload)],
  },
  email: {
    config: { from: "worker@acme.example", smtp_host: "mail.acme.example" },
    problemsOf: problemsOfMail,
  },
  webex: { problemsOf: checkWebexSend },
  teams: {
    config: { app_id: "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10" },
    problemsOf: (payload) => [
      ...checkTeamsSend(payload),
      // A mention is an entity beside the text; nothing in a text alone is one.
      ...(isJsonObject(payload.activity ?? null) && (payload.activity as JsonObject).entities !== undefined
        ? ["entities"]
        : []),
    ],
  },
};

/** A channel of the catalogue with what it is held to. */
export interface HeldChannel {
  readonly type: ChannelType;
  readonly provider: Provider;
  readonly problemsOf: (payload: JsonValue) => readonly string[];
  /** Everything in payloads that people see, or that comes back by a press. */
  readonly saidIn: (payloads: readonly JsonValue[]) => SaidParts;
}

/** What payloads hold, in their order. */
export interface SaidParts {
  readonly texts: readonly string[];
  /** What people may see, without what only programs read: a text in parts stands here without a gap. */
  readonly seen: readonly string[];
  /** Objects as JSON with sorted names, for what actions submit. */
  readonly objects: ReadonlySet<string>;
}

/** Makes one channel of each platform, as the catalogue does. */
export function heldChannels(): readonly HeldChannel[] {
  const nothing = (): never => {
    throw new TypeError("A projection asks nobody");
  };
  return PROVIDERS.flatMap((entry): HeldChannel[] => {
    const oracle = ORACLES[entry.type];
    if (oracle === "silent") return [];
    const { config = {}, problemsOf, shown = (text) => text } = oracle;
    const address = {
      env: envId("test"),
      tenant: tenantId("acme"),
      team: teamId("default"),
      channel: channelId(entry.type),
    };
    const world = createTestWorld();
    const http = nothing;
    const provider = entry.create(address, { world, http, openHttp: http, config, secret: nothing, secrets: nothing });
    return [
      {
        type: entry.type,
        provider,
        problemsOf: (payload) => [
          ...(isJsonObject(payload) ? problemsOf(payload) : ["payload is no object"]),
          ...(isText(payload) || KEEPERS.has(entry.type) ? [] : ["lone surrogate"]),
        ],
        saidIn: (payloads) => saidIn(payloads, shown),
      },
    ];
  });
}

/** Channels whose payloads are JSON from end to end, and hold what was said as it was. */
const KEEPERS: ReadonlySet<ChannelType> = new Set(["webchat", "webhook-out"]);

function isText(value: JsonValue): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (Array.isArray(value)) return (value as readonly JsonValue[]).every(isText);
  return !isJsonObject(value) || Object.entries(value).every(([name, inner]) => name.isWellFormed() && isText(inner));
}

/** Names in payloads whose texts choose how others are shown, or where they go. */
const UNSEEN = new Set(
  "type textFormat contentType parse_mode messaging_product recipient_type to chat_id channel block_id action_id".split(
    " ",
  ),
);

function saidIn(payloads: readonly JsonValue[], shown: (text: string) => string): SaidParts {
  const texts: string[] = [];
  const seen: string[] = [];
  const objects = new Set<string>();
  const walk = (value: JsonValue, name = ""): void => {
    if (typeof value === "string") {
      texts.push(value, ...(shown(value) === value ? [] : [shown(value)]));
      if (!UNSEEN.has(name)) seen.push(shown(value));
      if (value.startsWith("{")) objects.add(sorted(value));
    } else if (Array.isArray(value)) for (const inner of value as readonly JsonValue[]) walk(inner, name);
    else if (isJsonObject(value)) {
      objects.add(sorted(value));
      for (const [key, inner] of Object.entries(value)) walk(inner, key);
    } else if (value !== null) texts.push(JSON.stringify(value));
  };
  for (const payload of payloads) walk(payload);
  return { texts, seen, objects };
}

/** An object, or the text of one, as JSON that is the same in whatever order its names came, as text that is well formed; a text that is none as it is. */
export function sorted(value: JsonValue): string {
  let read: JsonValue = value;
  if (typeof value === "string") {
    try {
      read = JSON.parse(value) as JsonValue;
    } catch {
      return value;
    }
  }
  return JSON.stringify(read, (_name, inner: JsonValue) => {
    if (typeof inner === "string") return inner.toWellFormed();
    return isJsonObject(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  });
}

/** The page and other clients read an activity's text as Markdown unless it says otherwise; `data:` and `javascript:` run nothing there. */
function problemsOfActivity({ type, text, textFormat, attachments, suggestedActions }: JsonObject): readonly string[] {
  const problems: string[] = [];
  if (type !== "message") problems.push("activity type");
  if (text !== undefined && textFormat !== "plain") problems.push("text has markup");
  for (const attachment of Array.isArray(attachments) ? (attachments as readonly JsonValue[]) : [])
    if (!isJsonObject(attachment) || typeof attachment.contentType !== "string") problems.push("attachment");
  const actions = isJsonObject(suggestedActions ?? null) ? (suggestedActions as JsonObject).actions : [];
  for (const action of actions as readonly JsonObject[])
    if (action.type !== "imBack") problems.push("suggested action");
  return problems;
}

const MAIL_TAGS = new Set(
  "html head meta title body div p br span b strong em i s h1 h2 h3 table tbody thead tr td th ul ol li a img hr pre code".split(
    " ",
  ),
);

/** Headers are lines, and readers of mail run what markup lets them: no tag but those of text, no handler, no address but the web's. */
function problemsOfMail({ subject, text, html }: JsonObject): readonly string[] {
  const problems: string[] = [];
  if (typeof subject !== "string" || subject.length > 200 || /[\r\n\u0000]/.test(subject)) problems.push("subject");
  if (typeof text !== "string" || text.length > 500_000 || text.includes("\u0000")) problems.push("text");
  const page = typeof html === "string" ? html.replace(/^<!doctype html>/i, "") : "";
  if (page === "") problems.push("html");
  for (const [tag, name = "", attributes = ""] of page.matchAll(/<\/?([^\s>/]*)([^>]*)>/g)) {
    if (!MAIL_TAGS.has(name.toLowerCase())) problems.push(`html: ${tag.slice(0, 40)}`);
    if (/\son\w+\s*=/i.test(attributes.replaceAll(/"[^"]*"/g, '""'))) problems.push("html: handler");
    for (const [, url = ""] of attributes.matchAll(/(?:href|src)="([^"]*)"/g))
      if (!/^(?:https?:|mailto:|cid:|data:image\/)/i.test(url)) problems.push(`html: ${url.slice(0, 20)}`);
  }
  return problems;
}

/** Telegram's own rule of what mentions somebody: `\\B@[a-zA-Z0-9_]{2,32}\\b`. It reads plain texts for these, too. */
function mentionsIn(text: JsonValue | undefined): readonly string[] {
  if (typeof text !== "string") return [];
  const outside = text.replaceAll(/https?:\/\/[\w.-]+\.[a-z]{2,}(?::\d+)?\/\S*/gi, " ");
  return /(?<![\p{L}\p{N}_])@[a-zA-Z0-9_]{2,32}(?![a-zA-Z0-9_])/u.test(outside) ? ["mention"] : [];
}

/** WhatsApp's markers format where they open something at the edge of a word. */
function formatsIn(payload: JsonObject): readonly string[] {
  const body = payload.body as { text?: { body: string }; interactive?: { body: { text: string } } } | undefined;
  const text = (body?.text?.body ?? body?.interactive?.body.text ?? "").replaceAll(/https?:\/\/\S+/g, "");
  return /(?<![\p{L}\p{N}])[*_~](?=\S)|`|^>\s/mu.test(text) ? ["format"] : [];
}
