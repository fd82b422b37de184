import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayAt, startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import type { StandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import type { BuiltComponent, ComponentGrants, HostServices } from "../component/index.ts";
import { buildComponent, ProcessComponentHost } from "../component/index.ts";
import { parseHttpRewrites, sendHttp } from "../http/index.ts";
import type { JsonObject, JsonValue, TenantCtx, World } from "../types/index.ts";
import { envId, GreenticError, teamId, tenantId } from "../types/index.ts";
import { parseToolMap } from "./tool-map.ts";
import { Tools } from "./tools.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/weather-demo");
const MAP = `{ "tools": [
  { "name": "weather.forecast", "component": "forecast", "max_retries": 1, "retry_backoff_ms": 1 },
  { "name": "weather.lost", "component": "lost" },
  { "name": "weather.other", "component": "forecast" }
] }`;
const CTX: TenantCtx = {
  env: envId("test"),
  tenant: tenantId("demo"),
  team: teamId("default"),
  traceId: "0".repeat(32),
  correlationId: "c",
  attempt: 1,
  locale: "en",
};
const WORLD: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes: (size) => randomBytes(size),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
const NOW = Date.parse("2026-11-20T20:00:00Z");

let built: BuiltComponent;
let host: ProcessComponentHost;
let tools: Tools;
let standIn: StandIn;
beforeAll(async () => {
  built = await buildComponent(join(EXAMPLE, "components/forecast"));
  host = new ProcessComponentHost({ poolSize: 1 });
  standIn = await startOpenMeteoStandIn({ nowMs: () => NOW });
  const { grants } = built.source;
  const { sha256 } = await host.admit(built.bytes, grants);
  tools = toolsWith(sha256, grants);
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const toolsWith = (sha256: string, grants: ComponentGrants): Tools =>
  new Tools(parseToolMap(MAP, "toolmap.json"), {
    world: WORLD,
    host,
    componentOf: (name) => (name === "forecast" ? { sha256, name, grants } : undefined),
  });

/** Real HTTP to the stand-in, the pack's real asset. */
function services(url: string | undefined): HostServices {
  const origins = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"];
  const rewrites =
    url === undefined ? [] : parseHttpRewrites(origins.map((from) => `${from}=${url}`).join(","), "test");
  const refuse = (): never => {
    throw new GreenticError("STORE_UNAVAILABLE", "Not for this test: unavailable");
  };
  return {
    http: async (_ctx, request) => {
      if (url === undefined) throw new GreenticError("HTTP_UNAVAILABLE", "Send: no network");
      return sendHttp(request, { rewrites });
    },
    asset: (path) => readFile(join(EXAMPLE, path)),
    secret: refuse,
    stateRead: refuse,
    stateWrite: refuse,
    stateDelete: refuse,
    tool: refuse,
    log: () => undefined,
  };
}

const forecast = async (input: JsonValue, url: string | undefined = standIn.url): Promise<JsonObject> => {
  const result = await tools.call(CTX, { tool: "weather.forecast", input, services: services(url) });
  return (result.kind === "ok" ? result.result : { ...(result.kind === "error" && result.error) }) as JsonObject;
};

describe("the weather tool", () => {
  test("stays small and is what its map says", async () => {
    expect(built.bytes.byteLength).toBeLessThan(1_200_000);
    const map = parseToolMap(`{ "tools": [{ "name": "weather.forecast", "component": "forecast" }] }`, "t.json");
    const { sha256, source } = built;
    const only = new Tools(map, {
      world: WORLD,
      host,
      componentOf: (name) => ({ sha256, name, grants: source.grants }),
    });
    expect(await only.list(CTX, services(undefined))).toMatchObject([
      { name: "weather.forecast", component: "forecast", entry: "forecast", title: "Weather forecast", readOnly: true },
    ]);
  });

  test("gives the forecast of a day", async () => {
    const day = dayAt(35.6895, 139.69171, "2026-11-25");
    expect(await forecast({ city: "Tokyo", date: "2026-11-25" })).toEqual({
      city: "Tokyo",
      country: "Japan",
      latitude: 35.6895,
      longitude: 139.69171,
      date: "2026-11-25",
      min: day["temperature_2m_min"],
      max: day["temperature_2m_max"],
      units: "celsius",
      precipitation_probability: day["precipitation_probability_max"],
      weather_code: day["weather_code"],
      description: expect.any(String) as string,
      source: "open-meteo",
    });
  });

  test("knows today and tomorrow as the city's calendar has them", async () => {
    expect(await forecast({ city: "東京", date: "today", locale: "ja-JP" })).toMatchObject({
      date: "2026-11-21",
      city: "東京",
    });
    expect(await forecast({ city: "Tokyo", date: "tomorrow" })).toMatchObject({ date: "2026-11-22" });
    expect(await forecast({ city: "New York", date: "today" })).toMatchObject({ date: "2026-11-20" });
    const celsius = await forecast({ city: "Madrid", date: "today" });
    const fahrenheit = await forecast({ city: "Madrid", date: "today", units: "fahrenheit" });
    expect(fahrenheit["min"]).toBeCloseTo((celsius["min"] as number) * 1.8 + 32, 0);
  });

  test("falls back on climate normals, and says so", async () => {
    for (const city of ["Jakarta", "madrid", "São Paulo", "東京", "Mexico City"]) {
      expect(await forecast({ city, date: "2026-07-01" }, "http://127.0.0.1:1")).toMatchObject({
        date: "2026-07-01",
        source: "climate-normals",
        note: "Usual values for the month, not a forecast (forecast service: unavailable)",
      });
    }
    expect(await forecast({ city: "Tokyo", date: "2027-08-01" })).toMatchObject({
      source: "climate-normals",
      max: 31.3,
      note: expect.stringContaining("out of its range") as string,
    });
  });

  test("falls back where the service fails", async () => {
    await using broken = await startOpenMeteoStandIn({ failWith: 500 });
    expect(await forecast({ city: "Berlin", date: "2026-12-24", locale: "de" }, broken.url)).toMatchObject({
      source: "climate-normals",
      note: "Übliche Werte des Monats, keine Vorhersage (forecast service: HTTP 500)",
    });
  });

  test("has no answer for cities that nobody knows", async () => {
    expect(await forecast({ city: "Atlantis", date: "today" })).toMatchObject({ code: "not-found", retryable: false });
    expect(await forecast({ city: "Smallville", date: "today" }, "http://127.0.0.1:1")).toMatchObject({
      code: "not-found",
      message: 'No forecast and no climate normals for "Smallville"',
    });
  });

  test("refuses what isn't a question for it", async () => {
    expect(await forecast({ city: "Tokyo", date: "2026-02-30" })).toMatchObject({ code: "invalid-parameters" });
    await expect(forecast({ city: "Tokyo" })).rejects.toMatchObject({ code: "MCP_INPUT_INVALID" });
    await expect(forecast({ city: "Tokyo", date: "today", more: 1 })).rejects.toMatchObject({
      code: "MCP_INPUT_INVALID",
    });
    const call = { input: {}, services: services(undefined) };
    await expect(tools.call(CTX, { ...call, tool: "nope" })).rejects.toMatchObject({ code: "MCP_TOOL_UNKNOWN" });
    await expect(tools.call(CTX, { ...call, tool: "weather.other" })).rejects.toMatchObject({
      code: "MCP_TOOL_UNKNOWN",
    });
    await expect(tools.call(CTX, { ...call, tool: "weather.lost" })).rejects.toMatchObject({
      code: "MCP_COMPONENT_UNKNOWN",
    });
  });
});
