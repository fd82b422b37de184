import type { Tool } from "@modelcontextprotocol/client";
import type { HttpMcpServer, OperatorMcpServer, StdioMcpServer } from "../../config/index.ts";
import type { HttpRequest, HttpStream } from "../../http/index.ts";
import type { JsonValue, TenantCtx, World } from "../../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import { answerTo } from "../elicitation.ts";
import type { BackendCall, BackendResult, ToolBackend, ToolFacts } from "../tool-backend.ts";
import { errorOf } from "../tool-backend.ts";
import type { ToolMap, ToolMapEntry } from "../tool-map.ts";
import { readCallResult, readFailure } from "./call-outcome.ts";
import type { AuthParts } from "./server-auth.ts";
import type { SessionCall, SessionResult } from "./mcp-session.ts";
import type { McpSession } from "./mcp-session.ts";
import { openSession } from "./open-session.ts";
import { readElicitation } from "./read-elicitation.ts";
import type { SessionPlace } from "./session-pool.ts";
import { SessionPool } from "./session-pool.ts";
import type { TransportParts } from "./session-transport.ts";
import { prepareTransport } from "./session-transport.ts";

/** What reaching servers needs of the host. */
export interface McpServersOptions {
  readonly world: World;
  /** Reads a secret of a category: a pack's name, or {@link OPERATOR_CATEGORY} for the operator's servers. */
  readonly secret: (ctx: TenantCtx, category: string, name: string) => Promise<string | undefined>;
  /** Keeps tokens that a server renewed. */
  readonly saveSecret?: (ctx: TenantCtx, category: string, name: string, value: string) => Promise<void>;
  /** Where a person can be asked for consent. */
  readonly consent?: AuthParts["consent"];
  /** Sends a request under the tenant's egress policy; `pack` is whose map the server's tools are in. */
  readonly open: (
    ctx: TenantCtx,
    request: HttpRequest,
    options: { readonly pack: string; readonly signal?: AbortSignal | undefined },
  ) => Promise<HttpStream>;
  /** Servers that the operator declares; packs name them. */
  readonly operator?: readonly OperatorMcpServer[];
  /** Where processes find their programs: the host's PATH. */
  readonly path?: string | undefined;
  /** Hears what processes print on standard error. It may hold anything: keep it at debug. */
  readonly log?: (ctx: TenantCtx, level: "debug", message: string) => void;
  /** Authorizes where a server wants a person's consent; without it such servers are refused. */
  readonly authorize?: TransportParts["authorize"];
}

/** Whose tools are called. */
export interface ServerToolsScope {
  /** The pack whose map this is: the category of its secrets. */
  readonly pack: string;
  /** What the map declares itself. */
  readonly servers: ToolMap["servers"];
  /** Tells whether the tenant's policy lets the pack reach an origin. Default: any. */
  readonly isOriginAllowed?: (origin: string) => boolean;
  /** Tells whether the tenant's policy lets the pack use a secret. Default: any. */
  readonly isSecretAllowed?: (name: string) => boolean;
}

interface Place extends SessionPlace {
  readonly server: HttpMcpServer | StdioMcpServer;
}

/** The category of the secrets of the operator's servers; no pack can be called so and read them as its own. */
export const OPERATOR_CATEGORY = "mcp.servers";

const DEFAULT_TIMEOUT_MS = 30_000;

/** Every session of this host to MCP servers. */
export class McpServers implements AsyncDisposable {
  readonly #options: McpServersOptions;
  readonly #pool: SessionPool;

  constructor(options: McpServersOptions) {
    this.#options = options;
    this.#pool = new SessionPool(options.world);
  }

  /** Sessions that are open or opening. */
  get sessions(): number {
    return this.#pool.size;
  }

  /** The tools that a pack's map finds behind servers. */
  toolsOf(scope: ServerToolsScope): ServerTools {
    return new ServerTools(scope, this.#options, this.#pool);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]();
  }
}

/** The tools that one pack's map finds behind servers. */
export class ServerTools implements ToolBackend {
  readonly #scope: ServerToolsScope;
  readonly #options: McpServersOptions;
  readonly #pool: SessionPool;

