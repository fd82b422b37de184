import { computed, signal } from "@preact/signals";
import { en } from "./en.ts";
import { es } from "./es.ts";
import { id } from "./id.ts";
import { ja } from "./ja.ts";
import type { Words } from "./words.ts";

export type { Words };

const LANGUAGES: Readonly<Record<string, Words>> = { en, es, id, ja };
/** Languages written from right to left; the page mirrors for them even where its own words stay English. */
const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);

/** The locale in use, BCP 47; assigning it changes the page's language and direction at once. */
export const locale = signal("en");

/** The page's words in that locale, English where it has none. */
export const words = computed<Words>(() => LANGUAGES[languageOf(locale.value)] ?? en);

/** Locales offered where the host names none. */
export const ownLocales: readonly string[] = Object.keys(LANGUAGES);

/** The direction in which a locale is written. */
export function directionOf(tag: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(languageOf(tag)) ? "rtl" : "ltr";
}

/** A locale's name in itself, "Español" for es. */
export function nameOf(tag: string): string {
  const name = new Intl.DisplayNames([tag], { type: "language", fallback: "code" }).of(tag) ?? tag;
  return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
}

function languageOf(tag: string): string {
  return tag.split("-")[0]?.toLowerCase() ?? "en";
}
