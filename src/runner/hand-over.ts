import { hash } from "node:crypto";
import type { Provider, ReceivedEvent, ReceivedMessage, ReceivedNotice } from "../messaging/index.ts";
import type { JsonObject } from "../types/index.ts";
import type { FlowEvent } from "./event-flows.ts";
import type { OwnRequest } from "./own-envelope.ts";
import type { Relayed } from "./relay.ts";
import { RELAY_USER } from "./relay.ts";

/** What comes in by a channel and goes on by the team's relay: an inbox entry whose turn commits one relay row and does nothing else. */
interface HandOver {
  readonly message: ReceivedMessage;
  readonly request: OwnRequest;
}

/** Makes the entry of an event from outside: each in a session of its own, so that none waits for another. */
export function handEventOver(provider: Provider, event: ReceivedEvent, nowMs: number): HandOver {
  const name = hash("sha256", event.dedupeKey, "hex").slice(0, 32);
  return handOver(provider, {
    dedupeKey: event.dedupeKey,
    conversation: `event-${name}`,
    relayed: { kind: "event", event: flowEventOf(provider, event, nowMs) },
  });
}

/** The event as flows see it; its hops tell that it comes from outside. */
function flowEventOf(provider: Provider, event: ReceivedEvent, nowMs: number): FlowEvent {
  const { env, tenant, team, channel } = provider.address;
  const { id, type, subject, timeMs = nowMs, data } = event;
  return {
    specversion: "1.0",
    id,
    type,
    source: `/${env}/${tenant}/${team}/${channel}`,
    time: new Date(timeMs).toISOString(),
    datacontenttype: "application/json",
    ...(subject === undefined ? {} : { subject }),
    data,
    greentichops: 0,
  };
}

/** Makes the entry of a notice: those of a lane share a session, so that they are completed in their order. */
export function handNoticeOver(provider: Provider, { dedupeKey, lane, data }: ReceivedNotice): HandOver {
  const name = hash("sha256", lane, "hex").slice(0, 32);
  return handOver(provider, {
    dedupeKey,
    conversation: `notice-${name}`,
    relayed: { kind: "notice", channel: provider.address.channel, notice: data },
  });
}

function handOver(
  { address: { env, tenant, team, channel } }: Provider,
  {
    dedupeKey,
    conversation,
    relayed,
  }: { readonly dedupeKey: string; readonly conversation: string; readonly relayed: Relayed },
): HandOver {
  const envelope = {
    id: dedupeKey,
    tenant: { env, tenant, team },
    channel,
    session_id: conversation,
    text: "",
    attachments: [],
    metadata: {},
  };
  return {
    message: { envelope, dedupeKey, conversation, user: RELAY_USER },
    request: { handOver: relayed as unknown as JsonObject },
  };
}
