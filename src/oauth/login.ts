import { timingSafeEqual } from "node:crypto";
import type { World } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";
import { authorizationUrl, redeemAnswer, requestAuthorization } from "./authorization-code.ts";
import type { OAuthBroker } from "./broker.ts";
import { randomText } from "./broker-keys.ts";
import type { DevicePrompt } from "./device-code.ts";
import { loginByDevice } from "./device-code.ts";
import type { GrantOwner } from "./grant-owner.ts";

const OPERATOR = "operator:cli";

/** A consent at a command line. */
export interface LoginOptions {
  readonly owner: GrantOwner;
  /** Default all that the provider's declaration lists. */
  readonly scopes?: readonly string[] | undefined;
  readonly world: World;
}

/**
 * Gets a consent through a browser of this machine, which comes back to it (RFC 8252): PKCE, state and issuer are checked as
 * everywhere. @throws OAUTH_…
 */
export async function loginByBrowser(
  broker: OAuthBroker,
  {
    owner,
    scopes,
    world,
    redirectUri,
    visit,
  }: LoginOptions & {
    readonly redirectUri: string;
    /** Sends a person to a page; resolves with the query with which they came back. */
    readonly visit: (page: string) => Promise<URLSearchParams>;
  },
): Promise<void> {
  const provider = await broker.providers.open(owner.provider, owner);
  const request = requestAuthorization(provider, { world, redirectUri, scopes: scopes ?? provider.config.scopes });
  const state = randomText(world.randomBytes(32));
  const answer = await visit(await authorizationUrl(provider, request, { state }));
  const came = Buffer.from(answer.get("state") ?? "");
  const sent = Buffer.from(state);
  if (came.byteLength !== sent.byteLength || !timingSafeEqual(came, sent))
    throw new GreenticError("OAUTH_STATE_INVALID", "Log in: the browser came back from somewhere else");
  const tokens = await redeemAnswer(provider, request, { answer, state, fetch: broker.fetch, world });
  await broker.grants.keep(owner, {
    tokens,
    issuer: request.issuer,
    clientId: request.clientId,
    visibility: "tenant",
    actor: OPERATOR,
  });
}

/** Gets a consent without a browser here. @throws OAUTH_… */
export async function loginByCode(
  broker: OAuthBroker,
  {
    owner,
    scopes,
    world,
    ...rest
  }: LoginOptions & { readonly tell: (prompt: DevicePrompt) => void; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const provider = await broker.providers.open(owner.provider, owner);
  const wanted = scopes ?? provider.config.scopes;
  const tokens = await loginByDevice(provider, { ...rest, scopes: wanted, fetch: broker.fetch, world });
  const { server, client } = provider;
  await broker.grants.keep(owner, {
    tokens,
    issuer: server.issuer,
    clientId: client.client_id,
    visibility: "tenant",
    actor: OPERATOR,
  });
}
