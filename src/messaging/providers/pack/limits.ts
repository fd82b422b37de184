import type { ProviderPace, ProviderTraits } from "../../../types/index.ts";
import { BucketPace } from "../../bucket-pace.ts";
import type { SendRate } from "../../provider.ts";

/** The paces that a provider pack declares, widest first. */
export function packRates({ pace, conversationPace }: ProviderTraits): (conversation: string) => readonly SendRate[] {
  return (conversation) => [
    ...(pace === undefined ? [] : [{ name: "channel", rate: rateOf(pace) }]),
    ...(conversationPace === undefined ? [] : [{ name: `to:${conversation}`, rate: rateOf(conversationPace) }]),
  ];
}

/** The pace of one channel as this process knows it. */
export function packPace(traits: ProviderTraits): BucketPace {
  return new BucketPace(packRates(traits));
}

function rateOf({ perMinute, burst }: ProviderPace): SendRate["rate"] {
  return { capacity: burst, perSecond: perMinute / 60 };
}
