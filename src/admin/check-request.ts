import { Ajv2020 } from "ajv/dist/2020.js";
import type { ErrorObject, ValidateFunction } from "ajv";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import type { Route } from "./route.ts";

const common = { strict: true, allowUnionTypes: true, formats: { "date-time": true } } as const;
const bodies = new Ajv2020(common);
// What a query says is text; defaults are the document's.
const queries = new Ajv2020({ ...common, coerceTypes: true, useDefaults: true });

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The checks that a route's schemas make, compiled once. */
export interface RequestChecks {
  /** @throws ADMIN_REQUEST_INVALID */
  readonly params: (params: Readonly<Record<string, string>>) => void;
  readonly query: (search: URLSearchParams) => Query;
  readonly body: (value: JsonValue | undefined) => JsonObject;
}

/** Compiles the checks of a route. */
export function checksOf(route: Route): RequestChecks {
  const closed = (properties: object): object => ({ type: "object", additionalProperties: false, properties });
  const params = bodies.compile(closed(route.params ?? {}));
  const query = queries.compile(closed(route.query ?? {}));
  const body = route.body?.kind === "json" ? bodies.compile(route.body.schema) : undefined;
  return {
    params: (value) => check(params, value, "path"),
    query(search) {
      const value: Record<string, string> = Object.create(null) as Record<string, string>;
      for (const [name, text] of search) {
        if (Object.hasOwn(value, name)) throw invalid(`query: expected ${quote(name)} once`);
        value[name] = text;
      }
      check(query, value, "query");
      return value;
    },
    body(value) {
      if (body === undefined) return {};
      check(body, value, "body");
      return isJsonObject(value) ? value : {};
    },
  };
}

function check(validate: ValidateFunction, value: unknown, where: string): void {
  if (validate(value)) return;
  const [error] = validate.errors ?? [];
  throw invalid(`${where}${error === undefined ? ": invalid" : describe(error)}`);
}

/** Names the place and what was expected there; never what was sent, which may be a secret. */
function describe({ instancePath, keyword, message, params }: ErrorObject): string {
  const place = instancePath.slice(0, 80);
  if (keyword === "additionalProperties")
    return `${place}: unknown name ${quote(String(params["additionalProperty"]))}`;
  return `${place}: ${message ?? "invalid"}`;
}

function invalid(what: string): GreenticError {
  return new GreenticError("ADMIN_REQUEST_INVALID", `Check request: ${what}`);
}
