import { assert, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMessage, HOSTILE_TEXTS, plainMessage } from "../../../test/stand-ins/any-message.ts";
import { heldChannels } from "../../../test/stand-ins/channel-oracles.ts";
import { lostParts } from "../../../test/stand-ins/lost-parts.ts";
import { verifies } from "../../../test/verifies.ts";
import type { ChannelMessageEnvelope, JsonObject } from "../../types/index.ts";
import type { ProjectionFinding } from "../findings.ts";

const channels = heldChannels();

/** A message in which a text stands wherever somebody's words may. */
function saying(text: string): readonly ChannelMessageEnvelope[] {
  const submit = { type: "Action.Submit", title: text, data: { said: text } };
  const adaptive_card = {
    type: "AdaptiveCard",
    version: "1.5",
    fallbackText: text,
    body: [
      { type: "TextBlock", text, style: "heading" },
      { type: "RichTextBlock", inlines: [text, { type: "TextRun", text, selectAction: submit }] },
      { type: "FactSet", facts: [{ title: text, value: text }] },
      { type: "Image", url: text, altText: text, selectAction: { type: "Action.OpenUrl", title: text, url: text } },
      { type: "Input.Text", id: "a", label: text, placeholder: text, value: text },
      { type: "Input.ChoiceSet", id: text, label: text, choices: [{ title: text, value: text }] },
      { type: text, text, items: [{ type: text, text }] },
    ],
    actions: [submit, { type: "Action.Submit", title: text, data: text }, { type: text, title: text, url: text }],
  };
  return [
    plainMessage({ text }),
    plainMessage({ text: `before ${text} behind` }),
    plainMessage({ text, extensions: { suggested_actions: [{ title: text, value: text }] } }),
    plainMessage({ attachments: [{ mime_type: "application/pdf", name: text, url: text }] }),
    plainMessage({ text, extensions: { adaptive_card } }),
    plainMessage({ metadata: { adaptive_card: text }, text: "a" }),
  ];
}

const MARKED = HOSTILE_TEXTS.find((text) => text.startsWith("> quoted")) ?? "";
const ZALGO = HOSTILE_TEXTS.find((text) => text.startsWith("z\u0351")) ?? "";
const LONG_TITLE = "word ".repeat(2000);
const card = (...body: readonly JsonObject[]): ChannelMessageEnvelope =>
  plainMessage({ extensions: { adaptive_card: { type: "AdaptiveCard", version: "1.5", body } } });
const inCell = (...items: readonly JsonObject[]): JsonObject => ({
  type: "Table",
  columns: [{ width: 1 }],
  rows: [{ type: "TableRow", cells: [{ items }] }],
});
const asks = (extra: JsonObject): JsonObject => ({ type: "Input.Text", id: "a", label: "Name", ...extra });
const showing = (title: string): JsonObject => ({
  type: "Action.ShowCard",
  title: "More",
  card: { actions: [{ type: "Action.Submit", title, data: "x" }] },
});

