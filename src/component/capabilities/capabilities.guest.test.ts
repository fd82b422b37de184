import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError } from "../../types/index.ts";
import { testComponent } from "../authoring/test-component.ts";
import type { ComponentGrants } from "../grants.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentHost, HostServices } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { ProcessComponentHost } from "../process/process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { buildOwnWorld } from "../testing/own-world.ts";

const IMPORTS = [
  "greentic:secrets-store/secrets-store@1.1.0",
  "greentic:host/kv-v1@1.0.0",
  "greentic:host/http-v1@1.0.0",
  "greentic:oauth-broker/broker-v1@1.0.0",
  "greentic:runtime-config/runtime-config@1.0.0",
  "greentic:component/control@0.6.0",
  "greentic:telemetry/logger-api@1.0.0",
];
const SOURCE = `
import { get as secret, put as putSecret } from "greentic:secrets-store/secrets-store@1.1.0";
import * as kv from "greentic:host/kv-v1@1.0.0";
import { request } from "greentic:host/http-v1@1.0.0";
import * as oauth from "greentic:oauth-broker/broker-v1@1.0.0";
import { get as config } from "greentic:runtime-config/runtime-config@1.0.0";
import { shouldCancel, yieldNow } from "greentic:component/control@0.6.0";
import { log } from "greentic:telemetry/logger-api@1.0.0";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";
const acts: Record<string, (argument: any) => unknown> = {
  secret: (name) => thrown(() => { const value = secret(name); return value === null ? null : decodeUtf8(value); }),
  put: ([name, value]) => putSecret(name, encodeUtf8(value)),
  kvGet: ([ns, key]) => kv.get(ns, key),
  kvPut: ([ns, key, value]) => kv.put(ns, key, value),
  http: ([url, headers]) => thrown(() => decodeUtf8(request("GET", url, headers, null))),
  token: ([provider, scopes]) => oauth.getToken(provider, "me", scopes),
  consent: ([provider, path, extra]) => oauth.getConsentUrl(provider, "me", ["a"], path, extra),
  exchange: ([provider, code]) => oauth.exchangeCode(provider, "me", code, "/callback"),
  config: (key) => thrown(() => config(key)),
  work: () => { let rounds = 0; while (!shouldCancel()) { rounds++; yieldNow(); } return rounds > 1000; },
  cancel: () => shouldCancel(),
  log: ([span, fields]) => log(span, fields, null),
};`;

let guest: { readonly bytes: Uint8Array; readonly sha256: string };
beforeAll(async () => {
  guest = await buildOwnWorld(IMPORTS, SOURCE);
}, 60_000);

const GRANTS: ComponentGrants = {
  ...NO_GRANTS,
  http: ["http://127.0.0.1"],
  secrets: ["api_key", "none_yet"],
  secretsWrite: ["refresh_token"],
  state: "read-write",
  oauth: ["msgraph"],
};

interface Recorded extends HostServices {
  readonly asked: string[];
  readonly state: Map<string, Uint8Array>;
}

function services(): Recorded {
  const memory = memoryServices();
  const { asked } = memory;
  return {
    ...memory,
    secret: async (ctx, name) => (name === "none_yet" ? undefined : Buffer.from(`${name} of ${ctx.tenant}`)),
    secretWrite: async (ctx, name, value) =>
      void asked.push(`${ctx.tenant} writes ${name}=${Buffer.from(value).toString()}`),
    config: async (_ctx, key) => ({ limit: 3, nested: { a: [true] } })[key],
    oauth: {
      consentUrl: async (ctx, request) => `https://login.test/${ctx.tenant}?${JSON.stringify(request)}`,
      exchange: async (_ctx, { code }) => {
        if (code === "used") throw new GreenticError("HTTP_UNAVAILABLE", "Exchange: used");
        return { access_token: `for ${code}` };
      },
      token: async (ctx, { scopes }) =>
        scopes.includes("none") ? undefined : { access_token: `of ${ctx.tenant}`, expires_at: 1 },
    },
  };
}

