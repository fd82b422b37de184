// Stands in for Open-Meteo on loopback: the same two paths and response shapes, values that depend on city and date alone.
//   node examples/weather-demo/open-meteo-stand-in.ts [port]
//   GREENTIC_HTTP_REWRITE=https://geocoding-api.open-meteo.com=http://127.0.0.1:PORT,https://api.open-meteo.com=http://127.0.0.1:PORT
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface City {
  readonly id: number;
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly country_code: string;
  readonly country: string;
  readonly timezone: string;
  readonly names: readonly string[];
}

const CITIES: readonly City[] = [
  {
    id: 1850147,
    name: "Tokyo",
    latitude: 35.6895,
    longitude: 139.69171,
    country_code: "JP",
    country: "Japan",
    timezone: "Asia/Tokyo",
    names: ["東京"],
  },
  {
    id: 1853909,
    name: "Osaka",
    latitude: 34.69379,
    longitude: 135.50107,
    country_code: "JP",
    country: "Japan",
    timezone: "Asia/Tokyo",
    names: ["大阪"],
  },
  {
    id: 1642911,
    name: "Jakarta",
    latitude: -6.21462,
    longitude: 106.84513,
    country_code: "ID",
    country: "Indonesia",
    timezone: "Asia/Jakarta",
    names: [],
  },
  {
    id: 3117735,
    name: "Madrid",
    latitude: 40.4165,
    longitude: -3.70256,
    country_code: "ES",
    country: "Spain",
    timezone: "Europe/Madrid",
    names: [],
  },
  {
    id: 3128760,
    name: "Barcelona",
    latitude: 41.38879,
    longitude: 2.15899,
    country_code: "ES",
    country: "Spain",
    timezone: "Europe/Madrid",
    names: [],
  },
  {
    id: 2643743,
    name: "London",
    latitude: 51.50853,
    longitude: -0.12574,
    country_code: "GB",
    country: "United Kingdom",
    timezone: "Europe/London",
    names: ["Londres"],
  },
  {
    id: 2988507,
    name: "Paris",
    latitude: 48.85341,
    longitude: 2.3488,
    country_code: "FR",
    country: "France",
    timezone: "Europe/Paris",
    names: ["París"],
  },
  {
    id: 2950159,
    name: "Berlin",
    latitude: 52.52437,
    longitude: 13.41053,
    country_code: "DE",
    country: "Germany",
    timezone: "Europe/Berlin",
    names: [],
  },
  {
    id: 5128581,
    name: "New York",
    latitude: 40.71427,
    longitude: -74.00597,
    country_code: "US",
    country: "United States",
    timezone: "America/New_York",
    names: ["NYC"],
  },
  {
    id: 3530597,
    name: "Mexico City",
    latitude: 19.42847,
    longitude: -99.12766,
    country_code: "MX",
    country: "Mexico",
    timezone: "America/Mexico_City",
    names: ["Ciudad de México"],
  },
];
const CODES = [0, 1, 2, 3, 45, 61, 63, 80, 95];
const DAY_MS = 86_400_000;

/** What the stand-in answers to everything where it plays a failure. */
export interface StandInOptions {
  /** 0 takes a free port. */
  readonly port?: number;
  /** An HTTP status that every request gets. */
  readonly failWith?: number;
  /** The moment that counts as now; default the machine's. */
  readonly nowMs?: () => number;
}

/** A running stand-in; whoever started it ends it. */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** Paths with queries that were asked for. */
  readonly requests: readonly string[];
}

