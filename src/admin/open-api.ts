/** The admin API as an OpenAPI document, made of the route table. @see https://spec.openapis.org/oas/v3.1.1 */
import type { SchemaObject } from "ajv";
import type { JsonObject } from "../types/index.ts";
import { problemSchema } from "./problem.ts";
import type { Route } from "./route.ts";
import { token } from "./schemas.ts";

const REFUSALS: Readonly<Record<string, string>> = {
  "400": "Something in the request is wrong",
  "401": "No credential that counts; nothing tells why",
  "403": "The credential's role isn't enough, or the host name or site isn't served",
  "429": "Too many of late: again after `Retry-After` seconds",
  "503": "The audit log or the store can't be written now: again after `Retry-After` seconds",
};

/** Statuses beside a route's own that it may answer with. */
function refusalsOf(route: Route): Readonly<Record<string, string>> {
  const isNamed = route.path.includes("{");
  return {
    ...REFUSALS,
    ...(isNamed && { "404": "Nothing of that name, or of a tenant that the credential isn't for" }),
    ...(route.body !== undefined && { "413": "More bytes than are taken", "415": "Another media type, or compressed" }),
    ...(route.effect === "change" && { "409": "It conflicts with what is there" }),
    ...(route.hasTag === true && { "412": "If-Match names another version" }),
  };
}

/** Makes the document of a table. */
export function adminOpenApi(routes: readonly Route[], { version }: { readonly version: string }): JsonObject {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  const document = {
    openapi: "3.1.1",
    info: {
      title: "Greentic admin",
      version,
      description:
        "Roles, each with the rights of those before it: viewer, operator, publisher, admin. `x-greentic-scope` says over what: a tenant, or the host.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { certificate: [] }],
    tags: [{ name: "host" }, { name: "tenant" }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A token of `gtc admin token create`, or of the configured issuer",
        },
        certificate: { type: "mutualTLS", description: "A client certificate of the configured authority" },
      },
      schemas: { Problem: problemSchema },
    },
  };
  return document as unknown as JsonObject;
}

function operationOf(route: Route): object {
  const { id, summary, scope, role, query = {}, body, answer, hasTag } = route;
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
      name,
      in: "path",
      required: true,
      schema: name === "tenant" ? token : route.params?.[name],
    })),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema })),
    ...(hasTag === true && route.effect === "change"
      ? [{ name: "If-Match", in: "header", schema: { type: "string", maxLength: 200 } }]
      : []),
  ];
  return {
    operationId: id,
    summary,
    tags: [scope === "tenant" ? "tenant" : "host"],
    "x-greentic-scope": scope,
    "x-greentic-role": role,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body) } }),
    responses: {
      [String(answer.status)]: {
        description: answer.description,
        ...(hasTag === true && { headers: { etag: { schema: { type: "string" } } } }),
        ...(answer.schema !== undefined && { content: { "application/json": { schema: answer.schema } } }),
      },
      ...Object.fromEntries(
        Object.entries(refusalsOf(route)).map(([status, description]) => [
          status,
          {
            description,
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
    },
  };
}

function contentOf(body: NonNullable<Route["body"]>): Readonly<Record<string, { readonly schema?: SchemaObject }>> {
  return body.kind === "json" ? { "application/json": { schema: body.schema } } : { [body.mediaType]: {} };
}
