import type { World } from "../../../types/index.ts";
import { createEventProvider } from "../../event-provider.ts";
import type { ChannelAddress, Provider } from "../../provider.ts";
import { DEDUPE_TTL_MS } from "./limits.ts";
import { readStripeEvent } from "./receive.ts";
import { verifyStripe } from "./verify.ts";

/** What a Stripe channel needs. */
export interface StripeOptions {
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs">;
  /** The endpoint's secrets; two while one is rolled. Without one every request is refused. */
  readonly secrets: () => Promise<readonly string[]>;
}

/** The channel of a Stripe webhook endpoint: each event is one. */
export function createStripeProvider({ address, world, secrets }: StripeOptions): Provider {
  return createEventProvider(address, {
    type: "stripe",
    dedupeTtlMs: DEDUPE_TTL_MS,
    receive: async (request) => {
      const refusal = verifyStripe(request, await secrets(), world.nowMs());
      if (refusal !== undefined) return { kind: "refused", reason: refusal };
      return { kind: "messages", messages: [], events: [readStripeEvent(request.body)] };
    },
  });
}
