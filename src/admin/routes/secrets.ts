import { GreenticError, quote } from "../../types/index.ts";
import type { SecretName } from "../admin-host.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest } from "../route.ts";
import { list, object, text } from "../schemas.ts";

const secrets = "/admin/v1/tenants/{tenant}/secrets";
const named = `${secrets}/{team}/{category}/{name}`;
const part = { type: "string", pattern: "^[a-z0-9_-][a-z0-9._-]{0,127}$" } as const;
const params = { team: part, category: part, name: part };
const view = object({ team: part, category: part, name: part, from: text(64), version: text(64) });

/** A tenant's secrets by their names: values go in, and none comes out. */
export const secretRoutes = [
  defineRoute({
    id: "listSecrets",
    method: "GET",
    path: secrets,
    summary: "The names of the secrets that this host keeps, and which place's value counts",
    scope: "tenant",
    role: "operator",
    effect: "sensitive",
    action: "secret.list",
    answer: { status: 200, description: "Names", schema: object({ items: list(view) }) },
    handle: async ({ host, tenant }) => ({ body: { items: await host.secrets.list(tenant) } }),
  }),
  defineRoute({
    id: "getSecret",
    method: "GET",
    path: named,
    summary: "Where a secret's value comes from, never the value; team `_` is the tenant's own",
    scope: "tenant",
    role: "operator",
    effect: "sensitive",
    action: "secret.inspect",
    params,
    hasTag: true,
    answer: { status: 200, description: "The secret without its value", schema: view },
    async handle(request) {
      const found = await request.host.secrets.find(nameOf(request));
      if (found === undefined) throw missing(request);
      return { body: found, tag: found.version };
    },
  }),
  defineRoute({
    id: "setSecret",
    method: "PUT",
    path: named,
    summary: "Keep a secret in this host's own store",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "secret.write",
    params,
    hasTag: true,
    body: { kind: "json", schema: object({ value: { type: "string", minLength: 1, maxLength: 65_536 } }) },
    answer: { status: 200, description: "The secret without its value", schema: view },
    async handle(request) {
      const { value } = request.json as { readonly value: string };
      const kept = await request.host.secrets.write(nameOf(request), value, request.expectTag);
      return { body: kept, tag: kept.version };
    },
  }),
  defineRoute({
    id: "deleteSecret",
    method: "DELETE",
    path: named,
    summary: "Remove a secret from this host's own store",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "secret.remove",
    params,
    hasTag: true,
    answer: { status: 204, description: "It isn't kept here any more" },
    async handle(request) {
      if (!(await request.host.secrets.remove(nameOf(request), request.expectTag))) throw missing(request);
      return {};
    },
  }),
];

function nameOf({ tenant, param }: AdminRequest): SecretName {
  return { tenant, team: param("team"), category: param("category"), name: param("name") };
}

function missing(request: AdminRequest): GreenticError {
  const { team, category, name } = nameOf(request);
  return new GreenticError("ADMIN_NOT_FOUND", `Find secret: nothing at ${quote(`${team}/${category}/${name}`)}`);
}
