import { decodeUtf8 } from "@greentic/guest";
import { send } from "greentic:http/http-client@1.1.0";
import type { Forecast, ForecastQuery } from "./forecast.ts";
import { describeWeather } from "./weather-codes.ts";

/** The forecast service can't answer; its message is for people. */
export class ServiceFailure extends Error {}

/** A city as the geocoder knows it. */
export interface Place {
  readonly name: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

const GEOCODING = "https://geocoding-api.open-meteo.com/v1/search";
const FORECAST = "https://api.open-meteo.com/v1/forecast";
const TIMEOUT_MS = 4000;

/** Finds a city by name; undefined where the geocoder knows none. */
export function placeOf(query: ForecastQuery): Place | undefined {
  const answer = get(GEOCODING, { name: query.city, count: "1", language: query.language, format: "json" });
  const results = answer["results"];
  if (!Array.isArray(results) || results.length === 0) return undefined;
  const { name, country, latitude, longitude } = results[0] as Record<string, unknown>;
  if (typeof name !== "string" || typeof latitude !== "number" || typeof longitude !== "number") throw malformed();
  return { name, country: typeof country === "string" ? country : "", latitude, longitude };
}

/** Asks for the weather of one day. The service's own calendar decides what today is there. */
export function forecastOf(place: Place, query: ForecastQuery): Forecast {
  const index = query.date === "tomorrow" ? 1 : 0;
  const isNamed = query.date === "today" || query.date === "tomorrow";
  const answer = get(FORECAST, {
    latitude: String(place.latitude),
    longitude: String(place.longitude),
    daily: "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max",
    timezone: "auto",
    ...(query.units === "fahrenheit" ? { temperature_unit: "fahrenheit" } : {}),
    ...(isNamed ? { forecast_days: "2" } : { start_date: query.date, end_date: query.date }),
  });
  const daily = (answer["daily"] ?? {}) as Record<string, unknown>;
  const pick = (key: string): unknown => (daily[key] as unknown[] | undefined)?.[index];
  const date = pick("time");
  const min = pick("temperature_2m_min");
  const max = pick("temperature_2m_max");
  const code = pick("weather_code");
  const rain = pick("precipitation_probability_max");
  if (typeof date !== "string" || typeof min !== "number" || typeof max !== "number" || typeof code !== "number") {
    throw malformed();
  }
  return {
    city: place.name,
    country: place.country,
    latitude: place.latitude,
    longitude: place.longitude,
    date,
    min,
    max,
    units: query.units,
    precipitation_probability: typeof rain === "number" ? rain : null,
    weather_code: code,
    description: describeWeather(code, query.language),
    source: "open-meteo",
  };
}

function get(base: string, parameters: Record<string, string>): Record<string, unknown> {
  const query = Object.entries(parameters).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  let status: number;
  let body: Uint8Array | null;
  try {
    ({ status, body } = send(
      { method: "GET", url: `${base}?${query.join("&")}`, headers: [["accept", "application/json"]], body: null },
      { timeoutMs: TIMEOUT_MS, allowInsecure: null, followRedirects: null },
      null,
    ));
  } catch (error) {
    const code = (error as { payload?: { code?: unknown } }).payload?.code;
    throw new ServiceFailure(`forecast service: ${typeof code === "string" ? code : "unavailable"}`);
  }
  // 400 is how the service refuses a day beyond its horizon of 16 days.
  if (status === 400) throw new ServiceFailure("forecast service: the day is out of its range");
  if (status !== 200) throw new ServiceFailure(`forecast service: HTTP ${status}`);
  try {
    return JSON.parse(decodeUtf8(body ?? [])) as Record<string, unknown>;
  } catch {
    throw malformed();
  }
}

const malformed = (): ServiceFailure => new ServiceFailure("forecast service: unreadable answer");
