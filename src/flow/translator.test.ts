import { expect, test } from "vitest";
import { createTranslator } from "./translator.ts";

const BUNDLES = {
  en: { hello: "Hello {name}!", only_en: "English", plain: "{a} {b} {a}" },
  de: { hello: "Hallo {name}!" },
  "de-AT": { hello: "Servus {name}!" },
};

test("createTranslator() looks in the exact locale, then its language, then English", () => {
  const name = { name: "Ada" };
  expect(createTranslator(BUNDLES, "de-AT")("hello", name)).toBe("Servus Ada!");
  expect(createTranslator(BUNDLES, "de_at")("hello", name)).toBe("Servus Ada!");
  expect(createTranslator(BUNDLES, "de-CH")("hello", name)).toBe("Hallo Ada!");
  expect(createTranslator(BUNDLES, "de-AT")("only_en")).toBe("English");
  expect(createTranslator(BUNDLES, "ja")("hello", name)).toBe("Hello Ada!");
});

test("createTranslator() shows a key that is nowhere, and reports it", () => {
  const warnings: string[] = [];
  const t = createTranslator(BUNDLES, "de", (code, key) => warnings.push(`${code} ${key}`));
  expect([t("nope"), t("constructor"), t("__proto__"), t("toString")]).toEqual([
    "nope",
    "constructor",
    "__proto__",
    "toString",
  ]);
  expect(warnings).toEqual(
    ["nope", "constructor", "__proto__", "toString"].map((key) => `FLOW_I18N_KEY_MISSING ${key}`),
  );
});

test("createTranslator() puts arguments in once, and leaves placeholders that have none", () => {
  const t = createTranslator(BUNDLES, "en");
  expect(t("plain", { a: "{b}", b: 2 })).toBe("{b} 2 {b}");
  expect(t("plain", { a: 1 })).toBe("1 {b} 1");
  expect(t("plain", {})).toBe("{a} {b} {a}");
});
