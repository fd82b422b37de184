import type { SchemaObject } from "ajv";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** How requests to a tool's server say whose they are. Secrets are named here, never written. */
export type McpAuth =
  | { readonly kind: "bearer"; readonly secret: string }
  | { readonly kind: "header"; readonly header: string; readonly secret: string }
  | {
      /** Tokens by OAuth's client credentials, found through the server's own metadata. */
      readonly kind: "client-credentials";
      readonly clientId: string;
      /** A client secret, or with `algorithm` a private key in PEM. */
      readonly secret: string;
      readonly algorithm: string | undefined;
      readonly scope: string | undefined;
      /** The only authorization server that the credentials may go to. */
      readonly issuer: string | undefined;
      /** Origins of authorization servers, where they aren't the server's own. */
      readonly origins: readonly string[];
    }
  | {
      /** Tokens by a person's consent, which `gtc mcp login` asks for once. */
      readonly kind: "consent";
      /** The secret that keeps the tokens. */
      readonly secret: string;
      /** A registration made by hand; without it the authorization server is asked for one. */
      readonly clientId: string | undefined;
      /** Name of the secret that goes with it. */
      readonly clientSecret: string | undefined;
      readonly scope: string | undefined;
      readonly origins: readonly string[];
    };

/** Tokens that the host's OAuth broker keeps, of a declared provider: the person's whose session it is, or the tenant's. */
export interface GrantAuth {
  readonly kind: "grant";
  readonly provider: string;
  readonly scopes: readonly string[];
  readonly of: "user" | "tenant";
}

/** An MCP server behind streamable HTTP. */
export interface HttpMcpServer {
  readonly kind: "http";
  readonly url: string;
  readonly auth: McpAuth | undefined;
  /** Connections of one tenant at the same time; each serves one call at a time. */
  readonly maxSessions: number;
}

/** An MCP server that is a process of this machine, speaking over its standard input and output. */
export interface StdioMcpServer {
  readonly kind: "stdio";
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  /** Environment variables as they are written. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment variable → name of the secret that is its value. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Directories that the server is told of as its roots. */
  readonly roots: readonly string[];
  readonly maxSessions: number;
}

/** A server that the operator declares in greentic.toml under `mcp.servers`. */
export interface OperatorMcpServer {
  readonly name: string;
  readonly server: HttpMcpServer | StdioMcpServer;
  /** Whose packs may use it; `*` everybody's. */
  readonly tenants: readonly string[];
}

const text = { type: "string", minLength: 1 } as const;
const texts = { type: "array", items: text } as const;
const environment = {
  type: "object",
  propertyNames: { pattern: "^[A-Za-z_][A-Za-z0-9_]*$" },
  additionalProperties: { type: "string" },
} as const;

/** Exactly one of these sets of keys must be there. */
const oneOfKeys = (...sets: readonly (readonly string[])[]): SchemaObject => ({
  oneOf: sets.map((keys) => ({ properties: Object.fromEntries(keys.map((key) => [key, true])), required: keys })),
});

