import { getRequestListener } from "@hono/node-server";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerOptions } from "node:https";
import { answerClientErrors, bindServer, limitAddresses } from "../gateway/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { Admin } from "./app.ts";
import type { AdminLimits } from "./options.ts";

/** PEM files of a listener. */
export interface ListenTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Who signs the certificates of clients. */
  readonly clientCaFile?: string;
  /** Revoked ones. */
  readonly crlFile?: string;
  /** Whether connections without a certificate that counts are refused. */
  readonly needsClient?: boolean;
}

/** An open server. */
export interface Listening {
  readonly url: string;
  /** What is under way has `timeoutMs` (default 2,000) to end. */
  readonly close: (options?: { readonly timeoutMs?: number }) => Promise<void>;
}

interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: ListenTls | undefined;
  readonly limits: AdminLimits;
  readonly trustedProxies: readonly string[];
}

/** Tells whether an address is this machine's own alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Opens the server of an admin app. @throws ADMIN_ADDRESS_UNAVAILABLE, ADMIN_LISTEN_UNSAFE */
export async function listen(app: Admin["app"], options: ListenOptions): Promise<Listening> {
  const { host, port, tls, limits, trustedProxies } = options;
  const requests = {
    maxHeaderSize: 16_384,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(2_000, Math.ceil(limits.headersTimeoutMs / 4)),
    keepAliveTimeout: 65_000,
    insecureHTTPParser: false,
    requireHostHeader: true,
  };
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false }) as RequestListener;
  const server =
    tls === undefined
      ? createServer(requests, listener)
      : createTlsServer(
          { ...requests, handshakeTimeout: limits.headersTimeoutMs, ...(await secureContext(tls)) },
          listener,
        );
  server.maxConnections = limits.maxConnections;
  limitAddresses(server, limits.maxConnectionsPerAddress, trustedProxies);
  answerClientErrors(server);
  const place = await bindServer(server, { host, port }, "ADMIN_ADDRESS_UNAVAILABLE");
  return {
    url: `${tls === undefined ? "http" : "https"}://${place}`,
    async close({ timeoutMs = 2_000 } = {}) {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), timeoutMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

async function secureContext(tls: ListenTls): Promise<ServerOptions> {
  const { certFile, keyFile, clientCaFile, crlFile, needsClient = false } = tls;
  const read = async (file: string): Promise<Buffer> =>
    readFile(file).catch((error: unknown) => {
      throw new GreenticError("ADMIN_LISTEN_UNSAFE", `Read admin.tls: ${quote(file)} can't be read`, { cause: error });
    });
  return {
    minVersion: "TLSv1.2",
    cert: await read(certFile),
    key: await read(keyFile),
    ...(clientCaFile !== undefined && {
      ca: await read(clientCaFile),
      requestCert: true,
      rejectUnauthorized: needsClient,
      ...(crlFile !== undefined && { crl: await read(crlFile) }),
    }),
  };
}
