import type { Arbitrary } from "fast-check";
import { array, boolean, constantFrom, dictionary, letrec, oneof, option, record, string, webUrl } from "fast-check";
import type { ChannelMessageEnvelope, JsonObject } from "../../src/types/index.ts";

/** What somebody writes who wants to be more than read: run, format, mention, link, reorder, overflow, or break what reads it. */
export const HOSTILE_TEXTS: readonly string[] = [
  "<script>alert(1)</script><img src=x onerror=alert(1)>",
  "[free money](https://evil.example/a) ![x](https://evil.example/p.png) <https://evil.example|bank>",
  '[x](javascript:alert(1)) <a href="javascript:alert(1)">y</a> javascript:alert(1) data:text/html,<script>1</script>',
  "<!channel> <!here> <!everyone> <@U012AB3CD> <#C012AB3CD> <!subteam^S0|@team> &lt;!channel&gt;",
  '<at>everyone</at> <at id="0">Ann</at> @everyone @here @channel @all @alice_b,@bob http://x.example,@carol',
  "@16505551234 @+1 650 555 1234 tel:+16505551234 mailto:a@b.example",
  "*bold* _italic_ ~gone~ `code` ```block``` **both** __under__ ||spoiler|| # title",
  "> quoted\n>>> all\n* item\n1. one\n---\n| a | b |\n|---|---|",
  "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u061c",
  "z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0319\u0324\u031e".repeat(300),
  "x".repeat(65_536),
  "<&>".repeat(21_845),
  "*a* ".repeat(16_384),
  "👨‍👩‍👧‍👦".repeat(5_958),
  "\u0000\u0001\u001b[31m\u007f",
  "a\ud800b\udc00c\ud83d",
  '{"__proto__":{"x":1},"constructor":1}',
  "\r\n\r\nSubject: forged\r\nBcc: all@example.com\r\n.\r\n",
  "{{secret}} ${x} %s %n {0} {{{raw}}}",
  "   \n\t ",
];

/** Texts that break what wasn't made for them: long, split within characters, marked up, meant for other eyes. */
export const anyText: Arbitrary<string> = oneof(
  string({ unit: "grapheme", maxLength: 300 }),
  string({ unit: "binary", maxLength: 50 }),
  constantFrom(
    ...HOSTILE_TEXTS.filter(({ length }) => length < 10_000),
    "a".repeat(5000),
    "word ".repeat(2000),
    "line\n\n".repeat(900),
    "\ud800",
    "",
  ),
);

const anyId = oneof(string({ maxLength: 20 }), constantFrom("city", "x".repeat(300), "__proto__"));
const action = oneof(
  record({
    type: constantFrom("Action.Submit", "Action.Execute", "Action.Later"),
    title: anyText,
    data: oneof(anyText, dictionary(string(), anyText)),
    associatedInputs: constantFrom("auto", "none"),
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
    record({ type: constantFrom("TextBlock", "Carousel"), text: anyText, style: constantFrom("heading", "default") }),
    record({
      type: constantFrom("FactSet"),
      facts: array(record({ title: anyText, value: anyText }), { maxLength: 4 }),
    }),
    record({
      type: constantFrom("Input.ChoiceSet"),
      id: anyId,
      label: anyText,
      value: anyText,
      isMultiSelect: boolean(),
      choices: array(record({ title: anyText, value: anyText }), { maxLength: 5 }),
    }),
    record({
      type: constantFrom("Input.Text", "Input.Number", "Input.Date", "Input.Time", "Input.Toggle", "Input.Rating"),
      id: anyId,
      label: anyText,
      title: anyText,
      value: anyText,
      placeholder: anyText,
      isRequired: boolean(),
      inlineAction: option(action),
    }),
    record({ type: constantFrom("Image"), altText: anyText, url: anyText, selectAction: option(action) }),
    record({
      type: constantFrom("RichTextBlock"),
      inlines: array(oneof(anyText, record({ text: anyText, selectAction: option(action) })), { maxLength: 3 }),
    }),
    record({ type: constantFrom("ActionSet"), actions: array(action, { maxLength: 9 }) }),
    record({
      type: constantFrom("Container", "Unknown"),
      items: array(tie("element"), { maxLength: 3 }),
      selectAction: option(action),
    }),
    record({
      type: constantFrom("Table"),
      columns: constantFrom([{ width: 1 }]),
      rows: array(
        record({
          type: constantFrom("TableRow"),
          cells: array(record({ items: array(tie("element"), { maxLength: 2 }) }), { maxLength: 2 }),
        }),
        { maxLength: 2 },
      ),
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
