// The client under test of the official MCP conformance suite: it runs this file with a server's URL as its last argument, the
// scenario's name in MCP_CONFORMANCE_SCENARIO and what a scenario needs beside in MCP_CONFORMANCE_CONTEXT.
//   conformance client --command "node test/conformance/mcp-client.ts" --suite all
import { randomBytes } from "node:crypto";
import { CrossAppAccessProvider, requestJwtAuthorizationGrant } from "@modelcontextprotocol/client";
import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import { openHttp } from "../../src/http/index.ts";
import type { AnswerElicitation, OAuthRecord } from "../../src/mcp/index.ts";
import { elicitationKey, McpServers, OAuthSession, parseToolMap, Tools } from "../../src/mcp/index.ts";
import { createMachineWorld } from "../../src/runner/index.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { tenantCtx } from "../stand-ins/mcp-tools.ts";

const url = process.argv.at(-1) ?? "";
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? "";
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Readonly<Record<string, string>>;

/** What each scenario calls; the others look at how a session begins, and get the first tool that there is. */
const CALLS: Readonly<Record<string, readonly (readonly [tool: string, input: JsonObject])[]>> = {
  initialize: [],
  tools_call: [["add_numbers", { a: 5, b: 3 }]],
  "elicitation-sep1034-client-defaults": [["test_client_elicitation_defaults", {}]],
  "sse-retry": [["test_reconnection", {}]],
};

const world = createMachineWorld();
const services = {} as never;
const ctx = tenantCtx("conformance");

async function main(): Promise<void> {
  const calls = CALLS[scenario] ?? [["test-tool", {}]];
  const auth = authOf();
  const names = calls.length === 0 ? ["any"] : calls.map(([tool]) => tool);
  const map = parseToolMap(
    JSON.stringify({
      tools: names.map((name) => ({ name, server: "server", idempotent: true })),
      servers: { server: { url, ...(auth === undefined ? {} : { auth }) } },
    }),
    "toolmap.json",
  );
  const session = scenario === "auth/cross-app-access-complete-flow" ? crossAppAccess() : auth ? undefined : consent();
  await using servers = new McpServers({
    world,
    secret: async (_ctx, _category, name) => context[name],
    // The suite's servers are on ports that nobody knows before.
    open: (_ctx, request, { signal }) =>
      openHttp(
        { ...request, origins: [new URL(request.url).origin] },
        { privateAddresses: ["127.0.0.0/8", "::1"], ...(signal && { signal }) },
      ),
    authorize: () => session,
  });
  const backend = servers.toolsOf({ pack: "conformance", servers: map.servers });
  const tools = new Tools(map, { world, host: undefined as never, componentOf: () => undefined, servers: backend });
  for (const [tool, input] of calls) {
    const result = await tools.call(ctx, { tool, input, services, answerNow: takeDefaults });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (result.kind !== "ok") process.exitCode = 1;
  }
  // A server without tools is a handshake that went well.
  if (calls.length === 0) {
    await tools.list(ctx, services).catch((error: { code?: string }) => {
      if (error.code !== "MCP_TOOL_UNKNOWN") throw error;
    });
  }
}

/** A person who takes what is proposed: the defaults are filled in on the way. */
const takeDefaults: AnswerElicitation = (elicitation) => ({
  key: elicitationKey(elicitation),
  action: "accept",
  content: {},
});

function authOf(): JsonValue | undefined {
  switch (scenario) {
    case "auth/client-credentials-basic":
      return { oauth: { client_id: context["client_id"] ?? "", secret: "client_secret" } };
    case "auth/client-credentials-jwt":
      return {
        oauth: {
          client_id: context["client_id"] ?? "",
          secret: "private_key_pem",
          algorithm: context["signing_algorithm"] ?? "",
        },
      };
    default:
      return undefined;
  }
}

/** An enterprise's identity provider vouches for the person: its token is traded for the server's, without a consent. */
function crossAppAccess(): OAuthClientProvider {
  const given = (name: string): string => context[name] ?? "";
  return new CrossAppAccessProvider({
    clientId: given("client_id"),
    clientSecret: given("client_secret"),
    assertion: async ({ authorizationServerUrl, resourceUrl, scope, fetchFn }) => {
      const grant = await requestJwtAuthorizationGrant({
        tokenEndpoint: given("idp_token_endpoint"),
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken: given("idp_id_token"),
        clientId: given("idp_client_id"),
        fetchFn,
        ...(scope === undefined ? {} : { scope }),
      });
      return grant.jwtAuthGrant;
    },
  });
}

/** A person who consents to everything: the suite's authorization servers send back at once. */
function consent(): OAuthClientProvider | undefined {
  if (!scenario.startsWith("auth/")) return undefined;
  let record: OAuthRecord | undefined;
  const { client_id: id, client_secret: secret } = context;
  return new OAuthSession({
    redirectUrl: "http://localhost:3000/callback",
    clientMetadataUrl: "https://conformance-test.local/client-metadata.json",
    ...(id === undefined ? {} : { client: { id, ...(secret === undefined ? {} : { secret }) } }),
    acceptsOtherIssuer: scenario === "auth/2025-03-26-oauth-metadata-backcompat",
    state: () => randomBytes(16).toString("hex"),
    load: async () => record,
    save: async (next) => void (record = next),
    visit: async (page) => {
      const response = await fetch(page, { redirect: "manual" });
      const location = URL.parse(response.headers.get("location") ?? "");
      return location?.searchParams;
    },
  });
}

await main();
