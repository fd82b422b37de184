import { array, assert, constantFrom, integer, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { accentPair, contrast } from "../../web/src/accent.ts";
import { backoffMs } from "../../web/src/directline/backoff.ts";
import { parseMarkdown } from "../../web/src/markdown/parse.ts";
import { plainText } from "../../web/src/markdown/plain-text.ts";
import { toHtml } from "../../web/src/markdown/to-html.ts";
import { addEvent } from "../../web/src/pane/turns.ts";
import type { Turn, TurnEvent } from "../../web/src/pane/turns.ts";

const html = (source: string): string => toHtml(parseMarkdown(source));
/** Pieces that a page's Markdown gives meaning to, and that an attacker would try. */
const piece = constantFrom(
  ..."*_~`[]()<>!\\#-+.1\n\"'&: ".split(""),
  "**",
  "```\n",
  "> ",
  "- ",
  "1. ",
  "](",
  "javascript:alert(1)",
  "data:text/html,x",
  "https://a.example/",
  "<img src=x onerror=y>",
);
const source = array(
  piece.chain((known) => constantFrom(known, `${known}word`)),
  { maxLength: 60 },
).map((parts) => parts.join(""));
const OURS =
  /<\/?(?:p|strong|em|s|code|pre|ul|li|blockquote|hr|br)>|<ol start="\d+">|<\/ol>|<a href="(?:https?:|mailto:|tel:)[^"<>]*" target="_blank" rel="noopener noreferrer">|<\/a>/g;

describe("parseMarkdown()", () => {
  test("never lets a tag through that isn't ours, nor a link to a scheme that runs", () => {
    assert(
      property(source, (text) => {
        expect(html(text).replaceAll(OURS, "")).not.toMatch(/[<>"']/);
      }),
      { numRuns: 2000 },
    );
  });

  test("keeps every word, whatever surrounds it", () => {
    assert(
      property(array(tuple(piece, constantFrom("sun", "rain", "wind")), { maxLength: 30 }), (pairs) => {
        const text = pairs.map(([sign, word]) => `${sign} ${word}`).join(" ");
        const shown = html(text).replaceAll(/<[^>]*>/g, " ");
        const kept = (from: string): number => from.match(/\b(?:sun|rain|wind)\b/g)?.length ?? 0;
        expect(kept(shown)).toBe(kept(text));
      }),
    );
  });

  test("ends, for what nests and for what never closes", () => {
    for (const sign of ["[", "*", "> ", "- ", "`", "**a ", "_a ", "[a](", "https://a"]) {
      expect(plainText(parseMarkdown(sign.repeat(20_000))).length).toBeLessThanOrEqual(600_000);
    }
  });

  test.each([
    ["It is **18 °C** in _Tokyo_.", "<p>It is <strong>18 °C</strong> in <em>Tokyo</em>.</p>"],
    ["snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"],
    ["- one\n- two\n  - three", "<ul><li>one</li><li>two<ul><li>three</li></ul></li></ul>"],
    ["3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["```ts\na < b\n```", "<pre><code>a &lt; b</code></pre>"],
    ["[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"],
    ["one\ntwo", "<p>one<br>two</p>"],
    ["> said\n\nafter", "<blockquote><p>said</p></blockquote><p>after</p>"],
    [
      "see https://a.example/b.",
      '<p>see <a href="https://a.example/b" target="_blank" rel="noopener noreferrer">https://a.example/b</a>.</p>',
    ],
    ["# Title", "<p><strong>Title</strong></p>"],
    ["~~old~~ `a*b*`", "<p><s>old</s> <code>a*b*</code></p>"],
  ])("reads %j", (text, expected) => {
    expect(html(text)).toBe(expected);
  });
});

test("accentPair() is readable in both schemes, whatever the tenant chose", () => {
  const channel = integer({ min: 0, max: 255 }).map((value) => value.toString(16).padStart(2, "0"));
  assert(
    property(tuple(channel, channel, channel), (channels) => {
      const pair = accentPair(`#${channels.join("")}`);
      expect(contrast(pair?.light ?? "", "#f1f3f5")).toBeGreaterThanOrEqual(4.5);
      expect(contrast(pair?.dark ?? "", "#22262c")).toBeGreaterThanOrEqual(4.5);
    }),
  );
  assert(property(string(), (text) => accentPair(`${text}!`) === undefined));
});

test("backoffMs() doubles up to a limit and never comes too early", () => {
  assert(
    property(integer({ min: 1, max: 1e6 }), integer({ min: 0, max: 1 }), (attempt, chance) => {
      const ceiling = Math.min(15_000, 400 * 2 ** Math.min(attempt - 1, 16));
      expect(backoffMs(attempt, () => chance)).toBe(chance === 0 ? ceiling / 2 : ceiling);
    }),
  );
});

test("addEvent() puts each event into the turn of its trace, and only the turn's own flow ends it", () => {
  const event = (traceId: string, rest: object): TurnEvent =>
    ({ ctx: { traceId }, atMs: 0, ...rest }) as unknown as TurnEvent;
  const told = [
    event("a", { kind: "flow.started", flow: "outer" }),
    event("b", { kind: "flow.started", flow: "other" }),
    event("a", { kind: "flow.started", flow: "inner" }),
    event("a", { kind: "flow.ended", flow: "inner", outcome: "done", durationMs: 1 }),
  ];
  const [first, second] = told.reduce<readonly Turn[]>(addEvent, []);
  expect(first).toMatchObject({ key: "a", flow: "outer", outcome: "running" });
  expect(first?.events).toHaveLength(3);
  expect(second).toMatchObject({ key: "b", flow: "other" });
  const ended = addEvent(
    [first, second].filter((turn) => turn !== undefined),
    event("a", { kind: "flow.ended", flow: "outer", outcome: "waiting", durationMs: 7 }),
  );
  expect(ended[0]).toMatchObject({ outcome: "waiting", durationMs: 7 });
});
