/**
 * Bot Framework activities as Teams sends them: `message` (typed, or a card's Action.Submit in `value`), `invoke` (a card's
 * Action.Execute, a dialog's submit), and news of the conversation that starts nothing.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#activity-object
 */
import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import type { ChannelAddress, HookAnswer, Received, ReceivedMessage } from "../../provider.ts";
import { localeIn, submittedFields } from "../../submitted-fields.ts";

const ID = /^[\x21-\x7e]{1,400}$/;
const TEXT_TYPES = /^text\/(?:html|plain)$/i;

/** What an action was that Teams waits for an answer to: its data, and the answer. */
interface Invoked {
  readonly value: JsonObject;
  readonly answer: HookAnswer;
}

/** Reads a verified activity. What is answered in the same response is answered at once; what the flow says comes as a message. */
export function readActivity(
  activity: JsonObject,
  { address, appId }: { readonly address: ChannelAddress; readonly appId: string },
): Exclude<Received, { kind: "refused" }> {
  const none: Received = { kind: "messages", messages: [] };
  if (isOwn(activity, appId)) return none;
  switch (activity.type) {
    case "message": {
      const submitted = objectIn(activity.value);
      const message = readMessage(activity, { address, value: submitted && withoutTeams(submitted) });
      return message === undefined ? none : { kind: "messages", messages: [message] };
    }
    case "invoke": {
      const invoked = readInvoke(activity);
      // What the platform's own libraries answer where nothing handles an invoke.
      if (invoked === undefined) return { kind: "answer", ...json(501, {}) };
      const message = readMessage(activity, { address, value: invoked.value });
      return { kind: "messages", messages: message === undefined ? [] : [message], answer: invoked.answer };
    }
    default:
      return none;
  }
}

/** Whose activity it is: our own come back in some conversations, and other workers' would talk to ours for ever. */
function isOwn(activity: JsonObject, appId: string): boolean {
  const from = objectIn(activity.from);
  const id = textIn(from?.id) ?? "";
  return from?.role === "bot" || id === objectIn(activity.recipient)?.id || id.startsWith("28:") || id === appId;
}

function readInvoke(activity: JsonObject): Invoked | undefined {
  const value = objectIn(activity.value) ?? {};
  switch (activity.name) {
    case "adaptiveCard/action": {
      const action = objectIn(value.action) ?? {};
      const verb = textIn(action.verb);
      const data = withoutTeams(objectIn(action.data) ?? {});
      const answer = json(200, { statusCode: 200, type: "application/vnd.microsoft.activity.message", value: "✓" });
      return { value: verb === undefined ? data : { action: verb, ...data }, answer };
    }
    case "task/submit":
      // An empty answer closes the dialog.
      return { value: withoutTeams(objectIn(value.data) ?? {}), answer: json(200, {}) };
    case "task/fetch": {
      const answer = json(200, { task: { type: "message", value: "✓" } });
      return { value: withoutTeams(objectIn(value.data) ?? {}), answer };
    }
    default:
      return undefined;
  }
}

function json(status: number, body: JsonObject): HookAnswer {
  return { status, contentType: "application/json; charset=utf-8", body: JSON.stringify(body) };
}

/** What Teams itself put into a card's data is not the flow's. */
function withoutTeams({ msteams: _teams, ...data }: JsonObject): JsonObject {
  return data;
}

function readMessage(
  activity: JsonObject,
  { address, value }: { readonly address: ChannelAddress; readonly value: JsonObject | undefined },
): ReceivedMessage | undefined {
  const from = objectIn(activity.from);
  const conversation = textIn(objectIn(activity.conversation)?.id);
  const [id, user] = [textIn(activity.id), textIn(from?.id)];
  if (id === undefined || !ID.test(id) || user === undefined || conversation === undefined) return undefined;
  const text = spokenText(activity);
  const attachments = attachmentsOf(activity);
  const hasValue = value !== undefined && Object.keys(value).length > 0;
  if (text === undefined && attachments.length === 0 && !hasValue && activity.type === "message") return undefined;
  const locale = localeIn(activity.locale);
  const name = textIn(from?.name);
  const directoryId = textIn(from?.aadObjectId);
  const replyTo = textIn(activity.replyToId);
  const envelope: ChannelMessageEnvelope = {
    id: `teams:${id}`,
    tenant: { env: address.env, tenant: address.tenant, team: address.team, user },
    channel: address.channel,
    session_id: conversation,
    // The service URL is where this conversation is written to: verified with the message, kept by the session while it waits.
    reply_scope: { conversation, reply_to: id, correlation: textIn(activity.serviceUrl) ?? "" },
    from: { id: user, kind: "user", ...(name === undefined ? {} : { name }) },
    to: [{ id: conversation, kind: "chat" }],
    ...(text === undefined ? {} : { text }),
    attachments,
    metadata: {
      ...(value === undefined ? {} : submittedFields(value)),
      universal: "true",
      ...(locale === undefined ? {} : { locale }),
      ...(directoryId === undefined ? {} : { directory_id: directoryId }),
      ...(replyTo === undefined ? {} : { in_reply_to: replyTo }),
    },
    ...(hasValue ? { extensions: { channel_data: { value } } } : {}),
  };
  // One activity id may be used once per conversation.
  const dedupeKey = `teams:${conversation.length}:${conversation}:${id}`;
  return { envelope, dedupeKey, conversation, user, ...(locale === undefined ? {} : { locale }) };
}

/** The text without the mention that called the worker; other people's mentions become their names. */
function spokenText(activity: JsonObject): string | undefined {
  let text = typeof activity.text === "string" ? activity.text : "";
  const worker = objectIn(activity.recipient)?.id;
  for (const entity of objectsIn(activity.entities)) {
    const mentioned = objectIn(entity.mentioned);
    const written = textIn(entity.text);
    if (entity.type !== "mention" || written === undefined) continue;
    text = text.replaceAll(written, mentioned?.id === worker ? "" : (textIn(mentioned?.name) ?? written));
  }
  const said = text
    .replaceAll("&nbsp;", " ")
    .replaceAll(/<\/?at(?:\s[^<>]*)?>/g, "")
    .trim();
  return said === "" ? undefined : said;
}

/** Files as Teams names them; fetching them needs the app's token or a share of the file, so no URL is handed on. */
function attachmentsOf(activity: JsonObject): readonly Attachment[] {
  const found: Attachment[] = [];
  for (const { contentType, contentUrl, content, name } of objectsIn(activity.attachments)) {
    const type = textIn(contentType);
    // The formatted double of the text.
    if (type === undefined || TEXT_TYPES.test(type)) continue;
    const url = textIn(contentUrl);
    const kept: JsonValue = { ...objectIn(content), ...(url === undefined ? {} : { content_url: url }) };
    found.push({ mime_type: type, content: kept, ...(typeof name === "string" && name !== "" ? { name } : {}) });
  }
  return found;
}
