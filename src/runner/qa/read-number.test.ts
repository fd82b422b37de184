import { expect, test } from "vitest";
import { readNumber } from "./read-number.ts";

test.each([
  ["en", "3.5", 3.5],
  ["en", "1,234.5", 1234.5],
  ["en", "-12", -12],
  ["en", "3,5", 3.5],
  ["es", "3,5", 3.5],
  ["es", "1.234,5", 1234.5],
  ["id", "1.000", 1000],
  ["id", "2,25", 2.25],
  ["ja", "１２３", 123],
  ["ja", "1,000", 1000],
  ["de-CH", "1’234.5", 1234.5],
])("readNumber() in %s reads %s", (locale, text, number) => {
  expect(readNumber(text, locale)).toBe(number);
});

test.each(["", "abc", "1.2.3", "1e9", "--1", "0x10", "1,2,3", ".", "9".repeat(40)])(
  "readNumber() refuses %s",
  (text) => {
    expect(readNumber(text, "en")).toBeUndefined();
  },
);
