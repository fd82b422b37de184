import type { PackSummary } from "../../runner/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { TenantId } from "../../types/index.ts";
import type { AdminHost, RegisteredPack } from "../admin-host.ts";
import { defineRoute } from "../route.ts";
import type { Route } from "../route.ts";
import { count, flag, hash, list, object, text, token } from "../schemas.ts";

const name = { type: "string", pattern: "^[a-z0-9][a-z0-9._-]{0,127}$" } as const;
const packs = "/admin/v1/tenants/{tenant}/packs";
const summary = {
  name: text(256),
  version: text(64),
  pack_hash: hash,
  /** Whether flows start with it now. */
  running: flag,
  /** Whether it was registered here, rather than named by the bundle. */
  registered: flag,
};

interface Pack extends RegisteredPack {
  readonly running?: PackSummary;
  readonly isRegistered: boolean;
}

/** A tenant's packs, of the bundle and registered ones. */
export function packRoutes(maxPackBytes: number): readonly Route[] {
  return [
    defineRoute({
      id: "listPacks",
      method: "GET",
      path: packs,
      summary: "A tenant's packs, those that don't run as they are among them",
      scope: "tenant",
      role: "viewer",
      effect: "read",
      action: "pack.list",
      answer: {
        status: 200,
        description: "Packs",
        schema: object({
          items: list(object(summary)),
          refused: list(object({ name: text(256), code: text(64) })),
        }),
      },
      handle: async ({ host, tenant }) => ({
        body: {
          items: (await packsOf(host, tenant)).map(shown),
          refused: host.packs
            .refused()
            .filter((one) => one.tenant === tenant)
            .map((one) => ({ name: one.name, code: one.code })),
        },
      }),
    }),
    defineRoute({
      id: "getPack",
      method: "GET",
      path: `${packs}/{name}`,
      summary: "A pack, and what of it runs",
      scope: "tenant",
      role: "viewer",
      effect: "read",
      action: "pack.inspect",
      params: { name },
      hasTag: true,
      answer: {
        status: 200,
        description: "The pack",
        schema: object({
          ...summary,
          "team?": token,
          flows: list(object({ id: text(256), type: text(64), nodes: count })),
          components: list(text(256)),
          tools: list(text(256)),
        }),
      },
      async handle({ host, tenant, param }) {
        const pack = (await packsOf(host, tenant)).find((one) => one.name === param("name"));
        if (pack === undefined) throw missing(param("name"));
        const { running } = pack;
        return {
          tag: pack.packHash,
          body: {
            ...shown(pack),
            ...(running?.scope.team !== undefined && { team: running.scope.team }),
            flows: running?.flows ?? [],
            components: running?.components ?? [],
            tools: running?.tools ?? [],
          },
        };
      },
    }),
    defineRoute({
      id: "loadPack",
      method: "POST",
      path: packs,
      summary: "Verify a pack by the host's trust, register it, and let it run; the same pack again changes nothing",
      scope: "tenant",
      role: "publisher",
      effect: "change",
      action: "pack.load",
      hasTag: true,
      body: { kind: "bytes", mediaType: "application/octet-stream", maxBytes: maxPackBytes },
      answer: {
        status: 201,
        description: "It is registered; `running` tells whether it runs",
        schema: object({ ...summary, signature: text(32) }),
      },
      async handle({ host, tenant, bytes, expectTag }) {
        const loaded = await host.packs.load(tenant, bytes, {
          check: (current) => expectTag(current?.packHash ?? "none"),
        });
        const running = runningOf(host, tenant).find((one) => one.packHash === loaded.packHash);
        return {
          tag: loaded.packHash,
          body: {
            ...shown({ ...loaded, isRegistered: true, ...(running && { running }) }),
            signature: loaded.signature,
          },
        };
      },
    }),
    defineRoute({
      id: "unloadPack",
      method: "DELETE",
      path: `${packs}/{name}`,
      summary: "Take a registered pack out: no flow starts with it any more, what waits on it goes on",
      scope: "tenant",
      role: "publisher",
      effect: "change",
      action: "pack.unload",
      params: { name },
      hasTag: true,
      answer: { status: 204, description: "It isn't registered any more" },
      async handle({ host, tenant, param, expectTag }) {
        const isGone = await host.packs.unload(tenant, param("name"), {
          check: (current) => expectTag(current.packHash),
        });
        if (!isGone) throw missing(param("name"));
        return {};
      },
    }),
  ];
}

function runningOf(host: AdminHost, tenant: TenantId): readonly PackSummary[] {
  return host.packs.running().filter(({ scope }) => scope.tenant === tenant);
}

async function packsOf(host: AdminHost, tenant: TenantId): Promise<readonly Pack[]> {
  const registered = await host.packs.registered(tenant);
  const running = runningOf(host, tenant);
  const isRegistered = (one: PackSummary): boolean => registered.some(({ packHash }) => packHash === one.packHash);
  return [
    ...running.map((one) => ({
      name: one.name,
      version: one.version,
      packHash: one.packHash,
      running: one,
      isRegistered: isRegistered(one),
    })),
    ...registered
      .filter(({ packHash }) => !running.some((one) => one.packHash === packHash))
      .map((one) => ({ ...one, isRegistered: true })),
  ];
}

function shown({ name: called, version, packHash, running, isRegistered }: Pack): object {
  return { name: called, version, pack_hash: packHash, running: running !== undefined, registered: isRegistered };
}

function missing(called: string): GreenticError {
  return new GreenticError("ADMIN_NOT_FOUND", `Find pack: none is named ${quote(called)}`);
}
