import { assert, constantFrom, integer, json, nat, property, record, array } from "fast-check";
import { expect, test } from "vitest";
import { isGreenticError } from "./errors.ts";
import { parseJsonPaced } from "./json-paced.ts";
import { parseJson } from "./json.ts";
import type { JsonLimits } from "./json.ts";
import { Pace, runWhole } from "./pace.ts";

/** What a parser says of a text: its value, or its code. */
function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return { code: error.code };
  }
}

const parsed = (text: string, pieceCharacters: number, limits: JsonLimits = {}): unknown =>
  outcome(() => runWhole(parseJsonPaced(Buffer.from(text), { ...limits, pace: new Pace(), pieceCharacters })));

test("parseJsonPaced() says what parseJson() says, of any JSON and however small its pieces", () => {
  assert(
    property(json({ maxDepth: 6 }), integer({ min: 0, max: 12 }), (text, pieceCharacters) => {
      expect(parsed(text, pieceCharacters)).toStrictEqual(outcome(() => parseJson(text)));
    }),
    { numRuns: 2000 },
  );
});

test("parseJsonPaced() says what parseJson() says of broken JSON", () => {
  const breaks = array(
    record({ at: nat(), text: constantFrom(...'{ } [ ] , : " \\ 1 e u é __proto__'.split(" "), " ", '"a":') }),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  assert(
    property(json({ maxDepth: 5 }), breaks, nat(1), (whole, changes, removed) => {
      let text = whole;
      for (const { at, text: put } of changes) {
        const here = at % (text.length + 1);
        text = text.slice(0, here) + put + text.slice(here + removed);
      }
      expect(parsed(text, 0)).toStrictEqual(outcome(() => parseJson(text)));
    }),
    { numRuns: 10_000 },
  );
});

test("parseJsonPaced() keeps __proto__ a name, takes the last of two equal keys, and knows its bounds", () => {
  const text = '{"__proto__":{"a":1},"b":1,"b":[2]}';
  expect(parsed(text, 0)).toStrictEqual({ value: JSON.parse(text) as unknown });
  expect(parsed('{"a":[[1]]}', 0, { maxDepth: 3 })).toStrictEqual({ value: { a: [[1]] } });
  for (const piece of [0, 1000])
    expect(parsed('{"a":[[1]]}', piece, { maxDepth: 2 })).toStrictEqual({ code: "TYPES_JSON_TOO_DEEP" });
  expect(parsed("[1,2,3]", 0, { maxBytes: 6 })).toStrictEqual({ code: "TYPES_JSON_TOO_LARGE" });
  const broken = parseJsonPaced(Uint8Array.of(0x22, 0xff, 0x22), { pace: new Pace() });
  expect(outcome(() => runWhole(broken))).toStrictEqual({ code: "TYPES_JSON_INVALID" });
});

test("parseJsonPaced() rests within a large text, whatever it is made of", () => {
  const texts = [
    JSON.stringify(Array.from({ length: 60_000 }, (_, i) => ({ name: `file ${i}` }))),
    JSON.stringify(Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`key ${i}`, i]))),
    JSON.stringify({ one: { inner: Array.from({ length: 400_000 }, () => 1) } }),
  ];
  for (const text of texts) {
    const pace = new Pace();
    const work = parseJsonPaced(Buffer.from(text), { pace, maxBytes: 8 << 20 });
    let turns = 0;
    let last = work.next();
    for (; last.done !== true; last = work.next()) turns++;
    expect(last.value).toEqual(JSON.parse(text));
    expect(pace.most).toBeLessThanOrEqual(6_000);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(text.length / 100 / 6_000));
  }
});
