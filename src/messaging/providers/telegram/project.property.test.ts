import { assert, constantFrom, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { anyText, plainMessage } from "../../../../test/stand-ins/any-message.ts";
import type { JsonObject } from "../../../types/index.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { checkTelegramSend, projectTelegram } from "./project.ts";

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
  test("puts buttons that one message can't hold under further ones", () => {
    const suggested_actions = Array.from({ length: 130 }, (_, n) => ({ title: `Choice ${n}`, value: `v${n}` }));
    const sends = projectTelegram(plainMessage({ text: "Which?", extensions: { suggested_actions } }));
    expect(sends.flatMap(checkTelegramSend)).toEqual([]);
    expect(sends.map((send) => [send.text, buttonsOf([send]).length])).toEqual([
      ["Which?", 100],
      ["⬇️", 30],
    ]);
    expect(buttonsOf(sends).map(({ callback_data }) => callback_data)).toEqual(
      suggested_actions.map(({ value }) => value),
    );
  });

  test("notifies nobody whom a text names, and leaves addresses as they are", () => {
    const said = "@alice (@bob_2) a@b.example https://t.example/@carol/x http://x.example,@dave @a é@eve";
    const [send] = projectTelegram(plainMessage({ text: said }));
    expect(send?.text).toBe(
      "@\u2060alice (@\u2060bob_2) a@b.example https://t.example/@carol/x http://x.example,@\u2060dave @a é@eve",
    );
  });

  test("says once what the text beside a card says already, and everything else of the card", () => {
    const lines = ["Jakarta, Indonesia", "32.3°", "25–32.3 °C", "Total: 5", "Not sure", "—"];
    const [send] = projectTelegram(
      plainMessage({
        text: "Jakarta, Indonesia: 25–32.3 °C, sure. 5 items in total",
        extensions: {
          adaptive_card: {
            type: "AdaptiveCard",
            body: lines.map((text) => ({ type: "TextBlock", text })),
            actions: [{ type: "Action.Submit", title: "Another city", data: { text: "/weather" } }],
          },
        },
      }),
    );
    expect(send?.text).toBe("Jakarta, Indonesia: 25–32.3 °C, sure. 5 items in total\n\nTotal: 5\nNot sure\n—");
    expect(buttonsOf(send === undefined ? [] : [send])).toMatchObject([{ text: "Another city" }]);
  });

  test("spells out titles that a button can't hold", () => {
    const title = "a very long title ".repeat(10).trim();
    const [send] = projectTelegram(
      plainMessage({
        attachments: [{ mime_type: "application/pdf", name: "report.pdf", url: "https://files.example/r.pdf" }],
        text: "Choose",
        extensions: { suggested_actions: [{ title, value: "v" }] },
      }),
    );
    expect(send?.text).toBe(`Choose\n\nreport.pdf: https://files.example/r.pdf\n\n• ${title}`);
  });
});

describe("splitText()", () => {
  const parts = property(anyText, constantFrom(12, 64, 4096), (text, maxUnits) => {
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

  test("cuts no character as people see it, where one fits into a part", () => {
    const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
    const joined = string({ unit: constantFrom("👨‍👩‍👧‍👦", "é", "🇮🇩", "👍🏽", "a", "हि", "&amp;", " "), maxLength: 60 });
    assert(
      property(joined, constantFrom(12, 20, 33), (whole, maxUnits) => {
        const starts = new Set([...graphemes.segment(whole)].map(({ index }) => index));
        let at = 0;
        for (const part of splitText(whole, maxUnits)) {
          at = whole.indexOf(part, at);
          expect(starts.has(at)).toBe(true);
          at += part.length;
          expect(at === whole.length || starts.has(at)).toBe(true);
        }
      }),
    );
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
