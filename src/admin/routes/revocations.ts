import { GreenticError, quote } from "../../types/index.ts";
import type { Revocation } from "../admin-host.ts";
import { defineRoute } from "../route.ts";
import { flag, hash, list, object, text, time } from "../schemas.ts";

const kind = { enum: ["pack", "publisher"] } as const;

/** Packs by their hash and publishers by their key's id that this host believes no more. */
export const revocationRoutes = [
  defineRoute({
    id: "listRevocations",
    method: "GET",
    path: "/admin/v1/revocations",
    summary: "What was revoked here, beside the configuration and the trust file",
    scope: "host",
    role: "viewer",
    effect: "read",
    action: "revocation.list",
    answer: {
      status: 200,
      description: "Revocations",
      schema: object({ items: list(object({ kind, id: hash, reason: text(500), at: time })) }),
    },
    handle: async ({ host }) => ({ body: { items: await host.revocations.list() } }),
  }),
  defineRoute({
    id: "revoke",
    method: "POST",
    path: "/admin/v1/revocations",
    summary: "Revoke a pack or a publisher: what it serves ends before the answer",
    scope: "host",
    role: "publisher",
    effect: "change",
    action: "revocation.add",
    body: { kind: "json", schema: object({ kind, id: hash, "reason?": text(500) }) },
    answer: { status: 200, description: "It is revoked", schema: object({ kind, id: hash, added: flag }) },
    async handle({ host, json }) {
      const {
        kind: what,
        id,
        reason = "",
      } = json as unknown as Pick<Revocation, "kind" | "id"> & {
        readonly reason?: string;
      };
      return { body: { kind: what, id, added: await host.revocations.add({ kind: what, id, reason }) } };
    },
  }),
  defineRoute({
    id: "unrevoke",
    method: "DELETE",
    path: "/admin/v1/revocations/{kind}/{id}",
    summary: "Believe a pack or a publisher again",
    scope: "host",
    role: "admin",
    effect: "change",
    action: "revocation.remove",
    params: { kind, id: hash },
    answer: { status: 204, description: "It isn't revoked here any more" },
    async handle({ host, param }) {
      const what = param("kind") === "pack" ? "pack" : "publisher";
      if (!(await host.revocations.remove({ kind: what, id: param("id") })))
        throw new GreenticError("ADMIN_NOT_FOUND", `Find revocation: none of ${what} ${quote(param("id"))}`);
      return {};
    },
  }),
];
