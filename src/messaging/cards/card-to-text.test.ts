import { describe, expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import type { JsonObject } from "../../types/index.ts";
import { cardToText } from "./card-to-text.ts";

const card = (extra: object): JsonObject => ({ type: "AdaptiveCard", version: "1.5", ...extra });

describe("cardToText()", () => {
  test("reads a card from top to bottom and makes every action a button", () => {
    const degraded = cardToText(
      card({
        body: [
          { type: "TextBlock", text: "Weather in Berlin", size: "large" },
          {
            type: "ColumnSet",
            columns: [
              { items: [{ type: "TextBlock", text: "Today" }] },
              { items: [{ type: "Image", url: "x", altText: "Sun" }] },
            ],
          },
          {
            type: "FactSet",
            facts: [
              { title: "High", value: "21°" },
              { title: "Low:", value: "9°" },
            ],
          },
          { type: "RichTextBlock", inlines: ["rain ", { type: "TextRun", text: "later" }] },
          {
            type: "Table",
            rows: [
              {
                type: "TableRow",
                cells: [{ items: [{ type: "TextBlock", text: "a" }] }, { items: [{ type: "TextBlock", text: "b" }] }],
              },
            ],
          },
          { type: "ActionSet", actions: [{ type: "Action.Submit", title: "More", data: { action: "more", n: 1 } }] },
        ],
        actions: [
          { type: "Action.OpenUrl", title: "Map", url: "https://maps.example/berlin" },
          { type: "Action.Execute", title: "Save", verb: "save", data: { id: 7 } },
          { type: "Action.Submit", title: "Stop" },
          { type: "Action.Submit", title: "Say", data: "hello" },
        ],
      }),
    );
    expect(degraded.text.split("\n").filter((line) => line !== "")).toEqual([
      "Weather in Berlin",
      "Today",
      "Sun",
      "High: 21°",
      "Low: 9°",
      "rain later",
      "a | b",
    ]);
    expect(degraded.actions).toEqual([
      { kind: "submit", title: "More", value: '{"action":"more","n":1}' },
      { kind: "open", title: "Map", url: "https://maps.example/berlin" },
      { kind: "submit", title: "Save", value: '{"action":"save","id":7}' },
      { kind: "submit", title: "Stop", value: "Stop" },
      { kind: "submit", title: "Say", value: "hello" },
    ]);
  });

  test("shows what was folded or hidden, since nobody could unfold it", () => {
    const degraded = cardToText(
      card({
        body: [{ type: "TextBlock", text: "hidden", isVisible: false }],
        actions: [
          { type: "Action.ToggleVisibility", title: "Show" },
          {
            type: "Action.ShowCard",
            title: "Details",
            card: {
              body: [{ type: "TextBlock", text: "inside" }],
              actions: [{ type: "Action.Submit", title: "Ok", data: { ok: true } }],
            },
          },
        ],
      }),
    );
    expect(degraded.text.split("\n").filter(Boolean)).toEqual(["hidden", "Details", "inside"]);
    expect(degraded.actions).toEqual([{ kind: "submit", title: "Ok", value: '{"ok":true}' }]);
  });

  test("makes choices and toggles buttons that submit their own field", () => {
    const { text, actions } = cardToText(
      card({
        body: [
          { type: "Input.Text", id: "name", label: "Your name" },
          { type: "Input.ChoiceSet", id: "city", label: "City", choices: [{ title: "Rome", value: "rome" }] },
          { type: "Input.Toggle", id: "sure", title: "Sure?" },
        ],
      }),
    );
    expect(text.split("\n").filter(Boolean)).toEqual(["Your name", "City", "Sure?"]);
    expect(actions.map((action) => action.kind === "submit" && action.value)).toEqual([
      '{"city":"rome"}',
      '{"sure":"true"}',
      '{"sure":"false"}',
    ]);
  });

  test("never makes a button of a link that could run something, but shows it", () => {
    const { text, actions } = cardToText(
      card({ actions: [{ type: "Action.OpenUrl", title: "Go", url: "javascript:alert(1)" }] }),
    );
    expect([text, actions]).toEqual(["Go: javascript:alert(1)", []]);
  });

  test("falls back to the card's own fallback text", () => {
    expect(cardToText(card({ body: [], fallbackText: "Open this on the web" })).text).toBe("Open this on the web");
  });

  test("tells what it leaves out, and what only words stand for, by place and never by what was said", () => {
    verifies("channels.findings");
    const findings: string[] = [];
    const sunny = card({
      body: [
        { type: "Image", url: "https://pictures.example/secret.png" },
        { type: "ColumnSet", columns: [{ items: [{ type: "Image", url: "x", altText: "secret" }] }] },
        { type: "Input.Text", id: "secret", label: "Your secret" },
        { type: "Input.Date", id: "when" },
        { type: "Hologram of a secret", speed: 3 },
        { type: "Graph", fallback: { type: "TextBlock", text: "21° all day" } },
        { type: "Graph", fallback: "drop" },
        "secret",
      ],
      refresh: { action: { type: "Action.Execute", verb: "again" } },
      actions: [
        { type: "Action.ToggleVisibility", title: "secret" },
        { type: "Action.OpenUrl", title: "secret", url: "javascript:alert(1)" },
        { type: "Action.OpenUrl" },
        { type: "Action.Submit", title: "Ok" },
        7,
      ],
    });
    const { text } = cardToText(sunny, {
      note: ({ code, element, path }) => void findings.push(`${code} ${element} ${path}`),
    });
    expect(text).toContain("21° all day");
    expect(findings).toEqual([
      "element.dropped Image cards[0].body[0]",
      "element.told Image cards[0].body[1].columns[0].items[0]",
      "element.told Input.Text cards[0].body[2]",
      "element.dropped Input.Date cards[0].body[3]",
      "element.dropped other cards[0].body[4]",
      "element.told other cards[0].body[5]",
      "element.dropped other cards[0].body[6]",
      "element.dropped other cards[0].body[7]",
      "action.dropped Action.ToggleVisibility cards[0].actions[0]",
      "action.told Action.OpenUrl cards[0].actions[1]",
      "action.dropped Action.OpenUrl cards[0].actions[2]",
      "action.dropped other cards[0].actions[4]",
      "action.dropped refresh cards[0].refresh",
    ]);
  });

  test("tells of what is nested deeper than it reads", () => {
    let inner: JsonObject = { type: "TextBlock", text: "deep" };
    for (let n = 0; n < 80; n++) inner = { type: "Container", items: [inner] };
    const findings: string[] = [];
    cardToText(card({ body: [inner] }), { note: ({ code, path }) => void findings.push(`${code} ${path.length}`) });
    expect(findings).toEqual(["element.dropped 256"]);
  });
});
