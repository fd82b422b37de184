import type { JsonObject } from "../types/index.ts";
import { builtInText, fillText, hasBuiltInText, isTextKey, languageOf } from "./texts.ts";

/** Locale → key → text. */
export type TextBundles = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Translates a key; undefined where nobody has it. */
export type Translate = (locale: string, key: string, args?: JsonObject) => string | undefined;

/** Makes a translator: the bundles' exact locale, their language, the engine's own text, the bundles' English, in this order. */
export function createTranslator(bundles: TextBundles): Translate {
  const byLocale = new Map<string, Readonly<Record<string, string>>>();
  for (const [locale, texts] of Object.entries(bundles)) byLocale.set(locale.toLowerCase().replaceAll("_", "-"), texts);
  const english = byLocale.get("en");
  // Locales come from outside: what is remembered about them is bounded.
  const chains = new Map<string, readonly Readonly<Record<string, string>>[]>();
  const chainOf = (locale: string): readonly Readonly<Record<string, string>>[] => {
    const known = chains.get(locale);
    if (known !== undefined) return known;
    const chain: Readonly<Record<string, string>>[] = [];
    const lower = locale.toLowerCase();
    for (let tag = lower; ; tag = tag.slice(0, tag.lastIndexOf("-"))) {
      const texts = byLocale.get(tag);
      if (texts !== undefined) chain.push(texts);
      if (!tag.includes("-")) break;
    }
    if (chains.size >= 256) chains.clear();
    chains.set(locale, chain);
    return chain;
  };
  return (locale, key, args) => {
    for (const texts of chainOf(locale)) {
      if (Object.hasOwn(texts, key)) return fillText(texts[key] as string, args);
    }
    if (hasBuiltInText(locale, key)) return fillText(builtInText(locale, key), args);
    if (english !== undefined && languageOf(locale) !== "en" && Object.hasOwn(english, key)) {
      return fillText(english[key] as string, args);
    }
    return isTextKey(key) ? fillText(builtInText("en", key), args) : undefined;
  };
}
