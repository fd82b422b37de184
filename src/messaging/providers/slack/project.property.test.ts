import {
  array,
  assert,
  boolean,
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
import { problemsOfMessage } from "../../../../test/stand-ins/slack-blocks.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { choiceToken } from "../../choice.ts";
import { projectSlack } from "./project.ts";
import { readSlackText, shortEscaped, splitEscaped } from "./text.ts";

const text = oneof(
  string({ unit: "grapheme", maxLength: 300 }),
  string({ unit: "binary", maxLength: 50 }),
  constantFrom("<!channel> <@U1> <https://evil.example|bank>", "&".repeat(700), "<".repeat(4000), "*b* _i_ `c`"),
  constantFrom("word ".repeat(900), "👨‍👩‍👧‍👦".repeat(400), "line\n\n".repeat(300), "\ud800", "\u0000", "   ", "", "‮abc"),
);
const id = oneof(string({ maxLength: 20 }), constantFrom("city", "x".repeat(300), "__proto__"));
const action = oneof(
  record({
    type: constantFrom("Action.Submit", "Action.Execute"),
    title: text,
    data: oneof(text, dictionary(string(), text)),
    associatedInputs: constantFrom("auto", "none"),
  }),
  record({ type: constantFrom("Action.OpenUrl"), title: text, url: oneof(webUrl(), text) }),
) as Arbitrary<JsonObject>;
const { element } = letrec((tie) => ({
  element: oneof(
    { maxDepth: 4 },
    record({ type: constantFrom("TextBlock"), text, style: constantFrom("heading", "default") }),
    record({ type: constantFrom("FactSet"), facts: array(record({ title: text, value: text }), { maxLength: 4 }) }),
    record({
      type: constantFrom("Input.ChoiceSet"),
      id,
      label: text,
      value: text,
      isMultiSelect: boolean(),
      choices: array(record({ title: text, value: text }), { maxLength: 5 }),
    }),
    record({
      type: constantFrom("Input.Text", "Input.Number", "Input.Date", "Input.Time", "Input.Toggle", "Input.Rating"),
      id,
      label: text,
      title: text,
      value: text,
      placeholder: text,
      isRequired: boolean(),
      inlineAction: option(action),
    }),
    record({ type: constantFrom("Image"), altText: text, url: text, selectAction: option(action) }),
    record({
      type: constantFrom("RichTextBlock"),
      inlines: array(oneof(text, record({ text, selectAction: option(action) })), { maxLength: 3 }),
    }),
    record({ type: constantFrom("ActionSet"), actions: array(action, { maxLength: 5 }) }),
    record({
      type: constantFrom("Container", "Unknown"),
      items: array(tie("element"), { maxLength: 3 }),
      selectAction: option(action),
    }),
    record({
      type: constantFrom("Table"),
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
const folded = record({
  type: constantFrom("Action.ShowCard"),
  title: text,
  card: record({ body: array(element, { maxLength: 2 }) }),
});
const card = record({
  type: constantFrom("AdaptiveCard"),
  body: array(element, { maxLength: 5 }),
  actions: array(oneof(action, folded as Arbitrary<JsonObject>), { maxLength: 5 }),
}) as Arbitrary<JsonObject>;
const message = record({
  text: option(text, { nil: undefined }),
  suggested: array(record({ title: text, value: text }), { maxLength: 30 }),
  card: option(card, { nil: undefined }),
}).map(({ text: said, suggested, card: shown }): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "t" },
  channel: "slack",
  session_id: "s",
  attachments: [],
  metadata: {},
  ...(said === undefined ? {} : { text: said }),
  extensions: { suggested_actions: suggested, ...(shown === undefined ? {} : { adaptive_card: shown }) },
}));

const objectsIn = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly JsonObject[]) : [];

/** Everything that can be chosen in what was sent: buttons' values and URLs, and options of selects as their inputs' fields. */
function offered(sends: readonly JsonObject[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const block of sends.flatMap(({ blocks }) => objectsIn(blocks))) {
    for (const { value, url } of objectsIn(block.elements)) found.add((value ?? url) as string);
    const element = block.element as JsonObject | undefined;
    const field = ((element?.action_id ?? "") as string).replace(/^i\d+:/, "");
    for (const { value } of objectsIn(element?.options)) found.add(JSON.stringify({ [field]: value ?? null }));
  }
  return found;
}

describe("projectSlack()", () => {
  test("keeps every limit, and nothing in any message or card mentions, links or formats", () => {
    verifies("channels.slack.project");
    assert(
      property(message, (one) => {
        for (const send of projectSlack(one)) expect(problemsOfMessage(send)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("keeps every action of any message and card", () => {
    verifies("channels.slack.project");
    assert(
      property(message, (one) => {
        const carried = offered(projectSlack(one));
        const shown = one.extensions?.adaptive_card;
        const wanted = [
          ...(shown === undefined ? [] : cardToText(shown).actions).map((each) =>
            each.kind === "open" ? each.url : each.value,
          ),
          ...(one.extensions?.suggested_actions ?? []).map(({ value }) => value),
        ];
        for (const value of wanted) expect(carried.has(value) || carried.has(choiceToken(value))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe("splitEscaped()", () => {
  test("cuts no escape, keeps every word and its limit", () => {
    assert(
      property(text, constantFrom(75, 150, 3_000), (said, max) => {
        const parts = splitEscaped(said, max);
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(max);
        const bare = (value: string): string => value.toWellFormed().replaceAll(/[\s\p{Cc}]/gu, "");
        const plain = parts.join("").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
        expect(bare(plain)).toBe(bare(said));
        const short = shortEscaped(said, max, "→");
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short).not.toMatch(/[<>\n]|&(?!amp;|lt;|gt;)/);
      }),
    );
  });
});

test.each([
  ["<@U0SELF> hello", "hello"],
  ["ask <@U1> and <@U2|bob>", "ask @U1 and @bob"],
  ["<#C1|general> <!here> <!subteam^S1|@team>", "#general @here @team"],
  ["see <https://a.example|this> and <https://b.example>", "see this (https://a.example) and https://b.example"],
  ["<mailto:a@b.example|a@b.example>", "a@b.example"],
  ["1 &lt; 2 &amp;amp; 3 &gt; 2", "1 < 2 &amp; 3 > 2"],
])("readSlackText() shows %s as a person wrote it", (markup, said) => {
  expect(readSlackText(markup, "U0SELF")).toBe(said);
});
