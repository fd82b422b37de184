import { GreenticError } from "./errors.ts";
import { channelId, conversationId, envId, quote, teamId, tenantId, userId } from "./ids.ts";
import type { ChannelId, ConversationId, EnvId, TeamId, TenantId, UserId } from "./ids.ts";
import { decodeKeyToken, encodeKeyToken } from "./key-token.ts";

/** Names one conversation of one person; the scope of a session, its inbox, its outbox and its state. */
export interface SessionKey {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly channel: ChannelId;
  readonly conversation: ConversationId;
  readonly user: UserId;
}

/** A {@link SessionKey} in its one text form, `env:tenant:team:channel:conversation:user`; the store's key. */
export type SessionKeyText = string & { readonly __sessionKey: true };

/** Formats a session key; injective, since every part is a token or encoded as one. */
export function formatSessionKey(key: SessionKey): SessionKeyText {
  return `${key.env}:${key.tenant}:${key.team}:${key.channel}:${encodeKeyToken(key.conversation)}:${encodeKeyToken(key.user)}` as SessionKeyText;
}

/** Parses what {@link formatSessionKey} made. @throws TYPES_KEY_INVALID or TYPES_ID_INVALID */
export function parseSessionKey(text: string): SessionKey {
  const [env, tenant, team, channel, conversation, user, ...rest] = text.split(":");
  if (
    env === undefined ||
    tenant === undefined ||
    team === undefined ||
    channel === undefined ||
    conversation === undefined ||
    user === undefined ||
    rest.length > 0
  ) {
    throw new GreenticError("TYPES_KEY_INVALID", `Parse session key: expected 6 parts, got ${quote(text)}`);
  }
  return {
    env: envId(env),
    tenant: tenantId(tenant),
    team: teamId(team),
    channel: channelId(channel),
    conversation: conversationId(decodeKeyToken(conversation)),
    user: userId(decodeKeyToken(user)),
  };
}
