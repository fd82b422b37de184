import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import { History } from "./history.ts";
import type { Delivered, Said } from "./history.ts";
import type { Talk } from "./plan.ts";

const TALK: Talk = {
  tenant: "acme",
  kind: "chain",
  sink: "hook",
  conversation: "c1",
  gapsMs: [1, 1, 1],
  startMs: 0,
};

/** A run in which three messages were taken, and these replies arrived. */
function history(replies: readonly (string | Partial<Delivered>)[], talk: Talk = TALK): History {
  const made = new History();
  for (const index of talk.gapsMs.keys()) {
    const id = `${talk.conversation}-${index}`;
    const said: Said = { talk, index, id, text: `acme-${id}`, sentAtMs: 0, ackedAtMs: 1, answers: [] };
    made.said.push(said);
  }
  for (const reply of replies) {
    made.delivered.push({
      sink: talk.sink as "hook" | "opaque",
      tenant: "acme",
      conversation: "c1",
      key: "k",
      text: typeof reply === "string" ? reply : "",
      atMs: 1,
      wasUnknown: false,
      ...(typeof reply === "string" ? {} : reply),
    });
  }
  return made;
}

const FIRST = "acme|acme-c1-0|";
const SECOND = "acme|acme-c1-1|acme-c1-0";
const THIRD = "acme|acme-c1-2|acme-c1-1";

const judge = (made: History, options: { readonly talk?: Talk; readonly mostOnce?: boolean } = {}): readonly string[] =>
  check(made, {
    talks: [options.talk ?? TALK],
    unknownSends: options.mostOnce === true ? "at-most-once" : "at-least-once",
  });

describe("check()", () => {
  test("finds nothing where every reply came once and in order", () => {
    expect(judge(history([FIRST, SECOND, THIRD]))).toEqual([]);
  });

  test.each([
    ["lost", [FIRST, SECOND], /lost: acme\|acme-c1-2/],
    ["lost in the middle", [FIRST, THIRD], /expected acme\|acme-c1-1/],
    ["duplicated", [FIRST, SECOND, SECOND, THIRD], /duplicated: acme\|acme-c1-1/],
    ["reordered", [SECOND, FIRST, THIRD], /expected acme\|acme-c1-0/],
    ["stale", [FIRST, SECOND, "acme|acme-c1-2|acme-c1-0"], /expected acme\|acme-c1-2\|acme-c1-1, got/],
    ["crossed", [FIRST, SECOND, "globex|acme-c1-2|acme-c1-1"], /crossed: acme c1 got globex/],
  ])("finds a reply that is %s", (_what, replies, message) => {
    expect(judge(history(replies)).join("\n")).toMatch(message);
  });

  test("allows an opaque platform a repetition that was doubted on record before, unless sends go at most once", () => {
    const talk: Talk = { ...TALK, sink: "opaque" };
    const doubted = history([FIRST, SECOND, { text: SECOND, wasUnknown: true }, THIRD], talk);
    expect(judge(doubted, { talk })).toEqual([]);
    expect(judge(doubted, { talk, mostOnce: true }).join()).toMatch(/though at most once/);
    expect(judge(history([FIRST, SECOND, SECOND, THIRD], talk), { talk }).join()).toMatch(/without a doubt on record/);
  });

  test("allows what policy gave up on record to be missing, and nothing else", () => {
    const talk: Talk = { ...TALK, sink: "opaque" };
    const given = history([FIRST, THIRD], talk);
    given.abandoned.push({ tenant: "acme", text: SECOND });
    expect(judge(given, { talk, mostOnce: true })).toEqual([]);
    const other = history([FIRST, THIRD], talk);
    other.abandoned.push({ tenant: "globex", text: SECOND });
    expect(judge(other, { talk, mostOnce: true })).not.toEqual([]);
  });

  test("finds an effect under two keys, one again behind its record, and another tenant's", () => {
    const effect = { tenant: "acme", key: "a", text: "work acme-c1-0", input: "", atMs: 5, bornAtMs: 0 };
    const made = history([FIRST, SECOND, THIRD]);
    made.effects.push(effect, { ...effect, atMs: 6 });
    expect(judge(made)).toEqual([]);
    made.effects.push({ ...effect, key: "b" });
    expect(judge(made).join()).toMatch(/two keys: work acme-c1-0/);
    const again = history([FIRST, SECOND, THIRD]);
    again.effects.push(effect, { ...effect, text: "note acme-c1-0", atMs: 6 }, { ...effect, atMs: 9, bornAtMs: 8 });
    expect(judge(again).join()).toMatch(/though it was on record/);
    const crossed = history([FIRST, SECOND, THIRD]);
    crossed.effects.push({ ...effect, tenant: "globex" });
    expect(judge(crossed).join()).toMatch(/crossed: globex acted on/);
  });

  test("finds a log that changed, has a gap, or shows a post twice", () => {
    const talk: Talk = { ...TALK, sink: "web", gapsMs: [1] };
    const lines = [
      { index: 0, role: "user", text: "acme-c1-0" },
      { index: 1, role: "bot", text: FIRST },
    ];
    const whole = history([], talk);
    whole.readLog(talk, lines);
    expect(judge(whole, { talk })).toEqual([]);
    whole.readLog(talk, [{ index: 1, role: "bot", text: "acme|other|" }]);
    expect(judge(whole, { talk }).join()).toMatch(/changed: /);
    const gap = history([], talk);
    gap.readLog(talk, [
      { index: 0, role: "user", text: "acme-c1-0" },
      { index: 2, role: "bot", text: FIRST },
    ]);
    expect(judge(gap, { talk }).join()).toMatch(/a gap before entry 2/);
    const twice = history([], talk);
    twice.readLog(talk, [...lines, { index: 2, role: "user", text: "acme-c1-0" }]);
    expect(judge(twice, { talk }).join()).toMatch(/shows the posts acme-c1-0,acme-c1-0/);
  });

  test("lets a wait run out once, with the word that belongs to it", () => {
    const talk: Talk = { ...TALK, kind: "talk", gapsMs: [1, 1] };
    expect(judge(history([FIRST, SECOND, "acme|late|acme-c1-1"], talk), { talk })).toEqual([]);
    expect(
      judge(history([FIRST, "acme|late|acme-c1-0", "acme|acme-c1-1|", "acme|late|acme-c1-1"], talk), { talk }),
    ).toEqual([]);
    expect(judge(history([FIRST, SECOND], talk), { talk }).join()).toMatch(/lost: acme\|late\|acme-c1-1/);
    expect(judge(history(["acme|late|", FIRST, SECOND, "acme|late|acme-c1-1"], talk), { talk })).not.toEqual([]);
  });
});
