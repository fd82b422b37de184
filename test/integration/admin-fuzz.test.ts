import fc from "fast-check";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv";
import { expect, test } from "vitest";
import type { Seeded } from "../stand-ins/admin-host.ts";
import { GRANTED, openAdminHost } from "../stand-ins/admin-host.ts";
import { verifies } from "../verifies.ts";

/** As many requests as GREENTIC_ADMIN_FUZZ says; a run of 100,000 takes some minutes. */
const REQUESTS = Number(process.env["GREENTIC_ADMIN_FUZZ"] ?? 2_000);
const SEED = Number(process.env["GREENTIC_ADMIN_FUZZ_SEED"] ?? 37);

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const HOSTILE = [
  "",
  " ",
  ".",
  "..",
  "../../etc/passwd",
  "%2e%2e%2f",
  "%",
  "%00",
  "%ff",
  "%ED%A0%80",
  "*",
  "acme/../globex",
  "acme%2Fglobex",
  "__proto__",
  "constructor",
  "null",
  "-1",
  "1e309",
  "9007199254740993",
  "\u0000",
  "\ud800",
  "\u202e",
  "ａcme",
  "ACME",
  "'; DROP TABLE sessions; --",
  "{{7*7}}",
  "${jndi:ldap://x}",
  "A".repeat(5_000),
  "test:acme:default:webchat:c1:u1",
  "test:globex:default:webchat:c1:%2B",
  "::::::",
  "a:b:c:d:e:f",
];
const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ maxLength: 30 }),
);
const anything = fc.oneof(hostile, fc.jsonValue({ maxDepth: 4 }), fc.double(), fc.maxSafeInteger());

type Known = Readonly<Record<string, readonly string[]>>;

/** What a schema allows, now and then what it doesn't. */
function valuesOf(schema: Schema, known: Known, name = ""): fc.Arbitrary<unknown> {
  const base = plainValues(schema, known, name);
  return fc.oneof({ weight: 8, arbitrary: base }, { weight: 1, arbitrary: anything });
}

function plainValues(schema: Schema, known: Known, name = ""): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => plainValues(one, known, name)));
  switch (schema.type) {
    case "integer":
      return fc.integer({ min: schema.minimum ?? -10, max: schema.maximum ?? 1_000 });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(valuesOf(schema.items ?? {}, known), { maxLength: 4 });
    case "object":
      return fc
        .record(
          Object.fromEntries(
            Object.entries(schema.properties ?? {}).map(([name, one]) => [name, valuesOf(one, known, name)]),
          ),
          {
            requiredKeys: [...(schema.required ?? [])],
          },
        )
        .chain((value) =>
          fc.oneof(
            { weight: 9, arbitrary: fc.constant(value) },
            { weight: 1, arbitrary: fc.constant({ ...value, more: 1 }) },
          ),
        );
    default: {
      const fits = (known[name] ?? []).filter(
        (one) => schema.pattern === undefined || new RegExp(schema.pattern, "u").test(one),
      );
      const made =
        schema.pattern === undefined
          ? fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 200) })
          : fc.stringMatching(new RegExp(schema.pattern, "u"), { maxLength: 64 });
      return fits.length === 0
        ? made
        : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...fits) }, { weight: 1, arbitrary: made });
    }
  }
}

