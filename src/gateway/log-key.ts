import type { Provider } from "../messaging/index.ts";
import { conversationOf } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { conversationId, formatSessionKey, userId } from "../types/index.ts";
import type { ConversationClaims } from "./conversation-tokens.ts";

type Speaker = Pick<ConversationClaims, "conversation" | "user">;

/** The key of the session of whoever speaks in a conversation. */
export function sessionKeyOf({ conversation, user }: Speaker, { address }: Provider): SessionKeyText {
  return formatSessionKey({ ...address, conversation: conversationId(conversation), user: userId(user) });
}

/** The key of a conversation's log. */
export function logKeyOf(claims: Speaker, provider: Provider): string {
  return conversationOf(sessionKeyOf(claims, provider));
}
