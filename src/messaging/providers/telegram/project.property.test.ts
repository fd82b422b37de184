import {
  array,
  assert,
  constantFrom,
  dictionary,
  letrec,
  oneof,
  option,
  property,
  record,
  string,
  webUrl,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { choiceToken } from "../../choice.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { checkTelegramSend, projectTelegram } from "./project.ts";

const text = oneof(
  string({ unit: "grapheme", maxLength: 300 }),
  string({ unit: "binary", maxLength: 50 }),
  constantFrom(
    "a".repeat(5000),
    "👨‍👩‍👧‍👦".repeat(900),
    "word ".repeat(2000),
    "line\n\n".repeat(900),
    "\ud800",
    "\u0000",
    "   ",
    "",
  ),
);
const action = oneof(
  record({
    type: constantFrom("Action.Submit", "Action.Execute"),
    title: text,
    data: oneof(text, dictionary(string(), text)),
  }),
  record({ type: constantFrom("Action.OpenUrl"), title: text, url: oneof(webUrl(), text) }),
) as Arbitrary<JsonObject>;
const { element } = letrec((tie) => ({
  element: oneof(
    { maxDepth: 4 },
    record({ type: constantFrom("TextBlock"), text }),
    record({
      type: constantFrom("Input.ChoiceSet"),
      id: text,
      label: text,
      choices: array(record({ title: text, value: text }), { maxLength: 5 }),
    }),
    record({ type: constantFrom("Image"), altText: text, url: text }),
    record({ type: constantFrom("ActionSet"), actions: array(action, { maxLength: 5 }) }),
    record({
      type: constantFrom("Container", "Unknown"),
      items: array(tie("element"), { maxLength: 3 }),
      selectAction: option(action),
    }),
    record({
      type: constantFrom("ColumnSet"),
      columns: array(record({ items: array(tie("element"), { maxLength: 2 }) }), { maxLength: 3 }),
    }),
  ),
}));
const card = record({
  type: constantFrom("AdaptiveCard"),
  body: array(element, { maxLength: 5 }),
  actions: array(action, { maxLength: 5 }),
}) as Arbitrary<JsonObject>;
const message = record({
  text: option(text, { nil: undefined }),
  suggested: array(record({ title: text, value: text }), { maxLength: 130 }),
  card: option(card, { nil: undefined }),
}).map(({ text, suggested, card }): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "t" },
  channel: "telegram",
  session_id: "s",
  attachments: [],
  metadata: {},
  ...(text === undefined ? {} : { text }),
  extensions: { suggested_actions: suggested, ...(card === undefined ? {} : { adaptive_card: card }) },
}));

interface Button {
  readonly text: string;
  readonly callback_data?: string;
  readonly url?: string;
}
const buttonsOf = (sends: readonly JsonObject[]): readonly Button[] =>
  sends
    .flatMap((send) => (send.reply_markup as { inline_keyboard?: Button[][] } | undefined)?.inline_keyboard ?? [])
    .flat();

describe("projectTelegram()", () => {
  test("keeps every limit for any message and card", () => {
    assert(
      property(message, (message) => {
        for (const send of projectTelegram(message)) expect(checkTelegramSend(send)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps every action of any message and card, and every word", () => {
    assert(
      property(message, (message) => {
        const sends = projectTelegram(message);
        const carried = buttonsOf(sends).map(({ callback_data, url }) => callback_data ?? url);
        const card = message.extensions?.adaptive_card;
        const degraded = card === undefined ? { text: "", actions: [] } : cardToText(card);
        const wanted = [
          ...degraded.actions.map((action) => (action.kind === "open" ? action.url : action.value)),
          ...(message.extensions?.suggested_actions ?? []).map(({ value }) => value),
        ];
        expect(carried).toHaveLength(wanted.length);
        for (const [at, value] of wanted.entries()) expect([value, choiceToken(value)]).toContain(carried[at]);
        const bare = (text: string): string => text.toWellFormed().replaceAll(/[\s\p{Cc}]/gu, "");
        expect(bare(sends.map(({ text }) => text as string).join(""))).toContain(bare(message.text ?? ""));
      }),
      { numRuns: 100 },
    );
  });

  test("says once what the text beside a card says already, and everything else of the card", () => {
    const lines = ["Jakarta, Indonesia", "32.3°", "25–32.3 °C", "Total: 5", "Not sure", "—"];
    const [send] = projectTelegram({
      id: "m",
      tenant: { env: "test", tenant: "t" },
      channel: "telegram",
      session_id: "s",
      attachments: [],
      metadata: {},
      text: "Jakarta, Indonesia: 25–32.3 °C, sure. 5 items in total",
      extensions: {
        adaptive_card: {
          type: "AdaptiveCard",
          body: lines.map((text) => ({ type: "TextBlock", text })),
          actions: [{ type: "Action.Submit", title: "Another city", data: { text: "/weather" } }],
        },
      },
    });
    expect(send?.text).toBe("Jakarta, Indonesia: 25–32.3 °C, sure. 5 items in total\n\nTotal: 5\nNot sure\n—");
    expect(buttonsOf(send === undefined ? [] : [send])).toMatchObject([{ text: "Another city" }]);
  });

  test("spells out titles that a button can't hold", () => {
    const title = "a very long title ".repeat(10).trim();
    const [send] = projectTelegram({
      id: "m",
      tenant: { env: "test", tenant: "t" },
      channel: "telegram",
      session_id: "s",
      attachments: [{ mime_type: "application/pdf", name: "report.pdf", url: "https://files.example/r.pdf" }],
      metadata: {},
      text: "Choose",
      extensions: { suggested_actions: [{ title, value: "v" }] },
    });
    expect(send?.text).toBe(`Choose\n\nreport.pdf: https://files.example/r.pdf\n\n• ${title}`);
  });
});

describe("splitText()", () => {
  const parts = property(text, constantFrom(12, 64, 4096), (text, maxUnits) => {
    const parts = splitText(text, maxUnits);
    const bare = (value: string): string => value.replaceAll(/\s/g, "");
    expect(bare(parts.join(""))).toBe(bare(text));
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(maxUnits);
      expect(part.trim()).not.toBe("");
      if (text.isWellFormed()) expect(part.isWellFormed()).toBe(true);
    }
    expect(shortenText(text, maxUnits).length).toBeLessThanOrEqual(maxUnits);
  });

  test("loses nothing but white space and never exceeds the limit", () => {
    assert(parts, { numRuns: 200 });
  });

  test("splits to parts of two units too", () => {
    const short = string({ unit: "binary", maxLength: 20 });
    assert(
      property(short, (text) => {
        const parts = splitText(text, 2);
        expect(parts.join("")).toBe(text.replaceAll(/\s/g, ""));
        expect(parts.every((part) => part.length <= 2)).toBe(true);
      }),
    );
  });

  test("cuts at paragraphs first, then lines, sentences, words and graphemes", () => {
    expect(splitText("one two\n\nthree four", 12)).toEqual(["one two", "three four"]);
    expect(splitText("One. Two three four.", 12)).toEqual(["One. Two", "three four."]);
    expect(splitText("aaaaaa. bbbbbbbb", 10)).toEqual(["aaaaaa.", "bbbbbbbb"]);
    expect(splitText("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 12)).toEqual(["👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]);
    expect(() => splitText("a", 1)).toThrow(RangeError);
  });
});