/** The shape of `auth`: `{ bearer }`, `{ header, secret }`, `{ oauth: { client_id, secret, … } }` or `{ consent: { secret, … } }`. */
const mcpAuthSchema: SchemaObject = {
  type: "object",
  properties: {
    bearer: text,
    header: { type: "string", pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$" },
    secret: text,
    oauth: {
      type: "object",
      properties: { client_id: text, secret: text, algorithm: text, scope: text, issuer: text, origins: texts },
      required: ["client_id", "secret"],
      additionalProperties: false,
    },
    consent: {
      type: "object",
      properties: { secret: text, client_id: text, client_secret: text, scope: text, origins: texts },
      required: ["secret"],
      additionalProperties: false,
    },
  },
  additionalProperties: false,
  ...oneOfKeys(["bearer"], ["header", "secret"], ["oauth"], ["consent"]),
};

/** The shape of an HTTP tool's `auth`: what servers have, without what only sessions can do, and `{ grant: { provider, … } }`. */
export const endpointAuthSchema: SchemaObject = {
  ...mcpAuthSchema,
  properties: {
    ...(mcpAuthSchema["properties"] as JsonObject),
    grant: {
      type: "object",
      properties: { provider: text, scopes: texts, of: { enum: ["user", "tenant"] } },
      required: ["provider"],
      additionalProperties: false,
    },
  },
  ...oneOfKeys(["bearer"], ["header", "secret"], ["oauth"], ["consent"], ["grant"]),
};

const maxSessions = { type: "integer", minimum: 1, maximum: 64 } as const;

/** The shape of a server behind HTTP: the only kind that a pack may declare. */
export const httpServerSchema: SchemaObject = {
  type: "object",
  properties: { url: { type: "string", pattern: "^https?://" }, auth: mcpAuthSchema, max_sessions: maxSessions },
  required: ["url"],
  additionalProperties: false,
};

/** The shape of `mcp.servers.<name>` in greentic.toml. */
export const operatorServerSchema: SchemaObject = {
  type: "object",
  properties: {
    url: { type: "string", pattern: "^https?://" },
    auth: mcpAuthSchema,
    command: text,
    args: { type: "array", items: { type: "string" } },
    cwd: text,
    env: environment,
    secret_env: environment,
    roots: texts,
    max_sessions: maxSessions,
    tenants: texts,
  },
  additionalProperties: false,
  ...oneOfKeys(["url"], ["command"]),
};

const HTTP_SESSIONS = 8;
const STDIO_SESSIONS = 1;

/** Gives a server behind HTTP its types; `value` has the shape of {@link httpServerSchema}. */
export function readHttpServer(value: JsonObject): HttpMcpServer {
  return {
    kind: "http",
    url: textOf(value["url"]) ?? "",
    auth: readMcpAuth(value["auth"]),
    maxSessions: sessionsOf(value, HTTP_SESSIONS),
  };
}

/** Gives an operator's server its types; paths are relative to the file that declares it. */
export function readOperatorServer(
  name: string,
  value: JsonObject,
  from: { readonly resolve: (path: string) => string; readonly tenant: string },
): OperatorMcpServer {
  const tenants = (value["tenants"] as readonly string[] | undefined) ?? [from.tenant];
  const command = textOf(value["command"]);
  if (command === undefined) return { name, server: readHttpServer(value), tenants };
  const cwd = textOf(value["cwd"]);
  const server: StdioMcpServer = {
    kind: "stdio",
    command: command.startsWith(".") ? from.resolve(command) : command,
    args: (value["args"] as readonly string[] | undefined) ?? [],
    cwd: cwd === undefined ? undefined : from.resolve(cwd),
    env: (value["env"] as Readonly<Record<string, string>> | undefined) ?? {},
    secretEnv: (value["secret_env"] as Readonly<Record<string, string>> | undefined) ?? {},
    roots: ((value["roots"] as readonly string[] | undefined) ?? []).map((root) => from.resolve(root)),
    maxSessions: sessionsOf(value, STDIO_SESSIONS),
  };
  return { name, server, tenants };
}

/** Reads `auth`; it has the shape of {@link mcpAuthSchema}. */
function readMcpAuth(value: JsonValue | undefined): McpAuth | undefined {
  if (value === undefined) return undefined;
  const { bearer, header, secret, oauth, consent } = value as JsonObject;
  if (typeof bearer === "string") return { kind: "bearer", secret: bearer };
  if (typeof header === "string") return { kind: "header", header, secret: textOf(secret) ?? "" };
  const given = (oauth ?? consent) as JsonObject;
  const origins = (given["origins"] as readonly string[] | undefined) ?? [];
  if (consent !== undefined) {
    return {
      kind: "consent",
      secret: textOf(given["secret"]) ?? "",
      clientId: textOf(given["client_id"]),
      clientSecret: textOf(given["client_secret"]),
      scope: textOf(given["scope"]),
      origins,
    };
  }
  return {
    kind: "client-credentials",
    clientId: textOf(given["client_id"]) ?? "",
    secret: textOf(given["secret"]) ?? "",
    algorithm: textOf(given["algorithm"]),
    scope: textOf(given["scope"]),
    issuer: textOf(given["issuer"]),
    origins,
  };
}

/** Reads an HTTP tool's `auth`; it has the shape of {@link endpointAuthSchema}. */
export function readEndpointAuth(value: JsonObject | undefined): McpAuth | GrantAuth | undefined {
  const grant = value?.["grant"];
  if (grant === undefined) return readMcpAuth(value);
  const { provider, scopes, of } = grant as JsonObject;
  return {
    kind: "grant",
    provider: textOf(provider) ?? "",
    scopes: (scopes as readonly string[] | undefined) ?? [],
    of: of === "tenant" ? "tenant" : "user",
  };
}

function sessionsOf(value: JsonObject, fallback: number): number {
  const given = value["max_sessions"];
  return typeof given === "number" ? given : fallback;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
