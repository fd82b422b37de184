import { array, assert, asyncProperty, constantFrom, oneof, property, string, tuple } from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { NO_GRANTS } from "../grants.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { answerRequest } from "./answer-request.ts";
import type { CallScope } from "./call-scope.ts";
import type { HostRequest } from "./host-request.ts";
import { componentKey } from "./state/component-key.ts";

const awkward = oneof(
  string({ unit: "binary", maxLength: 40 }),
  array(constantFrom("a", "/", "%", ":", "%2F", "%kv:", "..", "assets", "\\", "\u0000", "é"), { maxLength: 8 }).map(
    (parts) => parts.join(""),
  ),
);

test("componentKey() gives different keys for different places, and none with a slash", () => {
  const place = oneof(
    awkward.map((key) => ({ key })),
    tuple(awkward, awkward).map(([namespace, key]) => ({ namespace, key })),
  );
  assert(
    property(place, place, (one, other) => {
      const isSame = one.key === other.key && Reflect.get(one, "namespace") === Reflect.get(other, "namespace");
      expect(componentKey(one) === componentKey(other)).toBe(isSame);
      expect(componentKey(one)).not.toContain("/");
    }),
  );
});

test("no state key leaves the component's prefix, and no asset path leaves the assets", async () => {
  const scopeOf = (services: CallScope["services"]): CallScope => ({
    ctx: ctxOf(),
    component: "mine",
    grants: { ...NO_GRANTS, state: "read-write", assets: true },
    services,
  });
  await assert(
    asyncProperty(awkward, awkward, async (key, namespace) => {
      const services = memoryServices();
      const value = new Uint8Array(1);
      await answerRequest({ kind: "state-write", key, value }, scopeOf(services));
      await answerRequest({ kind: "state-write", key, namespace, value }, scopeOf(services));
      for (const kept of services.state.keys()) expect(kept).toMatch(/^mine\/[^/]+$/);
    }),
  );
  await assert(
    asyncProperty(awkward, async (path) => {
      const asked: string[] = [];
      const asset = async (name: string): Promise<undefined> => void asked.push(name);
      await answerRequest({ kind: "asset", path }, scopeOf({ ...memoryServices(), asset }));
      await answerRequest({ kind: "asset", path: `assets/${path}` }, scopeOf({ ...memoryServices(), asset }));
      for (const name of asked) expect(new URL(name, "pack://p/").pathname).toMatch(/^\/assets\/[A-Za-z0-9._/-]+$/);
    }),
  );
});

const EVERY: readonly HostRequest[] = [
  {
    kind: "http",
    method: "GET",
    url: "https://a.test/",
    headers: [],
    body: undefined,
    timeoutMs: 1,
    followRedirects: true,
  },
  { kind: "secret", name: "granted" },
  { kind: "secret-write", name: "granted", value: new Uint8Array(1) },
  { kind: "state-read", key: "k" },
  { kind: "state-write", key: "k", value: new Uint8Array(1) },
  { kind: "state-delete", key: "k" },
  { kind: "tool", name: "allowed", inputJson: "{}" },
  { kind: "asset", path: "assets/a.txt" },
  { kind: "asset-list" },
  { kind: "oauth-token", provider: "granted", subject: "s", scopes: [] },
  { kind: "oauth-exchange", provider: "granted", subject: "s", code: "c", redirectPath: "/" },
  { kind: "oauth-consent", provider: "granted", subject: "s", scopes: [], redirectPath: "/", extraJson: "" },
];

test.each(EVERY)("$kind is denied without its grant, and no service is asked", async (request) => {
  verifies("component.imports");
  const services = new Proxy(memoryServices(), {
    get: (_target, name) => {
      // Who is told of a denial does nothing for the guest.
      if (name === "secretDenied") return undefined;
      throw new TypeError(`service ${String(name)} was reached`);
    },
  });
  const answer = await answerRequest(request, { ctx: ctxOf(), component: "c", grants: NO_GRANTS, services });
  expect(answer).toMatchObject({ kind: "fault", code: "denied" });
});

test("a process that was taken over gets no further with requests of no kind, or with fields of other types", async () => {
  const { asked, ...services } = memoryServices();
  const scope: CallScope = {
    ctx: ctxOf(),
    component: "c",
    grants: { ...NO_GRANTS, secrets: ["s"], secretsWrite: ["s"], state: "read-write", assets: true, oauth: ["p"] },
    services: { ...services, secretWrite: async () => undefined, assetList: async () => [] },
  };
  const forged: readonly unknown[] = [
    { kind: "none" },
    { kind: "__proto__" },
    { kind: "secret", name: { toString: () => "s" } },
    { kind: "secret-write", name: "s", value: "text" },
    { kind: "state-write", key: "k", value: { byteLength: 1 } },
    { kind: "state-read", key: ["k"] },
    { kind: "asset", path: ["assets/a.txt"] },
    { kind: "config", key: 1 },
    { kind: "oauth-token", provider: "p", subject: {}, scopes: "all" },
  ];
  for (const request of forged) {
    expect(await answerRequest(request as HostRequest, scope)).toMatchObject({ kind: "fault" });
  }
  expect(asked).toEqual([]);
});

test("assets are listed by their own paths alone, and given up to 16 MiB", async () => {
  const size = 16 << 20;
  const services = {
    ...memoryServices(),
    assetList: async () => [
      { path: "assets/a.txt", sizeBytes: 1 },
      { path: "components/a.wasm", sizeBytes: 1 },
      { path: "assets/../manifest.cbor", sizeBytes: 1 },
    ],
    asset: async (path: string) => new Uint8Array(path === "assets/large" ? size + 1 : size),
  };
  const scope: CallScope = { ctx: ctxOf(), component: "c", grants: { ...NO_GRANTS, assets: true }, services };
  expect(await answerRequest({ kind: "asset-list" }, scope)).toEqual({
    kind: "ok",
    value: [{ path: "assets/a.txt", sizeBytes: 1 }],
  });
  expect(await answerRequest({ kind: "asset", path: "assets/largest" }, scope)).toMatchObject({ kind: "ok" });
  expect(await answerRequest({ kind: "asset", path: "assets/large" }, scope)).toMatchObject({ code: "invalid" });
});