  constructor(scope: ServerToolsScope, options: McpServersOptions, pool: SessionPool) {
    this.#scope = scope;
    this.#options = options;
    this.#pool = pool;
  }

  /** Opens a session to a server and tells the names of its tools. */
  async connect(ctx: TenantCtx, server: string): Promise<readonly string[]> {
    const place = this.#placeOf(ctx, { server, tool: server });
    try {
      return await this.#use(place, undefined, async (session) => (await session.tools()).map(({ name }) => name));
    } catch (error) {
      throw (await readFailure(place.name, error, { isSent: false })).error;
    }
  }

  async describe(ctx: TenantCtx, entry: ToolMapEntry): Promise<ToolFacts> {
    const place = this.#placeOf(ctx, placeNames(entry));
    try {
      return await this.#use(place, undefined, async (session) => factsOf(await findTool(session, entry, place.name)));
    } catch (error) {
      throw (await readFailure(place.name, error, { isSent: false })).error;
    }
  }

  async invoke(ctx: TenantCtx, entry: ToolMapEntry, call: BackendCall): Promise<BackendResult> {
    const place = this.#placeOf(ctx, placeNames(entry));
    const { world } = this.#options;
    let isSent = false;
    try {
      return await this.#use(place, call.signal, async (session) => {
        isSent = false;
        const tool = await findTool(session, entry, place.name);
        isSent = true;
        // What connecting and listing took is gone from the call's time.
        const leftMs = ctx.deadlineMs === undefined ? Infinity : Math.max(1, ctx.deadlineMs - world.nowMs());
        const timeoutMs = Math.min(call.timeoutMs ?? DEFAULT_TIMEOUT_MS, leftMs);
        const request: SessionCall = {
          tool: entry.entry,
          input: isJsonObject(call.input) ? call.input : {},
          timeoutMs,
          maxTimeoutMs: Math.min(call.maxTimeoutMs ?? timeoutMs, leftMs),
          signal: call.signal,
          answers: call.answers,
          answerNow: call.answerNow,
          onProgress: call.onProgress,
          idempotencyKey: ctx.idempotencyKey,
        };
        const answer = await callVisiting(session, request);
        if (answer.kind === "elicit") return answer;
        return readCallResult(entry.name, answer.result, tool.outputSchema as JsonValue | undefined);
      });
    } catch (error) {
      const failure = await readFailure(place.name, error, { isSent });
      return { kind: "error", error: errorOf(failure.error), isUnknown: failure.isUnknown };
    }
  }

  /** Works with a session. One that its server forgot is no reason to fail: the server did nothing, and another may be known. */
  async #use<T>(place: Place, signal: AbortSignal | undefined, work: (session: McpSession) => Promise<T>): Promise<T> {
    for (let forgotten = 0; ; forgotten++) {
      let isGone = false;
      try {
        return await this.#pool.use(place, signal, async (session) => {
          try {
            return await work(session);
          } catch (error) {
            isGone = (await readFailure(place.name, error, { isSent: false })).isSessionGone === true;
            if (isGone) session.discard();
            throw error;
          }
        });
      } catch (error) {
        if (!isGone || forgotten > place.maxSessions) throw error;
      }
    }
  }

  #placeOf(ctx: TenantCtx, { server: name, tool }: { readonly server: string; readonly tool: string }): Place {
    const { world, log, saveSecret, consent } = this.#options;
    const { pack } = this.#scope;
    const own = this.#scope.servers.get(name);
    const server = own ?? this.#operatorServer(ctx, name, tool);
    // The operator's servers keep their secrets apart from every pack's, so that no pack can name them.
    const category = own === undefined ? OPERATOR_CATEGORY : pack;
    if (own !== undefined) this.#checkPolicy(own, name);
    return {
      // Sessions may carry a tenant's secrets and remember what it did: they are never another's.
      key: JSON.stringify([ctx.env, ctx.tenant, ctx.team, category, name, server]),
      name,
      server,
      maxSessions: server.maxSessions,
      open: () =>
        openSession({
          name,
          world,
          roots: server.kind === "stdio" && server.roots.length > 0 ? server.roots : undefined,
          prepare: () =>
            prepareTransport(server, {
              name,
              world,
              readSecret: (secret) => this.#options.secret(ctx, category, secret),
              ...(saveSecret === undefined
                ? {}
                : { saveSecret: (secret, value) => saveSecret(ctx, category, secret, value) }),
              ...(consent === undefined ? {} : { consent }),
              open: (request, signal) => this.#options.open(ctx, request, { pack, signal }),
              path: this.#options.path,
              onStderr: (text) => log?.(ctx, "debug", `MCP server ${quote(name)}: ${quote(text)}`),
              ...(this.#options.authorize === undefined ? {} : { authorize: this.#options.authorize }),
            }),
        }),
    };
  }

  #operatorServer(ctx: TenantCtx, name: string, tool: string): HttpMcpServer | StdioMcpServer {
    const declared = this.#options.operator?.find((one) => one.name === name);
    if (declared === undefined) {
      throw new GreenticError("MCP_SERVER_UNKNOWN", `Resolve tool ${quote(tool)}: no MCP server ${quote(name)}`);
    }
    if (!declared.tenants.includes("*") && !declared.tenants.includes(ctx.tenant)) {
      throw new GreenticError(
        "MCP_SERVER_DENIED",
        `Resolve tool ${quote(tool)}: MCP server ${quote(name)} isn't for tenant ${quote(ctx.tenant)}`,
      );
    }
    return declared.server;
  }

  #checkPolicy({ url, auth }: HttpMcpServer, name: string): void {
    const { isOriginAllowed = () => true, isSecretAllowed = () => true } = this.#scope;
    if (!isOriginAllowed(new URL(url).origin)) {
      throw new GreenticError("HTTP_ORIGIN_DENIED", `Open MCP server ${quote(name)}: its origin isn't allowed`);
    }
    if (auth !== undefined && !isSecretAllowed(auth.secret)) {
      throw new GreenticError("MCP_SECRET_MISSING", `Open MCP server ${quote(name)}: no secret ${quote(auth.secret)}`);
    }
  }
}

