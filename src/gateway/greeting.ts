import type { Provider } from "../messaging/index.ts";
import type { ConversationClaims } from "./conversation-tokens.ts";
import { logKeyOf } from "./log-key.ts";
import type { GatewayOptions } from "./options.ts";

/** As long as a token can live: until then a conversation that was opened and left alone may be opened again. */
const GREETED_TTL_MS = 7 * 24 * 3_600_000;

/**
 * Sends a conversation that nobody wrote in yet to its flow as an empty message with `metadata.autoStart`, so that the worker may
 * speak first. Once per conversation, however often it is opened and through whichever host.
 */
export async function greet(
  { runtime }: Pick<GatewayOptions, "runtime">,
  provider: Provider,
  claims: Omit<ConversationClaims, "expiresAtMs">,
): Promise<void> {
  const said = await runtime.store.readLog(logKeyOf(claims, provider), { after: -1, limit: 1 });
  if (said.length > 0) return;
  const { env, tenant, team, channel } = provider.address;
  const { conversation, user, locale } = claims;
  const dedupeKey = `dl-start:${conversation}`;
  await runtime.accept(provider, {
    envelope: {
      id: dedupeKey,
      tenant: { env, tenant, team, user },
      channel,
      session_id: conversation,
      reply_scope: { conversation },
      from: { id: user, kind: "user" },
      text: "",
      attachments: [],
      metadata: { autoStart: "true", universal: "true", ...(locale === undefined ? {} : { locale }) },
    },
    dedupeKey,
    dedupeTtlMs: GREETED_TTL_MS,
    conversation,
    user,
    ...(locale === undefined ? {} : { locale }),
  });
}
