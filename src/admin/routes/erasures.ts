import type { Erasure } from "../../session/index.ts";
import { channelId, conversationId, teamId, userId } from "../../types/index.ts";
import { defineRoute } from "../route.ts";
import { count, foreign, object, token } from "../schemas.ts";

const whose = { "team?": token, "channel?": token, "conversation?": foreign, "user?": foreign };

/** Erasing what is kept of people. */
export const erasureRoutes = [
  defineRoute({
    id: "erase",
    method: "POST",
    path: "/admin/v1/tenants/{tenant}/erasures",
    summary: "Erase what is kept of the people, conversations, channels or teams that are named; at least one must be",
    scope: "tenant",
    role: "admin",
    effect: "change",
    action: "session.erase",
    body: { kind: "json", schema: { ...object(whose), minProperties: 1 } },
    answer: {
      status: 200,
      description: "How much went",
      schema: object({ sessions: count, dead_letters: count, rows: count, logs: count, files: count }),
    },
    async handle({ host, tenant, json }) {
      const { team, channel, conversation, user } = json as Readonly<Record<string, string>>;
      const erasure: Erasure = {
        env: host.env,
        tenant,
        ...(team !== undefined && { team: teamId(team) }),
        ...(channel !== undefined && { channel: channelId(channel) }),
        ...(conversation !== undefined && { conversation: conversationId(conversation) }),
        ...(user !== undefined && { user: userId(user) }),
      };
      const { sessions, deadLetters, rows, logs, files } = await host.erase(erasure);
      return { body: { sessions, dead_letters: deadLetters, rows, logs, files } };
    },
  }),
];
