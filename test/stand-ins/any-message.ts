import type { Arbitrary } from "fast-check";
import { array, constantFrom, dictionary, letrec, oneof, option, record, string, webUrl } from "fast-check";
import type { ChannelMessageEnvelope, JsonObject } from "../../src/types/index.ts";

/** Texts that break what wasn't made for them: long, split within characters, marked up, meant for other eyes. */
export const anyText: Arbitrary<string> = oneof(
  string({ unit: "grapheme", maxLength: 300 }),
  string({ unit: "binary", maxLength: 50 }),
  constantFrom(
    "a".repeat(5000),
    "👨‍👩‍👧‍👦".repeat(900),
    "word ".repeat(2000),
    "line\n\n".repeat(900),
    "x".repeat(65_536),
    "*bold* _italic_ ~gone~ `code` ```block```",
    "<at>everyone</at> @here <!channel> [link](https://evil.example)",
    "> quoted\n* item\n**both**",
    "\u202eright to left\u202c",
    "z\u0351\u036b\u0343\u036a\u0302\u036b\u033d".repeat(50),
    "\ud800",
    "\u0000",
    "   ",
    "",
  ),
);

const action = oneof(
  record({
    type: constantFrom("Action.Submit", "Action.Execute", "Action.Later"),
    title: anyText,
    data: oneof(anyText, dictionary(string(), anyText)),
  }),
  record({ type: constantFrom("Action.OpenUrl"), title: anyText, url: oneof(webUrl(), anyText) }),
  record({
    type: constantFrom("Action.ShowCard"),
    title: anyText,
    card: record({
      body: array(record({ type: constantFrom("TextBlock"), text: anyText }), { maxLength: 2 }),
      actions: array(record({ type: constantFrom("Action.Submit"), title: anyText, data: anyText }), { maxLength: 9 }),
    }),
  }),
) as Arbitrary<JsonObject>;
const { element } = letrec((tie) => ({
  element: oneof(
    { maxDepth: 4 },
    record({ type: constantFrom("TextBlock", "Carousel"), text: anyText }),
    record({
      type: constantFrom("Input.ChoiceSet"),
      id: anyText,
      label: anyText,
      choices: array(record({ title: anyText, value: anyText }), { maxLength: 5 }),
    }),
    record({ type: constantFrom("Image"), altText: anyText, url: anyText }),
    record({ type: constantFrom("ActionSet"), actions: array(action, { maxLength: 9 }) }),
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

/** Any card that is one at all, of this version of the schema or a later one. */
const anyCard = record({
  type: constantFrom("AdaptiveCard"),
  version: constantFrom("1.0", "1.5", "1.6", "", "next"),
  body: array(element, { maxLength: 5 }),
  actions: array(action, { maxLength: 9 }),
}) as Arbitrary<JsonObject>;

/** Any message with a text, suggestions and a card, or without. */
export const anyMessage: Arbitrary<ChannelMessageEnvelope> = record({
  text: option(anyText, { nil: undefined }),
  suggested: array(record({ title: anyText, value: anyText }), { maxLength: 40 }),
  card: option(anyCard, { nil: undefined }),
}).map(({ text, suggested, card }): ChannelMessageEnvelope => ({
  ...plainMessage({}),
  ...(text === undefined ? {} : { text }),
  extensions: { suggested_actions: suggested, ...(card === undefined ? {} : { adaptive_card: card }) },
}));

/** A message with what a test is about. */
export function plainMessage(extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope {
  return {
    id: "m",
    tenant: { env: "test", tenant: "acme" },
    channel: "any",
    session_id: "s",
    attachments: [],
    metadata: {},
    ...extra,
  };
}
