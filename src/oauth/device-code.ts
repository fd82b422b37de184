import * as oauth from "oauth4webapi";
import type { World } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { TokenSet } from "./authorization-code.ts";
import { tokenSetOf } from "./authorization-code.ts";
import type { Provider } from "./provider.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, refusalOf, requestOptions } from "./send-request.ts";

/** What a person has to be told. */
export interface DevicePrompt {
  readonly userCode: string;
  readonly verificationUri: string;
  /** With the code in it, where the provider has such a page. */
  readonly completeUri?: string;
  readonly expiresInSeconds: number;
}

const DEFAULT_INTERVAL_SECONDS = 5;
const SLOWER_SECONDS = 5;

/**
 * Gets tokens where there is no browser: the person enters a code elsewhere, this asks until they have.
 * @see RFC 8628
 * @throws OAUTH_PROVIDER_INVALID where the provider offers none, OAUTH_DEVICE_EXPIRED, OAUTH_CONSENT_DENIED, OAUTH_PROVIDER_UNAVAILABLE
 */
export async function loginByDevice(
  { config, server, client, auth }: Provider,
  options: {
    readonly scopes: readonly string[];
    readonly fetch: Fetch;
    readonly world: World;
    readonly tell: (prompt: DevicePrompt) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TokenSet> {
  const { scopes, fetch, world, tell, signal } = options;
  if (server.device_authorization_endpoint === undefined)
    throw new GreenticError("OAUTH_PROVIDER_INVALID", `Log in at ${quote(config.name)}: it knows no device codes`);
  const request = requestOptions(fetch);
  try {
    const response = await oauth.deviceAuthorizationRequest(server, client, auth, { scope: scopes.join(" ") }, request);
    const device = await oauth.processDeviceAuthorizationResponse(server, client, response);
    tell({
      userCode: device.user_code,
      verificationUri: device.verification_uri,
      ...(device.verification_uri_complete !== undefined && { completeUri: device.verification_uri_complete }),
      expiresInSeconds: device.expires_in,
    });
    const untilMs = world.monotonicMs() + device.expires_in * 1_000;
    let intervalSeconds = device.interval ?? DEFAULT_INTERVAL_SECONDS;
    while (world.monotonicMs() < untilMs) {
      signal?.throwIfAborted();
      await pause(world, intervalSeconds * 1_000);
      try {
        const answer = await oauth.deviceCodeGrantRequest(server, client, auth, device.device_code, request);
        return tokenSetOf(await oauth.processDeviceCodeResponse(server, client, answer), { scopes, world });
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === "slow_down") intervalSeconds += SLOWER_SECONDS;
        else if (refusal !== "pending") throw error;
      }
    }
  } catch (error) {
    throw providerError("Log in by device", config.name, error);
  }
  throw new GreenticError("OAUTH_DEVICE_EXPIRED", `Log in at ${quote(config.name)}: nobody entered the code in time`);
}

function pause(world: World, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.schedule(ms, resolve);
  return promise;
}
