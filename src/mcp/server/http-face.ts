import type { McpServer } from "@modelcontextprotocol/server";
import { isOneOf } from "../../messaging/index.ts";
import type { World } from "../../types/index.ts";
import { randomHex } from "../../types/index.ts";
import { HttpSessions, refused } from "./http-sessions.ts";
import type { Offering } from "./offering.ts";
import { ResourceVersions } from "./resource-versions.ts";
import type { Sdk } from "./sdk.ts";

/** Who may call and how much. */
export interface HttpFaceOptions {
  readonly sdk: Sdk;
  readonly world: Pick<World, "nowMs" | "randomBytes">;
  readonly offering: Pick<Offering, "list" | "watch">;
  readonly createServer: (options: { readonly connection: string; readonly isLasting: boolean }) => McpServer;
  /** Names that the Host header may have, without port; absent: any. Keeps a local server from pages that point their name at it. */
  readonly hosts?: readonly string[];
  /** Host names of pages that may call; a request from any other page is refused. */
  readonly origins: readonly string[];
  /** The bearer tokens that open, asked for with every request. */
  readonly tokens: () => readonly string[] | Promise<readonly string[]>;
  /** False where everybody who gets here is let in. */
  readonly needsToken: boolean;
  readonly maxBodyBytes?: number;
  readonly maxSessions?: number;
  readonly idleMs?: number;
}

/** The server as a function of requests, to be mounted where requests come in. */
export interface HttpFace {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 1_048_576;
const MAX_SESSIONS = 1_000;
const IDLE_MS = 30 * 60_000;
const SESSION_ID_BYTES = 24;

/**
 * Serves the protocol over streamable HTTP, both of its ways: sessions that begin with `initialize` (until 2025-11-25), and requests
 * that each stand alone (2026-07-28).
 */
export function createHttpFace(options: HttpFaceOptions): HttpFace {
  const { sdk, world, offering, createServer, hosts, origins, tokens, needsToken } = options;
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
  const sessions = new HttpSessions({
    sdk,
    createServer: () => createServer({ connection: "", isLasting: true }),
    createId: () => randomHex(world as World, SESSION_ID_BYTES),
    nowMs: () => world.nowMs(),
    maxSessions: options.maxSessions ?? MAX_SESSIONS,
    idleMs: options.idleMs ?? IDLE_MS,
    maxBodyBytes,
  });
  const single = sdk.createMcpHandler(
    () => createServer({ connection: randomHex(world as World, SESSION_ID_BYTES), isLasting: false }),
    { legacy: "reject", maxRequestBodySize: maxBodyBytes },
  );
  const versions = new ResourceVersions(offering);
  const stop = offering.watch(() => {
    single.notify.toolsChanged();
    single.notify.promptsChanged();
    single.notify.resourcesChanged();
    for (const uri of versions.takeChanged()) single.notify.resourceUpdated(uri);
  });
  return {
    async fetch(request) {
      const denied =
        (hosts === undefined ? undefined : sdk.hostHeaderValidationResponse(request, [...hosts])) ??
        sdk.originValidationResponse(request, [...origins]);
      if (denied !== undefined) return denied;
      if (needsToken && !isLetIn(request, await tokens()))
        return refused(401, -32_001, "Unauthorized", { "www-authenticate": 'Bearer realm="mcp"' });
      return (await sdk.isLegacyRequest(request, undefined, { maxRequestBodySize: maxBodyBytes }))
        ? sessions.fetch(request)
        : single.fetch(request);
    },
    async close() {
      stop();
      await Promise.allSettled([sessions.close(), single.close()]);
    },
  };
}

function isLetIn(request: Request, tokens: readonly string[]): boolean {
  const given = /^bearer +([\x21-\x7e]{1,4096})$/i.exec(request.headers.get("authorization") ?? "");
  return given?.[1] !== undefined && isOneOf(given[1], tokens);
}
