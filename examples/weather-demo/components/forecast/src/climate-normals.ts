import { decodeUtf8 } from "@greentic/guest";
import { read } from "greentic:host/assets@1.0.0";
import type { Forecast, ForecastQuery } from "./forecast.ts";
import type { Place } from "./open-meteo.ts";
import { climateNote, describeWeather } from "./weather-codes.ts";

/** Monthly normals of one city; twelve values each, January first. */
interface CityNormals {
  readonly city: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
  /** The city's name in other languages. */
  readonly aliases: readonly string[];
  /** Mean daily minimum and maximum, °C. */
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** Days with precipitation. */
  readonly rain_days: readonly number[];
}

const FILE = "assets/climate-normals.json";
const DAY_MS = 86_400_000;

/** Answers with what is usual for the month; undefined where the pack has no normals of the city. */
export function climateNormals(query: ForecastQuery, place: Place | undefined): Forecast | undefined {
  const names = [query.city, place?.name ?? query.city].map(plain);
  const normals = readNormals().find(({ city, aliases }) =>
    [city, ...aliases].some((name) => names.includes(plain(name))),
  );
  if (normals === undefined) return undefined;
  const date = dayAt(query.date, normals.longitude);
  const month = Number(date.slice(5, 7)) - 1;
  const celsius = { min: normals.min[month] ?? 0, max: normals.max[month] ?? 0 };
  const probability = Math.round(((normals.rain_days[month] ?? 0) / 30.4) * 100);
  const code = usualCode(probability, (celsius.min + celsius.max) / 2);
  const degrees = (value: number): number =>
    query.units === "celsius" ? value : Math.round((value * 1.8 + 32) * 10) / 10;
  return {
    city: place?.name ?? normals.city,
    country: place?.country ?? normals.country,
    latitude: normals.latitude,
    longitude: normals.longitude,
    date,
    min: degrees(celsius.min),
    max: degrees(celsius.max),
    units: query.units,
    precipitation_probability: Math.min(100, probability),
    weather_code: code,
    description: describeWeather(code, query.language),
    source: "climate-normals",
    note: climateNote(query.language),
  };
}

function readNormals(): readonly CityNormals[] {
  try {
    return (JSON.parse(decodeUtf8(read(FILE))) as { cities: CityNormals[] }).cities;
  } catch {
    return [];
  }
}

/** Sun time stands in for the time zone, which nobody can be asked for here. */
function dayAt(date: string, longitude: number): string {
  if (date !== "today" && date !== "tomorrow") return date;
  const now = Date.now() + (longitude / 360) * DAY_MS + (date === "tomorrow" ? DAY_MS : 0);
  return new Date(now).toISOString().slice(0, 10);
}

function usualCode(probability: number, meanCelsius: number): number {
  if (probability >= 40) return meanCelsius < 1 ? 71 : 61;
  return probability >= 30 ? 3 : probability >= 20 ? 2 : 1;
}

const plain = (name: string): string =>
  name
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .trim();
