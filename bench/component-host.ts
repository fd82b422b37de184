/** Calls through a component-host process: fresh instances of the weather tool with stubbed requests, latency and throughput. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ProcessComponentHost } from "../src/component/index.ts";
import type { ComponentCall, ComponentGrants, HostServices } from "../src/component/index.ts";
import { DEFAULT_TEAM, envId, tenantId } from "../src/types/index.ts";
import type { TenantCtx } from "../src/types/index.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const DEMO = resolve(import.meta.dirname, "../examples/weather-demo");
const GRANTS: ComponentGrants = {
  http: ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"],
  secrets: [],
  secretsWrite: [],
  state: "none",
  tools: [],
  assets: true,
  oauth: [],
};
const CTX: TenantCtx = {
  env: envId("dev"),
  tenant: tenantId("bench"),
  team: DEFAULT_TEAM,
  traceId: "0".repeat(32),
  correlationId: "bench",
  attempt: 1,
  locale: "en",
};

function answer(url: string): Uint8Array {
  const body = url.includes("geocoding")
    ? {
        results: [
          {
            name: "Jakarta",
            country: "Indonesia",
            country_code: "ID",
            latitude: -6.2,
            longitude: 106.8,
            timezone: "Asia/Jakarta",
          },
        ],
      }
    : {
        daily: {
          time: ["2026-12-24"],
          temperature_2m_max: [31.5],
          temperature_2m_min: [24.1],
          precipitation_probability_max: [40],
          weather_code: [61],
        },
      };
  return new TextEncoder().encode(JSON.stringify(body));
}

const SERVICES: HostServices = {
  http: async (_ctx, { url }) => ({ status: 200, headers: [], body: answer(url) }),
  secret: async () => undefined,
  stateRead: async () => undefined,
  stateWrite: async () => undefined,
  stateDelete: async () => undefined,
  tool: async () => null,
  asset: async () => undefined,
  log: () => undefined,
};

const at = (sorted: readonly number[], share: number): number =>
  Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;

/** Measures one call after another, then 16 at once. */
export async function benchComponentHost(): Promise<readonly Row[]> {
  const bytes = await readFile(join(DEMO, "components/forecast.wasm"));
  await using host = new ProcessComponentHost();
  const startedMs = performance.now();
  const { sha256 } = await host.admit(bytes, GRANTS);
  const admittedMs = performance.now() - startedMs;
  const call = (operation: string): ComponentCall => ({
    sha256,
    component: "forecast",
    operation,
    input: { city: "Jakarta", date: "2026-12-24" },
    grants: GRANTS,
    services: SERVICES,
  });
  const once = async (operation: string): Promise<number> => {
    const beforeMs = performance.now();
    const result = await host.invoke(CTX, call(operation));
    if (result.kind !== "ok") throw new Error(result.error.code);
    return performance.now() - beforeMs;
  };
  const rows: Row[] = [
    {
      subject: "process started, 1.2 MB tool admitted",
      "p50 ms": Math.round(admittedMs),
      "p99 ms": "",
      "per second": "",
    },
  ];
  for (const operation of ["list-tools", "forecast"]) {
    for (let i = 0; i < 50; i++) await once(operation);
    const times: number[] = [];
    for (let i = 0; i < 300; i++) times.push(await once(operation));
    times.sort((a, b) => a - b);
    const beforeMs = performance.now();
    let calls = 0;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (performance.now() - beforeMs < 3_000) {
          await once(operation);
          calls++;
        }
      }),
    );
    rows.push({
      subject:
        operation === "forecast"
          ? "weather tool, fresh instance, two HTTP host calls"
          : "weather tool, fresh instance, no host call",
      "p50 ms": at(times, 0.5),
      "p99 ms": at(times, 0.99),
      "per second": Math.round((calls * 1_000) / (performance.now() - beforeMs)),
    });
  }
  return rows;
}

if (import.meta.main) printTable("Component host", await benchComponentHost());
