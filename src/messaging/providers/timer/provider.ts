import { createEventProvider } from "../../event-provider.ts";
import { eventType } from "../../event-type.ts";
import type { ChannelAddress, Provider, ProviderTimer } from "../../provider.ts";

/** What a channel of times needs. */
export interface TimerOptions {
  readonly address: ChannelAddress;
  /** Without any nothing comes. */
  readonly times: ProviderTimer["times"] | undefined;
  readonly catchUp?: NonNullable<ProviderTimer["catchUp"]>;
  /** The event's type; default `timer.{channel}`. */
  readonly event?: string;
}

// Firings are named by the relay that runs them; requests are none of this channel's.
const DEDUPE_TTL_MS = 0;

/** The channel whose events come by themselves, each once on whatever number of hosts. */
export function createTimerProvider({ address, times, catchUp, event }: TimerOptions): Provider {
  const type = event ?? eventType("timer", address.channel);
  return createEventProvider(address, {
    type: "timer",
    dedupeTtlMs: DEDUPE_TTL_MS,
    ...(times === undefined
      ? {}
      : {
          timer: {
            times,
            ...(catchUp === undefined ? {} : { catchUp }),
            eventAt: (atMs) => {
              const due = new Date(atMs).toISOString();
              const id = `${address.channel}-${atMs}`;
              const data = { now: due, scheduled_at: due, schedule_id: address.channel };
              return { dedupeKey: id, id, type, timeMs: atMs, data };
            },
          },
        }),
  });
}
