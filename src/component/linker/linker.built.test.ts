import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildComponent } from "../authoring/build-component.ts";
import { newComponent } from "../authoring/new-component.ts";
import { ComponentErr, createWasi, linkComponent, parseComponent, resolveWasi } from "./index.ts";
import type { HostFunction, LinkedComponent } from "./index.ts";
import type { JcoComponent } from "./testing/jco-oracle.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";

const DEMO = resolve(import.meta.dirname, "../../../examples/weather-demo");
const utf8 = new TextEncoder();

interface HttpRequest {
  readonly url: string;
}

/** The one host that both sides call: fixed answers in Open-Meteo's shape, and the demo's own assets. */
function answerHttp({ url }: HttpRequest): unknown {
  const body = url.includes("geocoding")
    ? url.includes("Nowhere")
      ? {}
      : {
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
  return { status: 200, headers: [["content-type", "application/json"]], body: utf8.encode(JSON.stringify(body)) };
}

const CALLS: readonly (readonly [string, string])[] = [
  ["forecast", '{"city":"Jakarta","date":"2026-12-24"}'],
  ["forecast", '{"city":"ジャカルタ","date":"2026-12-24","units":"fahrenheit","locale":"ja"}'],
  ["forecast", '{"city":"Nowhere","date":"2026-12-24"}'],
  ["forecast", '{"city":"","date":"2026-12-24"}'],
  ["forecast", '{"city":"Jakarta","date":"31 February"}'],
  ["forecast", "not json"],
  ["unknown", "{}"],
];

/** What a call came to, success or the record of its error. */
async function told(call: () => unknown): Promise<unknown> {
  try {
    return { ok: await call() };
  } catch (error) {
    if (error instanceof ComponentErr) return { err: error.value };
    const payload = (error as { readonly payload?: unknown }).payload;
    if (payload === undefined) throw error;
    return { err: payload };
  }
}

describe("the weather tool answers every call as under jco with the same host", () => {
  const ROUTER = "wasix:mcp/router@25.6.18";
  let linked: LinkedComponent;
  let jco: JcoComponent;
  let other: Readonly<Record<string, (...args: unknown[]) => unknown>>;

  beforeAll(async () => {
    const { bytes } = await buildComponent(join(DEMO, "components/forecast"));
    const assets = new Map([
      ["assets/climate-normals.json", await readFile(join(DEMO, "assets/climate-normals.json"))],
    ]);
    const read = (path: string): Uint8Array => {
      const file = assets.get(path);
      if (file === undefined) throw new ComponentErr("not found");
      return new Uint8Array(file);
    };
    const own: Readonly<Record<string, HostFunction>> = {
      "greentic:http/http-client@1.1.0": {
        isAsync: false,
        call: (_state, [request]) => answerHttp(request as HttpRequest),
      },
      "greentic:host/assets@1.0.0": { isAsync: false, call: (_state, [path]) => read(path as string) },
    };
    linked = linkComponent(parseComponent(bytes), (ref) => resolveWasi(ref) ?? own[ref.instance ?? ""]);
    jco = await jcoComponent(bytes);
    const instance = await jco.instantiate({
      ...new WASIShim().getImportObject(),
      "greentic:http/http-client": { send: answerHttp },
      "greentic:host/assets": { read },
    });
    other = instance[ROUTER] as typeof other;
  });
  afterAll(() => jco[Symbol.asyncDispose]());

  async function mine(name: string, args: readonly unknown[]): Promise<unknown> {
    using wasi = createWasi({ nowMs: () => Date.UTC(2026, 10, 21), randomBytes: (count) => new Uint8Array(count) });
    return told(() => linked.instantiate({ wasi }).call({ interface: ROUTER, name }, args));
  }

  test("list-tools", async () => {
    expect(await mine("list-tools", [])).toEqual(await told(() => other["listTools"]?.()));
  });

  test.each(CALLS)("call-tool %s %s", async (tool, input) => {
    const answer = await mine("call-tool", [tool, input]);
    expect(answer).toEqual(await told(() => other["callTool"]?.(tool, input)));
    expect(JSON.stringify(answer).length).toBeGreaterThan(10);
  });
});

test("a component of the documented world answers as under jco", async () => {
  const dir = await mkdtemp(join(tmpdir(), "greentic-exec-"));
  try {
    await newComponent(join(dir, "greeter"), { name: "greeter", world: "component" });
    const { bytes } = await buildComponent(join(dir, "greeter"));
    const linked = linkComponent(parseComponent(bytes), resolveWasi);
    await using jco = await jcoComponent(bytes);
    const other = await jco.instantiate(new WASIShim().getImportObject());
    for (const content of ["Ana", "", "東京 🌦", '{"a":[1,2]}', "x".repeat(10_000)]) {
      const message = { id: "1", content, sender: "someone", timestamp: 1_700_000_000_000n };
      using wasi = createWasi({ nowMs: () => 0, randomBytes: (count) => new Uint8Array(count) });
      const answer = await told(() =>
        linked.instantiate({ wasi }).call({ interface: null, name: "execute" }, [message]),
      );
      expect(answer).toEqual(await told(() => (other["execute"] as (input: unknown) => unknown)(message)));
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});