interface Asked {
  readonly operation: Operation;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Encodes a part of a path; what can't be encoded goes as it is, as far as URLs let it. */
function segment(value: unknown, isRaw: boolean): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  if (isRaw) return text.replaceAll(/[#?\\]/g, "");
  return encodeURIComponent(text.toWellFormed());
}

/** What headers can carry. */
function headerText(value: unknown): string {
  return String(value)
    .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "")
    .trim();
}

test(
  `${REQUESTS} requests made from the OpenAPI document, and against it, get no 5xx`,
  { timeout: 3_600_000 },
  async () => {
    verifies("admin.fuzz", "admin.openapi");
    await using fixture = await openAdminHost();
    const { admin, seeded, keyId } = fixture;
    const authorization: string[] = [];
    for (const tenant of ["*", "acme"])
      for (const role of ["admin", "viewer"] as const)
        authorization.push(`Bearer ${await fixture.token({ tenant, role })}`);
    const [owner = ""] = authorization;
    const ask = (path: string, init: RequestInit): Promise<Response> =>
      Promise.resolve(admin.app.request(`http://localhost${path}`, init));
    const document = (await (await ask("/admin/v1/openapi.json", { headers: { authorization: owner } })).json()) as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
      readonly components: object;
    };
    const pack = await fixture.pack("3.0.0");
    const of = (pick: (one: Seeded) => string): readonly string[] => Object.values(seeded).map(pick);
    /** Names that are there, by the names of parameters. */
    const known: Readonly<Record<string, readonly string[]>> = {
      tenant: Object.keys(seeded),
      key: of(({ session }) => session),
      id: [
        ...of(({ send }) => send),
        ...of(({ deadLetter }) => deadLetter),
        ...of(({ tokenId }) => tokenId),
        ...of(({ packHash }) => packHash),
        keyId,
      ],
      name: ["desk", "api_key", "mine"],
      team: ["_", "sales"],
      category: ["desk"],
      provider: ["drive", "crm"],
      owner_id: [GRANTED, "default"],
      user: ["+49 170 1", "u"],
      channel: ["webchat"],
    };
    const ajv = new Ajv2020({ strict: false, formats: { "date-time": true } });
    ajv.addSchema({ $id: "doc", components: document.components });
    const checks = new Map<string, ValidateFunction>();
    const checkOf = (operation: Operation, status: string, type: string): ValidateFunction | undefined => {
      const schema = operation.responses[status]?.content?.[type]?.schema;
      if (schema === undefined) return undefined;
      const name = `${operation.operationId} ${status}`;
      let check = checks.get(name);
      if (check === undefined) {
        const text = JSON.stringify(schema).replaceAll("#/components", "doc#/components");
        checks.set(name, (check = ajv.compile(JSON.parse(text) as object)));
      }
      return check;
    };

    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(pack.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
        const changed = Uint8Array.from(pack);
        changed[at] = (changed[at] ?? 0) ^ by;
        return changed;
      }),
      fc.nat(pack.length).map((end) => pack.slice(0, end)),
      fc.constant(pack),
    );
    const requestsOf = ({ path, method, operation }: (typeof operations)[number]): fc.Arbitrary<Asked> => {
      const { parameters = [], requestBody } = operation;
      const values = fc.record(
        Object.fromEntries(
          parameters.map(({ name, in: at, schema }) => [`${at} ${name}`, valuesOf(schema, known, name)]),
        ),
        {
          requiredKeys: parameters.filter((one) => one.in === "path").map((one) => `path ${one.name}`),
        },
      );
      const json = requestBody?.content["application/json"]?.schema;
      const body =
        requestBody === undefined
          ? fc.constantFrom(undefined, undefined, undefined, "{}")
          : json === undefined
            ? bytes
            : fc.oneof(
                { weight: 6, arbitrary: valuesOf(json, known).map((value) => JSON.stringify(value) ?? "") },
                { weight: 1, arbitrary: hostile },
              );
      const type = Object.keys(requestBody?.content ?? {})[0] ?? "application/json";
      return fc
        .record({
          values,
          body,
          isRaw: fc.constantFrom(false, false, false, true),
          auth: fc.oneof(
            { weight: 6, arbitrary: fc.constantFrom(owner, owner, owner, ...authorization) },
            { weight: 1, arbitrary: hostile.map(headerText) },
          ),
          type: fc.oneof(
            { weight: 9, arbitrary: fc.constant(type) },
            { weight: 1, arbitrary: hostile.map(headerText) },
          ),
          query: fc.oneof(
            { weight: 5, arbitrary: fc.constant("") },
            { weight: 1, arbitrary: hostile.map((text) => encodeURIComponent(text.toWellFormed())) },
          ),
          method: fc.oneof(
            { weight: 15, arbitrary: fc.constant(method) },
            { weight: 1, arbitrary: fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD") },
          ),
        })
        .map((one): Asked => {
          const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
            segment(one.values[`path ${name}`], one.isRaw),
          );
          const query = parameters
            .filter(({ name, in: at }) => at === "query" && one.values[`query ${name}`] !== undefined)
            .map(({ name }) => `${name}=${segment(one.values[`query ${name}`], false)}`);
          const search = [...query, ...(one.query === "" ? [] : [one.query])].join("&");
          const tag = one.values["header If-Match"];
          const hasBody = one.body !== undefined && one.method !== "GET" && one.method !== "HEAD";
          return {
            operation,
            method: one.method,
            path: search === "" ? filled : `${filled}?${search}`,
            headers: {
              authorization: one.auth,
              ...(hasBody && { "content-type": one.type }),
              ...(tag !== undefined && { "if-match": headerText(tag) }),
            },
            ...(hasBody && one.body !== undefined && { body: one.body }),
          };
        });
    };
    // Made once: patterns are costly to make texts of.
    const asked = fc.oneof(...operations.map(requestsOf));

    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let sent = 0;
    await fc
      .assert(
        fc.asyncProperty(asked, async ({ operation, method, path, headers, body }) => {
          const response = await ask(path, {
            method,
            headers,
            ...(body !== undefined && { body: typeof body === "string" ? body : Buffer.from(body) }),
          });
          const text = await response.text();
          sent++;
          const { status } = response;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status >= 500)
            wrong.push(
              `${method} ${path}: ${status} ${text} ${JSON.stringify(fixture.reports.at(-1), (_key, value: unknown) => (value instanceof Error ? value.stack : value))}`,
            );
          const type = response.headers.get("content-type") ?? "";
          if (text !== "" && type.startsWith("application/problem+json")) {
            const told = JSON.parse(text) as { readonly status: number };
            if (told.status !== status) wrong.push(`${method} ${path}: told ${told.status}, was ${status}`);
          }
          const check = text === "" ? undefined : checkOf(operation, String(status), type.split(";")[0] ?? "");
          if (
            response.ok &&
            check !== undefined &&
            isOperation(operation, { path, method }) &&
            !check(JSON.parse(text))
          )
            wrong.push(`${operation.operationId}: ${JSON.stringify(check.errors)} ${text.slice(0, 300)}`);
          if (text.includes("value-of-")) wrong.push(`${operation.operationId} tells a secret`);
          return wrong.length === 0;
        }),
        { numRuns: REQUESTS, seed: SEED, endOnFailure: true },
      )
      .catch((error: unknown) => {
        if (wrong.length === 0) throw error;
      });
    expect(wrong).toEqual([]);
    expect(sent).toBe(REQUESTS);
    process.stderr.write(
      `admin: ${sent} requests, ${JSON.stringify(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)))}\n`,
    );

    /** Tells whether a path is an operation's own still, with what was put into it. */
    function isOperation(
      operation: Operation,
      { path, method }: { readonly path: string; readonly method: string },
    ): boolean {
      const own = operations.find((one) => one.operation === operation);
      const shape = new RegExp(`^${own?.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/?]+") ?? ""}(?:\\?|$)`);
      return own?.method === method && shape.test(path) && !/\/\.{1,2}(?:\/|$|\?)/.test(path);
    }
  },
);
