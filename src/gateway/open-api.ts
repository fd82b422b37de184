/** What the gateway serves, as an OpenAPI 3.1 document. `open-api.test.ts` asks for every operation. @see https://spec.openapis.org/oas/v3.1.1 */
import type { JsonObject } from "../types/index.ts";

interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly tag: "host" | "channels" | "webhooks" | "webchat" | "page";
  /** Status → what it means, and the schema of a JSON body. */
  readonly answers: Readonly<Record<string, string | readonly [string, string]>>;
  /** The schema of a JSON body that is sent, or a media type that isn't JSON. */
  readonly body?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly isAuthorised?: boolean;
}

const ERRORS = {
  "400": ["Something in the request is wrong", "Error"],
  "401": "Nobody may: unknown tenant or channel, a wrong signature or token; nothing tells which",
  "413": ["More bytes than are taken", "Error"],
  "415": ["The body is compressed", "Error"],
  "429": ["Too many of late: again after `Retry-After` seconds", "Error"],
  "503": ["Nothing can be put on record now: again after `Retry-After` seconds", "Error"],
} as const;
const TALKED = {
  ...ERRORS,
  "403": ["The token isn't valid here or has expired, or nobody trusts the site", "Error"],
} as const;
const TALK = { "200": ["", "Connection"], ...TALKED } as const;
const DIRECT_LINE = "/v1/messaging/webchat/{tenant}/v3/directline";

const hook = (domain: string, method: string, isTeam: boolean): Operation => ({
  id: `${domain}${method}${isTeam ? "Team" : ""}`,
  summary: `What a platform sends to a channel${isTeam ? " of a team" : ""}; on record before it is answered`,
  tag: "channels",
  ...(method === "Post" && { body: "application/octet-stream" }),
  answers: { "200": "Taken, or what the platform waits for", ...ERRORS },
});
const hooks = (domain: string): Record<string, Record<string, Operation>> => ({
  [`/v1/${domain}/ingress/{channel}/{tenant}`]: { get: hook(domain, "Get", false), post: hook(domain, "Post", false) },
  [`/v1/${domain}/ingress/{channel}/{tenant}/{team}`]: {
    get: hook(domain, "Get", true),
    post: hook(domain, "Post", true),
  },
});
const call = (id: string): Operation => ({
  id,
  summary: "Runs a webhook flow and answers with what its turn gives",
  tag: "webhooks",
  body: "application/json",
  query: { session: "Goes on with a flow that waits, or begins one under this name" },
  answers: {
    "200": "What the flow answers; a flow may choose another status",
    "500": ["The flow failed", "Error"],
    ...ERRORS,
  },
});

const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/healthz": {
    get: { id: "health", summary: "Whether the process lives", tag: "host", answers: { "200": "It does" } },
  },
  "/readyz": {
    get: {
      id: "readiness",
      summary: "Whether the host should get traffic",
      tag: "host",
      answers: { "200": "It should", "503": "Not now" },
    },
  },
  "/status": { get: { id: "status", summary: "What the host runs", tag: "host", answers: { "200": "Its status" } } },
  "/openapi.json": {
    get: { id: "openApi", summary: "This document", tag: "host", answers: { "200": "OpenAPI 3.1" } },
  },
  ...hooks("messaging"),
  ...hooks("events"),
  "/v1/webhook/{tenant}/{flow}": { get: call("askFlow"), post: call("callFlow") },
  "/webhook/{flow}": { get: call("askDefaultFlow"), post: call("callDefaultFlow") },
  "/v1/messaging/webchat/{tenant}/token": {
    post: {
      id: "token",
      summary: "A token for a new conversation, where the tenant talks to anybody",
      tag: "webchat",
      body: "TokenRequest",
      answers: TALK,
    },
  },
  [`${DIRECT_LINE}/tokens/generate`]: {
    post: {
      id: "generateToken",
      summary: "A token for a new conversation, by a secret",
      tag: "webchat",
      body: "TokenRequest",
      isAuthorised: true,
      answers: TALK,
    },
  },
  [`${DIRECT_LINE}/tokens/refresh`]: {
    post: {
      id: "refreshToken",
      summary: "A fresh token for a living one",
      tag: "webchat",
      isAuthorised: true,
      answers: TALK,
    },
  },
  [`${DIRECT_LINE}/conversations`]: {
    post: {
      id: "startConversation",
      summary: "Opens the token's conversation, or a new one by a secret",
      tag: "webchat",
      body: "TokenRequest",
      isAuthorised: true,
      answers: { "201": ["", "Connection"], ...TALKED },
    },
  },
  [`${DIRECT_LINE}/conversations/{conversation}`]: {
    get: {
      id: "reconnect",
      summary: "A new stream for a conversation",
      tag: "webchat",
      isAuthorised: true,
      query: { watermark: "Replays what came after it" },
      answers: TALK,
    },
  },
  [`${DIRECT_LINE}/conversations/{conversation}/activities`]: {
    get: {
      id: "readActivities",
      summary: "What was said",
      tag: "webchat",
      isAuthorised: true,
      query: { watermark: "Only what came after it" },
      answers: { "200": ["", "ActivitySet"], ...TALKED },
    },
    post: {
      id: "postActivity",
      summary: "Says something; on record before it is answered",
      tag: "webchat",
      body: "Activity",
      isAuthorised: true,
      answers: { "200": ["", "ResourceId"], ...TALKED },
    },
  },
  [`${DIRECT_LINE}/conversations/{conversation}/upload`]: {
    post: {
      id: "upload",
      summary: "Says something with files; on record before it is answered",
      tag: "webchat",
      body: "multipart/form-data",
      isAuthorised: true,
      answers: { "200": ["", "ResourceId"], ...TALKED },
    },
  },
  [`${DIRECT_LINE}/conversations/{conversation}/stream`]: {
    get: {
      id: "stream",
      summary: "A WebSocket of activity sets; its address is given once by `streamUrl`",
      tag: "webchat",
      query: { t: "The ticket of the address", watermark: "Replays what came after it" },
      answers: { "101": "The stream is open", "404": ["Asked for without an upgrade", "Error"] },
    },
  },
  "/v1/web/config/{tenant}": {
    get: {
      id: "pageConfig",
      summary: "What the page must know of a tenant",
      tag: "page",
      answers: { "200": "It", ...ERRORS },
    },
  },
  "/v1/web/{pack}/{tenant}/{path}": {
    get: {
      id: "packPage",
      summary: "A file that a pack shows the web",
      tag: "page",
      answers: {
        "200": "The file",
        "304": "As it was",
        "308": "A folder, by its slash",
        "404": ["None there", "Error"],
      },
    },
  },
  "/": {
    get: { id: "page", summary: "The page", tag: "page", answers: { "200": "HTML", "404": ["Not built", "Error"] } },
  },
};

