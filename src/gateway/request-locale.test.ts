import { expect, test } from "vitest";
import { requestLocale } from "./request-locale.ts";

const from = (headers: Readonly<Record<string, string>>) => ({ header: (name: string) => headers[name] });

test("requestLocale() takes the header, then what was told, then what the browser likes best", () => {
  const all = from({ "x-greentic-locale": "de-AT", "accept-language": "fr" });
  expect(requestLocale(all, "es")).toBe("de-AT");
  const browser = from({ "accept-language": "fr-CH, fr;q=0.9, *;q=0.5" });
  expect(requestLocale(browser, undefined, "id", "es")).toBe("id");
  expect(requestLocale(browser, 7, "not a locale")).toBe("fr-CH");
});

test.each([
  ["en;q=0.4, ja;q=0.8, nl;q=0.6", "ja"],
  ["*", undefined],
  ["de;q=0, en;q=0.1", "en"],
  ["de;q=7, en;q=x", undefined],
  ["", undefined],
  ["<script>, en", "en"],
  [`${"x,".repeat(20)}en`, undefined],
])("requestLocale() reads Accept-Language %j as %j", (header, locale) => {
  expect(requestLocale(from({ "accept-language": header }))).toBe(locale);
});
