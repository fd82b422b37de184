/**
 * What Slack posts: events as JSON, presses and forms as `payload=` JSON in a form, slash commands as a form.
 * A conversation is `channel`, or `channel/thread` in a thread. In channels the worker answers in the thread of what mentioned it, so that
 * each mention opens a conversation of its own; in direct messages the channel is the conversation.
 * @see https://docs.slack.dev/apis/events-api/
 */
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { Received, ReceivedMessage, WebhookRequest } from "../../provider.ts";
import { readEvent } from "./events.ts";
import { readCommand, readInteraction } from "./interactions.ts";
import type { SlackIdentity } from "./message.ts";

const NOTHING: Received = { kind: "messages", messages: [] };

/** Reads one verified request. @throws TYPES_JSON_INVALID for bodies that aren't what they say */
export function readSlack(request: WebhookRequest, identity: SlackIdentity): Received {
  const type = request.headers["content-type"];
  const isForm = typeof type === "string" && type.toLowerCase().startsWith("application/x-www-form-urlencoded");
  const form = isForm ? new URLSearchParams(Buffer.from(request.body).toString()) : undefined;
  const payload = form?.get("payload");
  const body =
    form === undefined
      ? parseJson(request.body)
      : payload === null || payload === undefined
        ? undefined
        : parseJson(payload);
  if (body !== undefined && !isJsonObject(body)) return NOTHING;
  const workspace = body === undefined ? form?.get("team_id") : workspaceOf(body);
  if (identity.workspace !== undefined && body?.type !== "url_verification" && workspace !== identity.workspace)
    return { kind: "refused", reason: "workspace" };
  if (body === undefined) return messages(form === undefined ? undefined : readCommand(form, identity));
  if (form !== undefined) return messages(readInteraction(body, identity));
  if (
    body.type === "url_verification" &&
    typeof body.challenge === "string" &&
    /^[\x21-\x7e]{1,500}$/.test(body.challenge)
  )
    return { kind: "answer", status: 200, contentType: "text/plain; charset=utf-8", body: body.challenge };
  return messages(body.type === "event_callback" ? readEvent(body, identity) : undefined);
}

const messages = (message: ReceivedMessage | undefined): Received =>
  message === undefined ? NOTHING : { kind: "messages", messages: [message] };

function workspaceOf(body: JsonObject): string | undefined {
  if (typeof body.team_id === "string") return body.team_id;
  return isJsonObject(body.team ?? null) ? textIn((body.team as JsonObject).id) : undefined;
}
