import { expect, test } from "vitest";
import { readDate } from "./read-date.ts";

// Thursday, 5 March 2026; in Tokyo it is already the 6th.
const nowMs = Date.parse("2026-03-05T20:00:00Z");
const read = (text: string, locale = "en", timeZone = "UTC"): string | undefined =>
  readDate(text, { locale, nowMs, timeZone });

test.each([
  ["en", "today", "2026-03-05"],
  ["en", "Tomorrow", "2026-03-06"],
  ["es", "hoy", "2026-03-05"],
  ["es", "mañana", "2026-03-06"],
  ["id", "hari ini", "2026-03-05"],
  ["id", "besok", "2026-03-06"],
  ["ja", "今日", "2026-03-05"],
  ["ja", "明日", "2026-03-06"],
  ["en", "2026-12-24", "2026-12-24"],
  ["en", "12/24/2026", "2026-12-24"],
  ["en-GB", "24/12/2026", "2026-12-24"],
  ["es", "24/12/2026", "2026-12-24"],
  ["id", "24-12-2026", "2026-12-24"],
  ["ja", "2026/12/24", "2026-12-24"],
  ["ja", "2026年12月24日", "2026-12-24"],
  ["ja", "12月24日", "2026-12-24"],
  ["en", "December 24, 2026", "2026-12-24"],
  ["en", "24 Dec", "2026-12-24"],
  ["en", "March 5", "2026-03-05"],
  ["en", "March 4th", "2027-03-04"],
  ["es", "24 de diciembre de 2026", "2026-12-24"],
  ["id", "17 Agustus 2026", "2026-08-17"],
  ["es", "1/4", "2026-04-01"],
  ["en", "1/4", "2027-01-04"],
  ["en", "２０２６-１２-２４", "2026-12-24"],
])("readDate() in %s reads %s", (locale, text, date) => {
  expect(read(text, locale)).toBe(date);
});

test.each([
  "",
  "soon",
  "2026-02-30",
  "13/13/2026",
  "12/24/26/5",
  "0",
  "2026",
  "toString",
  "__proto__",
  "1".repeat(10_000),
])("readDate() refuses %s", (text) => {
  expect(read(text)).toBeUndefined();
});

test("readDate() knows the person's day where the zone is known", () => {
  expect(read("今日", "ja", "Asia/Tokyo")).toBe("2026-03-06");
});

test("readDate() finds 29 February in the next leap year", () => {
  expect(read("29 February")).toBe("2028-02-29");
});
