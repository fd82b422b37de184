import type { OAuthBroker } from "../oauth/index.ts";
import { CALLBACK_PATH } from "../oauth/index.ts";
import type { JsonObject } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { BrokerScope } from "./oauth-bodies.ts";
import { optionalText, textField } from "./oauth-bodies.ts";

/** What describing a provider needs. */
export interface Describing {
  readonly broker: OAuthBroker;
  readonly scope: BrokerScope;
  /** Where browsers reach this host; empty while nobody knows. */
  readonly base: string;
}

/** How somebody gets to tokens. @see upstream reference §5.4 */
interface GrantPath {
  readonly grant_type: string;
  readonly steps: readonly Step[];
  readonly action_links: readonly { readonly rel: string; readonly href: string; readonly method: string }[];
  readonly expected_artifacts: readonly string[];
}

interface Step {
  readonly name: string;
  readonly description: string;
  readonly inputs_needed: readonly object[];
  readonly outputs: readonly string[];
  readonly automatable: boolean;
}

const TOKENS = ["access_token", "expires_at"] as const;

/** Describes a provider: what it is asked for, and where. @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_PROVIDER_… */
export async function describeProvider(id: string, { broker, scope, base }: Describing): Promise<JsonObject> {
  const { name, preset, scopes, auth } = broker.providers.config(id, scope.tenant);
  const server = await broker.providers.metadata(id, scope.tenant);
  return {
    id: name,
    display_name: name,
    preset,
    issuer: server.issuer,
    grant_types: pathsOf(id, { broker, scope, base }, server).map(({ grant_type: type }) => type),
    ...(server.authorization_endpoint !== undefined && { auth_url: server.authorization_endpoint }),
    token_url: server.token_endpoint ?? "",
    ...(server.device_authorization_endpoint !== undefined && {
      device_code_url: server.device_authorization_endpoint,
    }),
    scopes: [...scopes],
    redirect_uri_templates: [`${base}${CALLBACK_PATH}/${name}`],
    token_endpoint_auth_methods: [auth === "post" ? "client_secret_post" : "client_secret_basic"],
  };
}

/** Tells what somebody must do and give before there are tokens. @throws as {@link describeProvider} */
export async function describeRequirements(id: string, on: Describing): Promise<JsonObject> {
  const server = await on.broker.providers.metadata(id, on.scope.tenant);
  return { provider_id: id, tenant: on.scope.tenant, grant_paths: pathsOf(id, on, server) as never };
}

/** Lays one way out as steps, and what to call next. @throws OAUTH_REQUEST_INVALID for a grant type that the provider has not */
export async function describeBlueprint(id: string, body: JsonObject, on: Describing): Promise<JsonObject> {
  const wanted = textField(body, "grant_type", 64);
  const team = optionalText(body, "team", 63);
  const server = await on.broker.providers.metadata(id, on.scope.tenant);
  const path = pathsOf(id, on, server).find(({ grant_type: type }) => type === wanted);
  if (path === undefined)
    throw new GreenticError("OAUTH_REQUEST_INVALID", `Lay out a flow: ${quote(id)} gives nothing for ${quote(wanted)}`);
  return {
    grant_type: path.grant_type,
    state: "init",
    ...(team !== undefined && { team }),
    steps: path.steps as never,
    next_actions: path.action_links as never,
  };
}

function pathsOf(
  id: string,
  { broker, scope, base }: Describing,
  server: Readonly<{ authorization_endpoint?: string; device_authorization_endpoint?: string }>,
): readonly GrantPath[] {
  const { scopes, clientId, clientSecret } = broker.providers.config(id, scope.tenant);
  const redirect = `${base}${CALLBACK_PATH}/${id}`;
  const input = (key: string, kind: string, value: string): object => ({ key, kind, required: true, default: value });
  const register: Step = {
    name: "register-app",
    description: "Register an application at the provider, and keep its credentials where this host finds them.",
    inputs_needed: [input("redirect_uri", "url", redirect)],
    outputs: ["client_id", "client_secret"],
    automatable: false,
  };
  const consent: Step = {
    name: "user-consent",
    description: "Ask for a link, and have the person open it.",
    inputs_needed: [{ ...input("scopes", "enum", scopes.join(" ")), allowed_values: scopes }],
    outputs: ["start_url", "token_handle"],
    automatable: false,
  };
  const redeem: Step = {
    name: "exchange-code",
    description: "The broker redeems the provider's answer by itself; tokens are asked for by their handle.",
    inputs_needed: [],
    outputs: TOKENS,
    automatable: true,
  };
  const link = (rel: string, path: string): GrantPath["action_links"] => [
    { rel, href: `${base}${path}`, method: "POST" },
  ];
  const all: (GrantPath | undefined)[] = [
    server.authorization_endpoint === undefined
      ? undefined
      : {
          grant_type: "authorization_code",
          steps: [register, consent, redeem],
          action_links: link("start-authorization", "/oauth/start"),
          expected_artifacts: [...TOKENS, "scopes"],
        },
    // A public client has nothing to prove itself with.
    clientId !== undefined && clientSecret === undefined
      ? undefined
      : {
          grant_type: "client_credentials",
          steps: [
            register,
            { ...redeem, name: "request-token", description: "The broker asks for the tenant itself." },
          ],
          action_links: link("request-token", "/oauth/resource-token"),
          expected_artifacts: TOKENS,
        },
    server.device_authorization_endpoint === undefined
      ? undefined
      : {
          grant_type: "device_code",
          steps: [
            register,
            {
              name: "enter-code",
              description: `An operator runs: gtc oauth login ${id} --device`,
              inputs_needed: [],
              outputs: [],
              automatable: false,
            },
          ],
          action_links: [],
          expected_artifacts: TOKENS,
        },
  ];
  return all.filter((path) => path !== undefined);
}
