/** What reading a date depends on. */
export interface DateContext {
  readonly locale: string;
  /** The turn's time. */
  readonly nowMs: number;
  /** IANA name. */
  readonly timeZone: string;
}

const DAY_MS = 86_400_000;
const RELATIVE: Readonly<Record<string, number>> = {
  today: 0,
  tomorrow: 1,
  "day after tomorrow": 2,
  yesterday: -1,
  hoy: 0,
  mañana: 1,
  manana: 1,
  "pasado mañana": 2,
  ayer: -1,
  "hari ini": 0,
  besok: 1,
  lusa: 2,
  kemarin: -1,
  今日: 0,
  きょう: 0,
  明日: 1,
  あした: 1,
  明後日: 2,
  あさって: 2,
  昨日: -1,
};

/**
 * Reads a date as a person of this locale writes it and gives it as `YYYY-MM-DD`: ISO, today and tomorrow in English, Spanish,
 * Indonesian and Japanese, numbers in the locale's order of day and month, and names of months. Without a year it is the next
 * such day. Undefined for anything else.
 */
export function readDate(text: string, context: DateContext): string | undefined {
  const plain = text.normalize("NFKC").trim().toLowerCase().replaceAll(/\s+/gu, " ");
  if (plain === "" || plain.length > 64) return undefined;
  const days = Object.hasOwn(RELATIVE, plain) ? RELATIVE[plain] : undefined;
  if (days !== undefined) return isoOf(todayMs(context) + days * DAY_MS);
  return readIso(plain) ?? readJapanese(plain, context) ?? readNumbers(plain, context) ?? readNamed(plain, context);
}

/** Midnight, as UTC, of the day that it is in the context's zone. */
function todayMs({ nowMs, timeZone }: DateContext): number {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).format(nowMs);
  return Date.parse(`${parts}T00:00:00Z`);
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Makes the date where it exists; 31 February doesn't. */
function made(year: number, month: number, day: number): string | undefined {
  const ms = Date.UTC(year, month - 1, day);
  const date = new Date(ms);
  if (year < 1000 || year > 9999 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return isoOf(ms);
}

/** The next day of that month and day, today included. */
function next(month: number, day: number, context: DateContext): string | undefined {
  const today = isoOf(todayMs(context));
  const year = Number(today.slice(0, 4));
  for (let ahead = 0; ahead <= 8; ahead++) {
    const date = made(year + ahead, month, day);
    if (date !== undefined && date >= today) return date;
  }
  return undefined;
}

function fullYear(text: string): number {
  return text.length === 2 ? 2000 + Number(text) : Number(text);
}

function readIso(text: string): string | undefined {
  const match = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:t[\d:.z+-]*)?$/.exec(text);
  return match === null ? undefined : made(Number(match[1]), Number(match[2]), Number(match[3]));
}

function readJapanese(text: string, context: DateContext): string | undefined {
  const match = /^(?:(\d{4})年 ?)?(\d{1,2})月 ?(\d{1,2})日$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day] = match;
  return year === undefined
    ? next(Number(month), Number(day), context)
    : made(Number(year), Number(month), Number(day));
}

function readNumbers(text: string, context: DateContext): string | undefined {
  const match = /^(\d{1,2})[-/. ]{1,2}(\d{1,2})(?:[-/. ]{1,2}(\d{4}|\d{2}))?\.?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const second = Number(match[2]);
  const [month, day] = isMonthFirst(context.locale) ? [first, second] : [second, first];
  return match[3] === undefined ? next(month, day, context) : made(fullYear(match[3]), month, day);
}

/** Day and month by name: `5 March 2026`, `March 5`, `5 de marzo de 2026`. */
function readNamed(text: string, context: DateContext): string | undefined {
  const words = text
    .replaceAll(/(\d)(?:st|nd|rd|th)\b/g, "$1")
    .split(/[\s,./-]+/)
    .filter((word) => word !== "" && word !== "de" && word !== "del" && word !== "of" && word !== "the");
  if (words.length < 2 || words.length > 3) return undefined;
  const months = monthsOf(context.locale);
  const at = words.findIndex((word) => months.has(word));
  const month = months.get(words[at] ?? "");
  const numbers = words.filter((_, index) => index !== at);
  if (month === undefined || !numbers.every((word) => /^\d{1,4}$/.test(word))) return undefined;
  const [day, year] = numbers as [string, string | undefined];
  if (day.length > 2) return undefined;
  return year === undefined ? next(month, Number(day), context) : made(fullYear(year), month, Number(day));
}

const orders = new Map<string, boolean>();
const names = new Map<string, ReadonlyMap<string, number>>();

function isMonthFirst(locale: string): boolean {
  let known = orders.get(locale);
  if (known === undefined) {
    const parts = new Intl.DateTimeFormat(locale, { day: "numeric", month: "numeric", year: "numeric" })
      .formatToParts(0)
      .map((part) => part.type);
    known = parts.indexOf("month") < parts.indexOf("day");
    if (orders.size >= 100) orders.clear();
    orders.set(locale, known);
  }
  return known;
}

function monthsOf(locale: string): ReadonlyMap<string, number> {
  let known = names.get(locale);
  if (known === undefined) {
    const months = new Map<string, number>();
    for (const language of ["en", locale]) {
      for (const style of ["long", "short"] as const) {
        for (const withDay of [false, true]) {
          const format = new Intl.DateTimeFormat(language, {
            month: style,
            timeZone: "UTC",
            ...(withDay ? { day: "numeric" } : {}),
          });
          for (let month = 1; month <= 12; month++) {
            const part = format.formatToParts(Date.UTC(2026, month - 1, 5)).find(({ type }) => type === "month");
            const name = part?.value.toLowerCase().replace(/\.$/, "");
            if (name !== undefined && !/^\d/.test(name)) months.set(name, month);
          }
        }
      }
    }
    known = months;
    if (names.size >= 100) names.clear();
    names.set(locale, known);
  }
  return known;
}
