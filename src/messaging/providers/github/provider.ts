import { createEventProvider } from "../../event-provider.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import { isAuthentic } from "../hub-signature.ts";
import { DEDUPE_TTL_MS, MAX_BODY_BYTES } from "./limits.ts";
import { readDelivery } from "./receive.ts";

/** What a GitHub channel needs. */
export interface GithubOptions {
  readonly address: ChannelAddress;
  /** The webhook's secrets; two while one is rotated. Without one every request is refused. */
  readonly secrets: () => Promise<readonly string[]>;
}

/** The channel of GitHub's webhooks, of repositories, organisations or an app: each delivery is an event. */
export function createGithubProvider({ address, secrets }: GithubOptions): Provider {
  return createEventProvider(address, {
    type: "github",
    dedupeTtlMs: DEDUPE_TTL_MS,
    maxBodyBytes: MAX_BODY_BYTES,
    receive: async (request) => {
      const isKnown = isAuthentic(request, await secrets());
      return isKnown && request.method === "POST" ? readDelivery(request) : { kind: "refused", reason: "signature" };
    },
  });
}