const SCHEMAS: JsonObject = {
  Error: object({ error: object({ code: { type: "string" }, message: { type: "string" }, help: { type: "string" } }) }),
  TokenRequest: {
    type: "object",
    properties: {
      user: { type: "object", properties: { id: { type: "string" }, name: { type: "string" } } },
      trustedOrigins: { type: "array", items: { type: "string" } },
      locale: { type: "string", description: "BCP 47" },
    },
  },
  Connection: {
    type: "object",
    required: ["conversationId", "token", "expires_in"],
    properties: {
      conversationId: { type: "string" },
      token: { type: "string" },
      expires_in: { type: "integer", description: "Seconds" },
      streamUrl: { type: "string", description: "Opens one stream within a minute; where the conversation was opened" },
    },
    description: "A token for one conversation",
  },
  Activity: {
    type: "object",
    required: ["type"],
    properties: {
      type: { enum: ["message", "event", "endOfConversation", "typing"] },
      from: { type: "object", properties: { id: { type: "string" } } },
      text: { type: "string" },
      value: {},
      locale: { type: "string" },
      channelData: { type: "object", properties: { clientActivityID: { type: "string" } } },
    },
  },
  ActivitySet: renewing({ activities: { type: "array", items: { type: "object" } }, watermark: { type: "string" } }),
  ResourceId: renewing({ id: { type: "string" } }),
};

function object(properties: JsonObject): JsonObject {
  return { type: "object", required: Object.keys(properties), properties };
}

/** An answer about activities, with a new token beside it once half the time of the old one is over. */
function renewing(properties: JsonObject): JsonObject {
  const renewal = object({ renewed_token: { type: "string" }, expires_in: { type: "integer" } });
  return { type: "object", required: Object.keys(properties), properties: { ...properties, _directline: renewal } };
}

/** Direct Line where it stands at the root too, under the names of the place. */
function rootOperations(): typeof OPERATIONS {
  const places = { "/v3/directline": "V3", "/directline": "Root" };
  const paths = Object.entries(OPERATIONS).filter(
    ([path]) => path.startsWith(DIRECT_LINE) && !path.endsWith("/stream"),
  );
  const moved = Object.entries(places).flatMap(([place, name]) =>
    paths.map(([path, operations]) => [
      path.replace(DIRECT_LINE, place),
      Object.fromEntries(
        Object.entries(operations).map(([method, one]) => [method, { ...one, id: `${one.id}${name}` }]),
      ),
    ]),
  );
  const token = OPERATIONS["/v1/messaging/webchat/{tenant}/token"]?.["post"];
  return { ...Object.fromEntries(moved), ...(token && { "/token": { post: { ...token, id: "tokenRoot" } } }) };
}

/** Makes the document of a host. */
export function openApiOf(host: { readonly hasMcp: boolean; readonly hasRootDirectLine: boolean }): JsonObject {
  const paths: Record<string, JsonObject> = {};
  const served = { ...OPERATIONS, ...(host.hasRootDirectLine ? rootOperations() : {}) };
  for (const [path, operations] of Object.entries(served)) {
    paths[path] = Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [method, describe(path, operation)]),
    );
  }
  if (host.hasMcp)
    paths["/v1/mcp/{tenant}"] = {
      post: describe("/v1/mcp/{tenant}", {
        id: "mcp",
        summary: "A tenant's flows as tools, by the Model Context Protocol over streamable HTTP",
        tag: "host",
        body: "application/json",
        isAuthorised: true,
        answers: { "200": "By the protocol", "401": "No token, or none that may" },
      }),
    };
  return {
    openapi: "3.1.1",
    info: { title: "Greentic", version: "1", description: "The HTTP side of a Greentic host." },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A conversation's token, or a secret" },
      },
    },
  };
}

function describe(path: string, { id, summary, tag, answers, body, query, isAuthorised }: Operation): JsonObject {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query ?? {}).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" },
  }));
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(body !== undefined && !id.startsWith("ask") && { requestBody: { content: contentOf(body) } }),
    ...(isAuthorised === true && { security: [{ bearer: [] }] }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => {
        const [description, schema] = typeof answer === "string" ? [answer, undefined] : answer;
        return [
          status,
          {
            description: description === "" ? "Done" : description,
            ...(schema !== undefined && { content: contentOf(schema) }),
          },
        ];
      }),
    ),
  };
}

function contentOf(body: string): JsonObject {
  return body.includes("/")
    ? { [body]: {} }
    : { "application/json": { schema: { $ref: `#/components/schemas/${body}` } } };
}
