import { GreenticError } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { stepInto } from "./path.ts";
import { MAX_OUTPUT_CHARS, toText } from "./template-run.ts";
import type { TemplateRun } from "./template-run.ts";

/** What a helper is called with; a missing path is undefined. */
interface HelperCall {
  readonly run: TemplateRun;
  readonly args: readonly (JsonValue | undefined)[];
  readonly hash: JsonObject;
}

/** A function that templates can call; pure but for the scope's warnings. */
export interface TemplateHelper {
  readonly minArgs: number;
  readonly maxArgs: number;
  /** True where a missing argument is the helper's own business and no reason to warn. */
  readonly takesMissing: boolean;
  readonly call: (call: HelperCall) => JsonValue;
}

/** The helpers of every template, by name. */
export const HELPERS: ReadonlyMap<string, TemplateHelper> = new Map<string, TemplateHelper>([
  [
    "t",
    { minArgs: 1, maxArgs: 1, takesMissing: false, call: ({ run, args, hash }) => run.scope.t(toText(args[0]), hash) },
  ],
  ["json", { minArgs: 1, maxArgs: 1, takesMissing: false, call: printJson }],
  [
    "default",
    { minArgs: 2, maxArgs: 8, takesMissing: true, call: ({ args }) => args.find(isPresent) ?? args.at(-1) ?? null },
  ],
  ["eq", { minArgs: 2, maxArgs: 2, takesMissing: true, call: isEqual }],
  // The public config flows' word for it.
  ["ifEq", { minArgs: 2, maxArgs: 2, takesMissing: true, call: isEqual }],
  [
    "lookup",
    { minArgs: 2, maxArgs: 2, takesMissing: true, call: ({ args }) => stepInto(args[0], toText(args[1])) ?? null },
  ],
  ["date", { minArgs: 1, maxArgs: 1, takesMissing: false, call: formatDate }],
  ["number", { minArgs: 1, maxArgs: 1, takesMissing: false, call: formatNumber }],
]);

function isEqual({ args }: HelperCall): boolean {
  return (args[0] ?? null) === (args[1] ?? null);
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && value !== "";
}

function printJson({ run, args, hash }: HelperCall): string {
  const value = args[0] ?? null;
  const text = hash["indent"] === undefined ? JSON.stringify(value) : JSON.stringify(value, null, 2);
  if (text.length > MAX_OUTPUT_CHARS)
    throw new GreenticError("FLOW_TEMPLATE_TOO_LARGE", "Render template: json made too much text");
  run.charge(text.length);
  return text;
}

const STYLES: ReadonlySet<JsonValue> = new Set(["full", "long", "medium", "short"]);
type DateStyle = "full" | "long" | "medium" | "short";

/**
 * `{{date value style="long" time="short" zone="Europe/Berlin"}}`: an ISO date or time, or milliseconds since the epoch, in
 * the scope's locale. Style is medium by default, the zone UTC, and the time is left out unless asked for.
 */
function formatDate({ run, args, hash }: HelperCall): string {
  // The root `now` is an object; its date is meant.
  const value = stepInto(args[0], "iso") ?? args[0];
  if (!isPresent(value)) return "";
  const date = new Date(typeof value === "number" ? value : toText(value));
  const style = hash["style"] ?? "medium";
  const time = hash["time"];
  try {
    if (Number.isNaN(date.getTime()) || !STYLES.has(style) || (time !== undefined && !STYLES.has(time)))
      throw new RangeError();
    return formatter("date", run.scope.locale, {
      dateStyle: style as DateStyle,
      timeZone: hash["zone"] === undefined ? "UTC" : toText(hash["zone"]),
      ...(time === undefined ? {} : { timeStyle: time as DateStyle }),
    }).format(date);
  } catch {
    run.scope.warn("FLOW_TEMPLATE_VALUE_INVALID", "date");
    return toText(value);
  }
}

/** `{{number value digits=1 style="percent" currency="EUR" unit="celsius"}}` in the scope's locale. */
function formatNumber({ run, args, hash }: HelperCall): string {
  const value = args[0];
  if (!isPresent(value)) return "";
  try {
    const number = typeof value === "number" ? value : Number(toText(value));
    if (!Number.isFinite(number)) throw new RangeError();
    const digits = hash["digits"];
    return formatter("number", run.scope.locale, {
      ...(hash["style"] === "percent" ? { style: "percent" } : {}),
      ...(hash["currency"] === undefined ? {} : { style: "currency", currency: toText(hash["currency"]) }),
      ...(hash["unit"] === undefined ? {} : { style: "unit", unit: toText(hash["unit"]) }),
      ...(digits === undefined ? {} : { minimumFractionDigits: Number(digits), maximumFractionDigits: Number(digits) }),
    }).format(number);
  } catch {
    run.scope.warn("FLOW_TEMPLATE_VALUE_INVALID", "number");
    return toText(value);
  }
}

type Formatter = { format(value: Date | number): string };
// Making an Intl formatter takes 30 µs and more; data can choose zone and currency, hence the bound.
const formatters = new Map<string, Formatter>();
const MAX_FORMATTERS = 200;

function formatter(
  what: "date" | "number",
  locale: string,
  options: Intl.DateTimeFormatOptions | Intl.NumberFormatOptions,
): Formatter {
  const key = `${what} ${locale} ${JSON.stringify(options)}`;
  const known = formatters.get(key);
  if (known !== undefined) return known;
  const made: Formatter =
    what === "date" ? new Intl.DateTimeFormat(locale, options) : new Intl.NumberFormat(locale, options);
  if (formatters.size >= MAX_FORMATTERS) formatters.clear();
  formatters.set(key, made);
  return made;
}