describe.each([
  ["ProcessComponentHost", () => new ProcessComponentHost({ poolSize: 1 })],
  ["InProcessComponentHost", () => new InProcessComponentHost()],
] satisfies [string, () => ComponentHost][])("%s", (_name, make) => {
  let host: ComponentHost;
  beforeAll(async () => {
    host = make();
    await host.admit(guest.bytes, GRANTS);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const call = async (
    act: string,
    argument: JsonValue,
    {
      tenant = "acme",
      timeoutMs = 5000,
      ...extra
    }: Partial<{ tenant: string; timeoutMs: number; services: HostServices; grants: ComponentGrants }> = {},
  ): Promise<unknown> => {
    const result = await host.invoke(ctxOf(tenant), {
      sha256: guest.sha256,
      component: "guest",
      operation: "execute",
      input: { content: JSON.stringify({ act, argument }) },
      grants: extra.grants ?? GRANTS,
      services: extra.services ?? services(),
      timeoutMs,
    });
    return result.kind === "ok" ? result.output : result.error;
  };

  test.each(IMPORTS.slice(0, 4))("admit() refuses %s without its grant, by name", async (name) => {
    const taken = {
      "greentic:secrets-store": { secrets: [], secretsWrite: [] },
      "greentic:oauth-broker": { oauth: [] },
    };
    const grants = name.includes("kv-v1")
      ? { state: "none" as const }
      : name.includes("http-v1")
        ? { http: [] }
        : taken[name.split("/")[0] as keyof typeof taken];
    await expect(host.admit(guest.bytes, { ...GRANTS, ...grants })).rejects.toMatchObject({
      code: "COMPONENT_IMPORT_UNGRANTED",
      details: { import: name },
    });
  });

  test("secrets: granted, missing, denied and unnameable are told apart", async () => {
    expect(await call("secret", "api_key", { tenant: "beta" })).toBe("api_key of beta");
    expect(await call("secret", "API-KEY")).toBe("api_key of acme");
    expect(await call("secret", "none_yet")).toBe(null);
    expect(await call("secret", "other")).toEqual({ thrown: "denied" });
    expect(await call("secret", "refresh_token")).toEqual({ thrown: "denied" });
    for (const name of ["", " ", "a\u0000b", "x".repeat(129)]) {
      expect(await call("secret", name)).toEqual({ thrown: "invalid-key" });
    }
    const broken = { ...services(), secret: () => Promise.reject(new Error("backend: password=hunter2")) };
    expect(await call("secret", "api_key", { services: broken })).toEqual({ thrown: "internal" });
  });

  test("secrets are written where that was granted, and a refusal stops the guest", async () => {
    const recorded = services();
    expect(await call("put", ["refresh_token", "v1"], { services: recorded })).toBe(null);
    expect(recorded.asked).toEqual(["acme writes refresh_token=v1"]);
    const refusal = { code: "COMPONENT_REQUEST_DENIED", retryable: false };
    expect(await call("put", ["api_key", "v"], { services: recorded })).toMatchObject(refusal);
    expect(await call("put", ["refresh_token", "x".repeat(70_000)], { services: recorded })).toMatchObject(refusal);
    const { secretWrite: _none, ...readOnly } = services();
    expect(await call("put", ["refresh_token", "v"], { services: readOnly })).toMatchObject(refusal);
    const down = { ...services(), secretWrite: () => Promise.reject(new GreenticError("HTTP_UNAVAILABLE", "down")) };
    expect(await call("put", ["refresh_token", "v"], { services: down })).toMatchObject({
      code: "COMPONENT_REQUEST_FAILED",
      retryable: true,
    });
    expect(recorded.asked).toHaveLength(1);
  });

  test("key-value: kept by namespace under the component's own prefix", async () => {
    const recorded = services();
    const extra = { services: recorded };
    await call("kvPut", ["a", "b:c", "1"], extra);
    await call("kvPut", ["a:b", "c", "2"], extra);
    expect(await call("kvGet", ["a", "b:c"], extra)).toBe("1");
    expect(await call("kvGet", ["a:b", "c"], extra)).toBe("2");
    expect(await call("kvGet", ["a", "none"], extra)).toBe(null);
    expect([...recorded.state.keys()]).toEqual(["guest/%kv:a:b:c", "guest/%kv:a%3Ab:c"]);
    const reading = { ...GRANTS, state: "read" as const };
    expect(await call("kvPut", ["a", "k", "v"], { ...extra, grants: reading })).toMatchObject({
      code: "COMPONENT_REQUEST_DENIED",
    });
    expect(recorded.state.size).toBe(2);
  });

  test("http-v1 goes to granted origins", async () => {
    expect(await call("http", ["http://127.0.0.1/x", ["accept", "text/plain", "dangling"]])).toBe("answered");
    expect(await call("http", ["http://evil.test/", []])).toEqual({
      thrown: "denied: HTTP_ORIGIN_DENIED: Send: denied",
    });
  });

  test("oauth: tokens of granted providers; an empty text for everything else", async () => {
    expect(await call("token", ["msgraph", ["mail"]])).toBe('{"access_token":"of acme","expires_at":1}');
    expect(await call("token", ["msgraph", ["mail"]], { tenant: "beta" })).toContain("of beta");
    expect(await call("token", ["google", ["mail"]])).toBe("");
    expect(await call("token", ["msgraph", ["none"]])).toBe("");
    expect(await call("token", ["msgraph", Array.from({ length: 65 }, () => "s")])).toBe("");
    expect(await call("exchange", ["msgraph", "fresh"])).toBe('{"access_token":"for fresh"}');
    expect(await call("exchange", ["msgraph", "used"])).toBe("");
    expect(await call("consent", ["msgraph", "/callback", '{"prompt":"login"}'])).toContain('"prompt":"login"');
    for (const path of ["//evil.test", "/\\evil.test", "https://evil.test", "callback", "/a b", ""]) {
      expect(await call("consent", ["msgraph", path, ""])).toBe("");
    }
    expect(await call("consent", ["msgraph", "/callback", "[1]"])).toBe("");
    const { oauth: _none, ...without } = services();
    expect(await call("token", ["msgraph", []], { services: without })).toBe("");
  });

  test("configuration is given as JSON", async () => {
    expect(await call("config", "limit")).toBe("3");
    expect(await call("config", "nested")).toBe('{"a":[true]}');
    expect(await call("config", "none")).toBe(null);
    expect(await call("config", " ")).toEqual({ thrown: "invalid-key" });
  });

  test("a guest that asks leaves before it would be stopped, however often it asks", async () => {
    expect(await call("cancel", null)).toBe(false);
    expect(await call("work", null, { timeoutMs: 600 })).toBe(true);
  });

  test("log lines hold fields and span, bounded, and nothing forged", async () => {
    const recorded = services();
    const span = {
      tenant: "forged",
      sessionId: "s",
      flowId: "f\nf",
      nodeId: null,
      provider: "p",
      startMs: null,
      endMs: null,
    };
    const fields = [
      ["level", "WARNING"],
      ["a b=\u001b[31m", "x"],
      ["long", "y".repeat(5000)],
    ];
    const bomb = Array.from({ length: 100 }, (_, index) => [`k${index}`, "v"]);
    await call("log", [span, [...fields, ...bomb]], { services: recorded });
    const [line = ""] = recorded.asked;
    expect(line).toMatch(
      /^acme warn a_b___31m=x long=y+… k0=v .* and 38 more fields span\.flow=f f span\.provider=p span\.session=s$/,
    );
    expect(line).not.toContain("forged");
    expect(line).not.toContain("k62=");
  });
});

test("testComponent() gives a component the configuration that its test has", async () => {
  const input = { content: JSON.stringify({ act: "config", argument: "limit" }) };
  const report = await testComponent(guest.bytes, { operation: "execute", input, config: { limit: 3 } });
  expect(report).toMatchObject({ ok: true, output: "3" });
});
