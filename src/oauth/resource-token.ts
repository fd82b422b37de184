import * as oauth from "oauth4webapi";
import type { World } from "../types/index.ts";
import type { TokenSet } from "./authorization-code.ts";
import { tokenSetOf } from "./authorization-code.ts";
import type { Provider } from "./provider.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, requestOptions } from "./send-request.ts";

const MARGIN_MS = 60_000;
const KEPT_MAX = 1_000;

/**
 * Tokens of a tenant itself, without a person: client credentials, for the provider's resource where it has one. They are asked for
 * again rather than kept: only memory has them.
 * @see RFC 6749 §4.4, RFC 8707
 */
export class ResourceTokens {
  readonly #fetch: Fetch;
  readonly #world: World;
  readonly #kept = new Map<string, { readonly asked: Promise<TokenSet>; tokens?: TokenSet }>();

  constructor({ fetch, world }: { readonly fetch: Fetch; readonly world: World }) {
    this.#fetch = fetch;
    this.#world = world;
  }

  /** Gives a token for scopes, one request at a time for each. `key` names whose it is. @throws what `providerError` makes */
  async get(
    provider: Provider,
    { key, scopes }: { readonly key: string; readonly scopes: readonly string[] },
  ): Promise<TokenSet> {
    const name = JSON.stringify([key, provider.config.name, provider.client.client_id, [...scopes].sort()]);
    const known = this.#kept.get(name);
    if (known !== undefined && (known.tokens === undefined || this.#isGood(known.tokens))) return known.asked;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    const entry: { readonly asked: Promise<TokenSet>; tokens?: TokenSet } = { asked: this.#ask(provider, scopes) };
    this.#kept.set(name, entry);
    try {
      return (entry.tokens = await entry.asked);
    } catch (error) {
      this.#kept.delete(name);
      throw error;
    }
  }

  #isGood({ expiresAtMs }: TokenSet): boolean {
    return expiresAtMs !== undefined && expiresAtMs - MARGIN_MS > this.#world.nowMs();
  }

  async #ask({ config, server, client, auth }: Provider, scopes: readonly string[]): Promise<TokenSet> {
    try {
      const parameters = {
        ...(scopes.length > 0 && { scope: scopes.join(" ") }),
        ...(config.resource !== undefined && { resource: config.resource }),
      };
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        auth,
        parameters,
        requestOptions(this.#fetch),
      );
      const tokens = await oauth.processClientCredentialsResponse(server, client, response);
      return tokenSetOf(tokens, { scopes, world: this.#world });
    } catch (error) {
      throw providerError("Get a resource token", config.name, error);
    }
  }
}
