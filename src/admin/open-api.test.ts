import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { openFileTexts } from "../files/index.ts";
import { verifies } from "../../test/verifies.ts";
import { adminOpenApi } from "./open-api.ts";
import { problemSchema } from "./problem.ts";
import { routeTable } from "./route-table.ts";
import { AdminTokens } from "./tokens/admin-tokens.ts";

const tokens = new AdminTokens({
  kept: openFileTexts("/nowhere").of("admin-tokens"),
  usedFile: "/nowhere/used.json",
  world: { nowMs: () => 0, randomBytes: (size) => new Uint8Array(size) },
});
const routes = routeTable({ tokens, maxPackBytes: 1, document: () => ({}) });

test("adminOpenApi() describes every route under its own name, with what its path names and what it answers", () => {
  verifies("admin.openapi");
  const document = adminOpenApi(routes, { version: "1.0.0" });
  expect(document["openapi"]).toMatch(/^3\.1\.\d$/);
  expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { "date-time": true } });
  for (const route of routes) {
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    // Who is for a tenant names it first, and nobody else names one.
    expect([route.id, inPath.includes("tenant")]).toEqual([route.id, route.scope === "tenant"]);
    expect(new Set(inPath.filter((name) => name !== "tenant"))).toEqual(new Set(Object.keys(route.params ?? {})));
    expect(new Set(inPath).size).toBe(inPath.length);
    expect(route.action).toMatch(/^[a-z-]+\.[a-z-]+$/);
    // What changes something is never a GET, which pages elsewhere could have a browser send.
    expect([route.id, route.method === "GET"]).toEqual([route.id, route.effect !== "change"]);
    expect([route.id, route.answer.status === 204]).toEqual([route.id, route.answer.schema === undefined]);
    const schemas = [route.answer.schema, ...Object.values(route.params ?? {}), ...Object.values(route.query ?? {})];
    if (route.body?.kind === "json") schemas.push(route.body.schema);
    for (const schema of schemas) if (schema !== undefined) expect(() => ajv.compile(schema)).not.toThrow();
  }
  expect(() => ajv.compile(problemSchema)).not.toThrow();
  const text = JSON.stringify(document);
  for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(text).toContain(`"${name}":{`);
});
