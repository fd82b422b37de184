import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { ConsentEnd } from "../oauth/index.ts";
import { GreenticError, parseSessionKey, quote } from "../types/index.ts";
import type { OwnRequest } from "./own-envelope.ts";

/** Longer than any wait for a consent, so that a callback that is answered twice wakes its flow once. */
const DEDUPE_TTL_MS = 86_400_000;

/** Makes the message that wakes the flow that waits for a consent. @throws RUNNER_CHANNEL_MISSING */
export function consentMessage(
  { waiting: { session, code }, outcome, error }: ConsentEnd,
  providerOf: (channelKey: string) => Provider | undefined,
): { readonly provider: Provider; readonly message: ReceivedMessage; readonly request: OwnRequest } {
  const { env, tenant, team, channel, conversation, user } = parseSessionKey(session);
  const provider = providerOf(`${env}:${tenant}:${team}:${channel}`);
  if (provider === undefined)
    throw new GreenticError("RUNNER_CHANNEL_MISSING", `Continue after a consent: no channel ${quote(channel)}`);
  const name = `consent:${code}`;
  return {
    provider,
    message: {
      envelope: {
        id: name,
        tenant: { env, tenant, team },
        channel,
        session_id: conversation,
        text: "",
        attachments: [],
        metadata: {},
      },
      dedupeKey: name,
      dedupeTtlMs: Math.max(provider.dedupeTtlMs, DEDUPE_TTL_MS),
      conversation,
      user,
    },
    request: { consent: { code, outcome, ...(error !== undefined && { error }) } },
  };
}
