/** How a locale writes numbers. */
interface NumberSigns {
  readonly decimal: string;
  readonly group: string;
}

const signs = new Map<string, NumberSigns>();

function signsOf(locale: string): NumberSigns {
  const known = signs.get(locale);
  if (known !== undefined) return known;
  const parts = new Intl.NumberFormat(locale, { useGrouping: true }).formatToParts(1_234_567.8);
  const made = {
    decimal: parts.find((part) => part.type === "decimal")?.value ?? ".",
    group: parts.find((part) => part.type === "group")?.value ?? ",",
  };
  if (signs.size >= 100) signs.clear();
  signs.set(locale, made);
  return made;
}

/** Reads a number as a person of this locale writes it: `1.234,5` in German, `1,234.5` in English; undefined for anything else. */
export function readNumber(text: string, locale: string): number | undefined {
  const plain = text
    .normalize("NFKC")
    .replaceAll(/[\s'’_]/gu, "")
    .replace("−", "-");
  if (plain.length > 32 || !/^[+-]?[\d.,]+$/.test(plain)) return undefined;
  const { decimal } = signsOf(locale);
  const group = decimal === "," ? "." : ",";
  const sign = plain.startsWith("-") ? -1 : 1;
  const digits = plain.replace(/^[+-]/, "");
  const [whole = "", fraction, ...rest] = digits.split(decimal);
  if (rest.length === 0 && isWhole(whole, group) && (fraction === undefined || /^\d+$/.test(fraction))) {
    return sign * Number(`${whole.replaceAll(group, "")}.${fraction ?? "0"}`);
  }
  // Not as this locale writes it; a lone point or comma that can't group thousands still is a decimal sign.
  return /^\d+[.,]\d+$/.test(digits) ? sign * Number(digits.replace(",", ".")) : undefined;
}

function isWhole(text: string, group: string): boolean {
  if (/^\d+$/.test(text)) return true;
  const [first = "", ...thousands] = text.split(group);
  return /^\d{1,3}$/.test(first) && thousands.length > 0 && thousands.every((part) => /^\d{3}$/.test(part));
}
