import type { ErrorCode, JsonObject } from "../types/index.ts";
import { stepInto } from "./path.ts";
import { toText } from "./template-run.ts";

/** Locale → key → text. */
export type I18nBundles = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Translates a key; `{name}` in the text is replaced from the arguments. */
export type Translate = (key: string, args?: JsonObject) => string;

/**
 * Makes the translator of one locale: the exact locale, then its language, then English. A key that none of them has is
 * shown as it is and reported. Arguments are put in once and never read as text to translate.
 */
export function createTranslator(
  bundles: I18nBundles,
  locale: string,
  warn: (code: ErrorCode, key: string) => void = () => undefined,
): Translate {
  const byName = new Map(Object.entries(bundles).map(([name, bundle]) => [normalise(name), bundle]));
  const exact = normalise(locale);
  const names = new Set([exact, exact.split("-")[0] ?? "", "en"]);
  const chain = [...names].map((name) => byName.get(name)).filter((bundle) => bundle !== undefined);
  return (key, args) => {
    const bundle = chain.find((candidate) => Object.hasOwn(candidate, key));
    if (bundle === undefined) {
      warn("FLOW_I18N_KEY_MISSING", key);
      return key;
    }
    const text = bundle[key] ?? key;
    if (args === undefined || !text.includes("{")) return text;
    return text.replace(/\{([\w.-]+)\}/g, (placeholder, name: string) => {
      const value = stepInto(args, name);
      return value === undefined ? placeholder : toText(value);
    });
  };
}

function normalise(locale: string): string {
  return locale.toLowerCase().replaceAll("_", "-");
}
