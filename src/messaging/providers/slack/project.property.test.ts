import { assert, constantFrom, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { anyText } from "../../../../test/stand-ins/any-message.ts";
import { verifies } from "../../../../test/verifies.ts";
import { readSlackText, shortEscaped, splitEscaped } from "./text.ts";

describe("splitEscaped()", () => {
  test("cuts no escape, keeps every word and its limit", () => {
    verifies("channels.slack.project");
    assert(
      property(anyText, constantFrom(75, 150, 3_000), (said, max) => {
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