/** Starts the stand-in on loopback. */
export async function startOpenMeteoStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? "");
    const { status, body } = answer(new URL(request.url ?? "/", "http://stand-in"), options);
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What the stand-in says of a day: the same for the same place, ever. */
export function dayAt(latitude: number, longitude: number, date: string): Record<string, number> {
  const seed = createHash("sha256")
    .update(`${latitude.toFixed(2)},${longitude.toFixed(2)},${date}`)
    .digest();
  const middle = 28 - Math.abs(latitude) * 0.4 + ((seed[0] ?? 0) / 255) * 8 - 4;
  const spread = 3 + ((seed[1] ?? 0) / 255) * 5;
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return {
    weather_code: CODES[(seed[2] ?? 0) % CODES.length] ?? 0,
    temperature_2m_min: rounded(middle - spread),
    temperature_2m_max: rounded(middle + spread),
    precipitation_probability_max: (seed[3] ?? 0) % 101,
  };
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

function answer(url: URL, options: StandInOptions): Answer {
  if (options.failWith !== undefined) return refuse(options.failWith, "The stand-in plays a failure");
  if (url.pathname === "/v1/search") return search(url.searchParams);
  if (url.pathname === "/v1/forecast") return forecast(url.searchParams, options.nowMs ?? Date.now);
  return refuse(404, "Not Found");
}

function search(query: URLSearchParams): Answer {
  const name = query.get("name")?.trim().toLowerCase() ?? "";
  if (name === "") return refuse(400, "Parameter 'name' must be set");
  const hits = CITIES.filter((city) => [city.name, ...city.names].some((known) => known.toLowerCase() === name));
  const count = Number(query.get("count") ?? "10");
  const isJapanese = query.get("language") === "ja";
  const results = hits.slice(0, count).map(({ names, ...city }) => ({
    ...city,
    ...(isJapanese && names[0] !== undefined ? { name: names[0] } : {}),
    elevation: 40,
    feature_code: "PPLC",
  }));
  // As the service does: no hits, no key.
  return { status: 200, body: { ...(results.length > 0 ? { results } : {}), generationtime_ms: 0.5 } };
}

function forecast(query: URLSearchParams, nowMs: () => number): Answer {
  const latitude = Number(query.get("latitude") ?? Number.NaN);
  const longitude = Number(query.get("longitude") ?? Number.NaN);
  if (Number.isNaN(latitude) || Number.isNaN(longitude))
    return refuse(400, "Parameter 'latitude' and 'longitude' must be set");
  const nearest = CITIES.toSorted((a, b) => distance(a, latitude, longitude) - distance(b, latitude, longitude))[0];
  const timezone = query.get("timezone") === "auto" ? (nearest?.timezone ?? "GMT") : "GMT";
  const today = Date.parse(new Intl.DateTimeFormat("en-CA", { timeZone: timezone }).format(nowMs()));
  const first = Date.parse(query.get("start_date") ?? "") || today;
  const last =
    Date.parse(query.get("end_date") ?? "") || first + (Number(query.get("forecast_days") ?? "7") - 1) * DAY_MS;
  if (first < today - 92 * DAY_MS || last > today + 15 * DAY_MS || last < first) {
    const range = `${isoDay(today - 92 * DAY_MS)} to ${isoDay(today + 15 * DAY_MS)}`;
    return refuse(400, `Parameter 'start_date' is out of allowed range from ${range}`);
  }
  const time = Array.from({ length: Math.round((last - first) / DAY_MS) + 1 }, (_, index) =>
    isoDay(first + index * DAY_MS),
  );
  const unit = query.get("temperature_unit") === "fahrenheit" ? "°F" : "°C";
  const variables = (query.get("daily") ?? "").split(",").filter((name) => name !== "");
  const days = time.map((date) => dayAt(latitude, longitude, date));
  const convert = (name: string, value: number): number =>
    unit === "°F" && name.startsWith("temperature") ? Math.round((value * 1.8 + 32) * 10) / 10 : value;
  const daily = Object.fromEntries(variables.map((name) => [name, days.map((day) => convert(name, day[name] ?? 0))]));
  const unitOf = (name: string): string =>
    name.startsWith("temperature") ? unit : name.startsWith("precipitation") ? "%" : "wmo code";
  return {
    status: 200,
    body: {
      latitude,
      longitude,
      generationtime_ms: 0.1,
      utc_offset_seconds: 0,
      timezone,
      timezone_abbreviation: timezone,
      elevation: 40,
      daily_units: { time: "iso8601", ...Object.fromEntries(variables.map((name) => [name, unitOf(name)])) },
      daily: { time, ...daily },
    },
  };
}

const refuse = (status: number, reason: string): Answer => ({ status, body: { error: true, reason } });
const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const distance = (city: City, latitude: number, longitude: number): number =>
  Math.hypot(city.latitude - latitude, city.longitude - longitude);

if (import.meta.main) {
  const { url } = await startOpenMeteoStandIn({ port: Number(process.argv[2] ?? "0") });
  process.stdout.write(`${url}\n`);
}
