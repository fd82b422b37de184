import type { Provider } from "../messaging/index.ts";
import type { Accepted, IngressEntry } from "../session/index.ts";
import type { TurnEvent } from "../telemetry/index.ts";

/** What observers are told of a message that was taken in; `locale` is the host's, where the message tells none. */
export function acceptedEvent(
  provider: Provider,
  entry: IngressEntry,
  {
    accepted,
    durationMs,
    locale,
  }: { readonly accepted: Accepted; readonly durationMs: number; readonly locale: string },
): TurnEvent {
  const { env, tenant, team, channel } = provider.address;
  return {
    kind: "message.accepted",
    ctx: {
      env,
      tenant,
      team,
      provider: channel,
      session: entry.key,
      traceId: entry.traceId,
      correlationId: entry.envelope.correlation_id ?? entry.traceId,
      attempt: 1,
      locale: entry.envelope.metadata["locale"] ?? locale,
    },
    duplicate: accepted.kind === "duplicate",
    atMs: entry.receivedAtMs,
    durationMs,
  };
}