/** What random messages once found, each as small as it gets. */
const FOUND: readonly (readonly [string, ChannelMessageEnvelope])[] = [
  [
    "a long title within an inline card of an input in a cell",
    card(inCell(asks({ inlineAction: showing(LONG_TITLE) }))),
  ],
  [
    "a long title in an element of a later version",
    card({ type: "Unknown", items: [], selectAction: showing(LONG_TITLE) }),
  ],
  [
    "a long title of an input of a later version",
    card({ ...asks({ inlineAction: showing(LONG_TITLE) }), type: "Input.Rating" }),
  ],
  [
    "a text of lines in an element of a later version",
    card({ type: "Unknown", items: [{ type: "TextBlock", text: MARKED }] }),
  ],
  [
    "a fact of lines in an element of a later version",
    card({ type: "Unknown", items: [{ type: "FactSet", facts: [{ title: "a\nb", value: "\r\nc\r\nd" }] }] }),
  ],
  [
    "a long value that isn't well formed, of a later version",
    card({
      type: "Unknown",
      items: [],
      selectAction: { type: "Action.Submit", title: "Go", data: { said: `\ud800${"a".repeat(5000)}` } },
    }),
  ],
  // Each filler puts the boundary between two of a channel's messages at another place of the lines.
  ...[1024, 3000, 4000, 4096].flatMap((limit) =>
    [5, 20, 35, 50].map((back): readonly [string, ChannelMessageEnvelope] => [
      `lines across ${limit - back} units`,
      card({ type: "TextBlock", text: "a".repeat(limit - back) }, { type: "TextBlock", text: MARKED }),
    ]),
  ),
  [
    "a switch with a blank title",
    card({ type: "Input.Toggle", id: "a", label: "", title: " \n", placeholder: "Rain?" }),
  ],
  ["a text input that has a title alone", card({ type: "Input.Text", id: "a", label: "", title: "Rain?" })],
  [
    "a text that differs from a label in a letter that is too new, beside a card that is too large",
    {
      ...card(
        { type: "Input.ChoiceSet", id: "city", label: "", value: ZALGO, choices: [{ title: "a".repeat(5000) }] },
        { type: "Input.ChoiceSet", id: "city", label: '{"__proto__":{"x":1},"constructor":1}', choices: [] },
        { type: "TextBlock", text: LONG_TITLE },
      ),
      text: "\u{3347a}proto",
    },
  ],
  [
    "a text that a card says where it only holds others",
    {
      ...card({ type: "Carousel", text: "Which city?" }, { type: "ActionSet", actions: [showing("Go")] }),
      text: "Which city?",
    },
  ],
  ["a text that differs from its card in a mark", { ...card({ type: "TextBlock", text: "हाँ का" }), text: "हाँ की" }],
  ["a text that differs from its card in a sign", { ...card({ type: "TextBlock", text: "Yes 👎" }), text: "Yes 👍" }],
  ["an input whose id is blank", card({ type: "Input.Text", id: " ", label: "", title: "Rain?" })],
  ["a switch with a blank label", card({ type: "Input.Toggle", id: "a", label: " \n", title: "Rain?" })],
];

describe.each(channels.map((channel) => [channel.type, channel] as const))("%s", (_type, channel) => {
  const { provider, problemsOf } = channel;

  test("takes what any message and card becomes, with every text and action of it, or a finding", () => {
    verifies("channels.corpus");
    assert(
      property(anyMessage, (message) => {
        expect(provider.project(message).flatMap((payload) => problemsOf(payload))).toEqual([]);
        expect(lostParts(channel, message)).toEqual([]);
      }),
      { numRuns: 40, seed: 20_261_121 },
    );
  });

  test.each(FOUND)("takes %s", (_what, message) => {
    verifies("channels.corpus");
    expect(provider.project(message).flatMap((payload) => problemsOf(payload))).toEqual([]);
    expect(lostParts(channel, message)).toEqual([]);
  });

  test.each(HOSTILE_TEXTS.map((text) => [JSON.stringify(text.slice(0, 40)), text] as const))(
    "lets %s be nothing but read, wherever it stands",
    (_start, text) => {
      verifies("channels.hostile");
      for (const message of saying(text)) {
        const findings: ProjectionFinding[] = [];
        const payloads = provider.project(message, (finding) => void findings.push(finding));
        expect(payloads.flatMap((payload) => problemsOf(payload))).toEqual([]);
        // Findings go to telemetry: nothing of the text may.
        expect(findings.filter(({ element, path }) => !isAllowed(element) || !isAllowed(path))).toEqual([]);
      }
    },
  );
});

const isAllowed = (words: string): boolean =>
  /^[A-Za-z]+(?:\.[A-Za-z]+|\[\d+\]|…)*$/.test(words) && words.length <= 256;

test("a channel that drops something is found out", () => {
  const [channel] = channels;
  if (channel === undefined) throw new TypeError("There are no channels");
  const message = plainMessage({
    text: "Which?",
    extensions: {
      adaptive_card: {
        type: "AdaptiveCard",
        body: [{ type: "TextBlock", text: "a line" }],
        actions: [{ type: "Action.Submit", title: "Go", data: { go: 1 } }],
      },
      suggested_actions: [{ title: "Yes", value: "yes" }],
    },
  });
  const silent = { ...channel, provider: { ...channel.provider, project: () => [] } };
  expect(lostParts(silent, message)).toEqual([
    "cards[0].body[0]",
    "cards[0].actions[0]",
    'value {"go":1}',
    "value yes",
    "text",
  ]);
});
