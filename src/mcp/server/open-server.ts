import type { McpServer } from "@modelcontextprotocol/server";
import type { Readable, Writable } from "node:stream";
import type { World } from "../../types/index.ts";
import { randomHex } from "../../types/index.ts";
import type { HttpFace, HttpFaceOptions } from "./http-face.ts";
import { createHttpFace } from "./http-face.ts";
import type { Offering } from "./offering.ts";
import { createProtocolServer } from "./protocol-server.ts";
import { loadSdk } from "./sdk.ts";
import { SessionHandles } from "./session-handle.ts";

/** What a server is made of, whatever it is reached by. */
export interface McpServingOptions {
  readonly offering: Offering;
  readonly world: Pick<World, "nowMs" | "randomBytes">;
  readonly version: string;
  /** At least 32 bytes; who continues a waiting flow shows a handle that was sealed with it, so it outlives the process. */
  readonly key: Uint8Array;
  /** Default 30,000. */
  readonly pollAfterMs?: number;
  /** Told of what went wrong beside the answers. */
  readonly onError?: (error: Error) => void;
}

/** Who may call over HTTP, and how much. */
export type McpHttpOptions = Pick<
  HttpFaceOptions,
  "hosts" | "origins" | "tokens" | "needsToken" | "maxBodyBytes" | "maxSessions" | "idleMs"
>;

const POLL_AFTER_MS = 30_000;
const CONNECTION_BYTES = 16;
/** The longest message that a client may send over stdio. */
const MAX_LINE_BYTES = 4 * 1_048_576;

/** A tenant's offers, ready to be served over any transport. */
export interface McpServing {
  /** Serves one client over a pair of streams until its end closes. */
  stdio(streams: {
    readonly stdin: Readable;
    readonly stdout: Writable;
  }): Promise<{ readonly closed: Promise<void>; close(): Promise<void> }>;
  http(options: McpHttpOptions): HttpFace;
}

/** Prepares to serve an offering. */
export async function openMcpServing(options: McpServingOptions): Promise<McpServing> {
  const { offering, world, version, key, onError } = options;
  const sdk = await loadSdk();
  const handles = new SessionHandles(sdk, key);
  const pollAfterMs = options.pollAfterMs ?? POLL_AFTER_MS;
  const createServer = (way: { readonly connection: string; readonly isLasting: boolean }): McpServer => {
    const mcp = createProtocolServer({ sdk, offering, handles, version, pollAfterMs, ...way });
    if (onError !== undefined) Object.assign(mcp.server, { onerror: onError });
    return mcp;
  };
  return {
    async stdio({ stdin, stdout }) {
      const { serveStdio, StdioServerTransport } = await import("@modelcontextprotocol/server/stdio");
      const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize: MAX_LINE_BYTES });
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      stdin.once("end", () => resolve());
      stdin.once("close", () => resolve());
      const connection = randomHex(world as World, CONNECTION_BYTES);
      const handle = serveStdio(() => createServer({ connection, isLasting: true }), {
        transport,
        ...(onError && { onerror: onError }),
      });
      return { closed, close: () => handle.close() };
    },
    http: (http) => createHttpFace({ ...http, sdk, world, offering, createServer }),
  };
}
