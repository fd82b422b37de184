import { expect, test } from "vitest";
import { createGatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { verifies } from "../../test/verifies.ts";

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Described>>>>;

const NAMES: Readonly<Record<string, string>> = { tenant: "demo", channel: "telegram", team: "default", flow: "echo" };

async function document(): Promise<{ readonly openapi: string; readonly paths: Paths; readonly text: string }> {
  const { gateway } = createGatewayFixture({ hasRootDirectLine: true });
  const answer = await gateway.app.request("/openapi.json");
  expect(answer.status).toBe(200);
  const text = await answer.text();
  return { ...(JSON.parse(text) as { readonly openapi: string; readonly paths: Paths }), text };
}

test("/openapi.json describes operations by their own names, with all of their parameters", async () => {
  const { openapi, paths, text } = await document();
  expect(openapi).toMatch(/^3\.1\./);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  for (const { path, operation } of operations) {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path").map(({ name }) => name);
    expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    for (const { description } of Object.values(operation.responses)) expect(description).not.toBe("");
  }
  for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(text).toContain(`"${name}":{`);
});

test("every operation of /openapi.json is served, and answers as it says", async () => {
  verifies("gateway.openapi");
  const { paths } = await document();
  const { gateway } = createGatewayFixture({ hasRootDirectLine: true });
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      const url = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => NAMES[name] ?? "x");
      const body = method === "post" ? { body: "{}", headers: { "content-type": "application/json" } } : {};
      const answer = await gateway.app.request(url, { method: method.toUpperCase(), ...body });
      expect({ path, method, status: Object.keys(responses) }).toMatchObject({
        status: expect.arrayContaining([String(answer.status)]) as unknown,
      });
      // Only what isn't there in this fixture may be missing.
      if (answer.status === 404)
        expect(["/", "/v1/web/{pack}/{tenant}/{path}"].includes(path) || path.endsWith("/stream")).toBe(true);
    }
  }
});
