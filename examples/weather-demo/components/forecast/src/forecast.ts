import { ToolFailure } from "@greentic/guest";

export type Units = "celsius" | "fahrenheit";

/** What a person asks. */
export interface ForecastQuery {
  readonly city: string;
  readonly date: string;
  readonly units: Units;
  /** Primary language tag, lower case. */
  readonly language: string;
}

/** What the tool answers. */
export interface Forecast {
  readonly city: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly date: string;
  readonly min: number;
  readonly max: number;
  readonly units: Units;
  readonly precipitation_probability: number | null;
  readonly weather_code: number;
  readonly description: string;
  readonly source: "open-meteo" | "climate-normals";
  readonly note?: string;
}

/** Reads the tool's input. */
export function parseQuery(input: Readonly<Record<string, unknown>>): ForecastQuery {
  const { city, date, units = "celsius", locale = "en" } = input;
  if (typeof city !== "string" || city.trim() === "") throw new ToolFailure("invalid-parameters", "city is missing");
  if (typeof date !== "string" || !isDate(date)) {
    throw new ToolFailure("invalid-parameters", "date is neither today, tomorrow nor a calendar day as YYYY-MM-DD");
  }
  if (units !== "celsius" && units !== "fahrenheit") {
    throw new ToolFailure("invalid-parameters", "units are neither celsius nor fahrenheit");
  }
  if (typeof locale !== "string") throw new ToolFailure("invalid-parameters", "locale is no text");
  return { city: city.trim(), date, units, language: /^[a-z]{2,3}/i.exec(locale)?.[0].toLowerCase() ?? "en" };
}

function isDate(text: string): boolean {
  if (text === "today" || text === "tomorrow") return true;
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const time = new Date(Date.UTC(year, month - 1, day));
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === day;
}