function placeNames({ name, target }: ToolMapEntry): { readonly server: string; readonly tool: string } {
  return { server: target.kind === "server" ? target.server : "", tool: name };
}

async function findTool(session: McpSession, entry: ToolMapEntry, server: string): Promise<Tool> {
  const tool = (await session.tools()).find(({ name }) => name === entry.entry);
  if (tool !== undefined) return tool;
  const where = `MCP server ${quote(server)} has no tool ${quote(entry.entry)}`;
  throw new GreenticError("MCP_TOOL_UNKNOWN", `Resolve tool ${quote(entry.name)}: ${where}`);
}

function factsOf({ title, description, inputSchema, outputSchema, annotations }: Tool): ToolFacts {
  const readOnly = annotations?.readOnlyHint === true;
  const shown = title ?? annotations?.title;
  return {
    ...(shown === undefined ? {} : { title: shown }),
    description: description ?? "",
    inputSchema: inputSchema as unknown as JsonValue,
    ...(outputSchema === undefined ? {} : { outputSchema: outputSchema as unknown as JsonValue }),
    readOnly,
    idempotent: readOnly || annotations?.idempotentHint === true,
  };
}

/** Calls a tool of a server that may want a page visited before it takes the call, and says so in an error. */
async function callVisiting(session: McpSession, request: SessionCall): Promise<SessionResult> {
  try {
    return await session.call(request);
  } catch (error) {
    const { UrlElicitationRequiredError } = await import("@modelcontextprotocol/client");
    if (!(error instanceof UrlElicitationRequiredError)) throw error;
    for (const params of error.elicitations) {
      const elicitation = readElicitation(params);
      if (elicitation === undefined) throw error;
      const said = answerTo(elicitation, request.answers) ?? request.answerNow?.(elicitation);
      if (said === undefined) return { kind: "elicit", elicitation };
      if (said.action !== "accept") throw error;
    }
    // The person was there; the server wants to be asked again.
    return session.call(request);
  }
}
