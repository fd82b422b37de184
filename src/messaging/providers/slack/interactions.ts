import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { applyChoice, CHOICE_TOKEN_KEY, isChoiceToken } from "../../choice.ts";
import { textIn } from "../../json-parts.ts";
import type { ReceivedMessage } from "../../provider.ts";
import { localeIn, submittedFields } from "../../submitted-fields.ts";
import { inputValues, valueOf } from "./input-blocks.ts";
import type { SlackIdentity, SlackSource } from "./message.ts";
import { messageOf, objectOf } from "./message.ts";

/** Reads a press (`block_actions`) or a modal's form (`view_submission`); shortcuts and the rest start nothing. */
export function readInteraction(payload: JsonObject, identity: SlackIdentity): ReceivedMessage | undefined {
  if (payload.type === "block_actions") return readPress(payload, identity);
  return payload.type === "view_submission" ? readForm(payload, identity) : undefined;
}

function readPress(payload: JsonObject, identity: SlackIdentity): ReceivedMessage | undefined {
  const [pressed] = Array.isArray(payload.actions) ? (payload.actions as readonly JsonValue[]) : [];
  const action = objectOf(pressed);
  const actionId = textIn(action.action_id) ?? "";
  const [, use = "n", card = ""] = /^([uns])(\d+):/.exec(actionId) ?? [];
  // A button that leads somewhere tells of its press too; an input tells of itself once its card is submitted.
  if (use === "u" || /^i\d+:/.test(actionId)) return undefined;
  const container = objectOf(payload.container);
  const message = objectOf(payload.message);
  const channel = textIn(objectOf(payload.channel).id) ?? textIn(container.channel_id);
  const trigger = textIn(payload.trigger_id) ?? textIn(action.action_ts);
  const value = textIn(action.value) ?? valueOf(action);
  if (channel === undefined || trigger === undefined || value === undefined) return undefined;
  const source = sourceOf(payload, `sl:${workspaceOf(payload)}:press:${trigger}`, {
    channel,
    thread: textIn(container.thread_ts) ?? textIn(message.thread_ts),
    replyTo: textIn(message.ts) ?? textIn(container.message_ts),
  });
  const inputs = use === "s" ? inputValues(objectOf(payload.state).values, card) : {};
  return source && submit(source, { value, title: textIn(objectOf(action.text).text), inputs }, identity);
}

/** A press says its value; with inputs beside it, it submits them with its own fields, as cards do everywhere. */
function submit(
  source: SlackSource,
  { value, title, inputs }: { readonly value: string; readonly title: string | undefined; readonly inputs: JsonObject },
  identity: SlackIdentity,
): ReceivedMessage {
  const isToken = isChoiceToken(value);
  const hasInputs = Object.keys(inputs).length > 0;
  const base = messageOf(
    source,
    {
      text: isToken ? (title ?? value) : value,
      metadata: {
        ...(title === undefined ? {} : { choice_title: title }),
        ...(isToken ? { [CHOICE_TOKEN_KEY]: value, ...submittedFields(inputs) } : {}),
      },
    },
    identity,
  );
  if (isToken) return base;
  const chosen = applyChoice(base.envelope, value);
  if (!hasInputs) return { ...base, envelope: chosen };
  const fields = chosen.text === undefined ? objectOf(objectOf(chosen.extensions?.channel_data).value) : {};
  const whole = applyChoice(base.envelope, JSON.stringify({ ...fields, ...inputs }));
  // A value that is a text stays one, beside the fields.
  return {
    ...base,
    envelope: chosen.text === undefined || chosen.text === title ? whole : { ...whole, text: chosen.text },
  };
}

function readForm(payload: JsonObject, identity: SlackIdentity): ReceivedMessage | undefined {
  const view = objectOf(payload.view);
  const user = textIn(objectOf(payload.user).id);
  const id = textIn(view.id);
  if (user === undefined || id === undefined) return undefined;
  const { conversation, ...own } = privateFields(view.private_metadata);
  const [channel = user, thread] = typeof conversation === "string" ? conversation.split("/") : [user];
  const key = `sl:${workspaceOf(payload)}:view:${id}:${textIn(view.hash) ?? ""}`;
  const source = sourceOf(payload, key, { channel, thread });
  const fields: Record<string, JsonValue> = { ...own };
  for (const block of Object.values(objectOf(objectOf(view.state).values))) {
    for (const [name, state] of Object.entries(objectOf(block))) {
      const value = valueOf(objectOf(state));
      if (value !== undefined && name !== "__proto__") fields[name.replace(/^i\d+:/, "")] = value;
    }
  }
  if (source === undefined) return undefined;
  const base = messageOf(source, { metadata: metadataOf(view) }, identity);
  return { ...base, envelope: applyChoice(base.envelope, JSON.stringify(fields)) };
}

const metadataOf = (view: JsonObject): Readonly<Record<string, string>> =>
  textIn(view.callback_id) === undefined ? {} : { callback_id: view.callback_id as string };

/** What was laid into the modal when it was opened: `{ conversation, … }`, further fields for the flow. */
function privateFields(value: JsonValue | undefined): JsonObject {
  const text = textIn(value);
  if (text === undefined || !text.startsWith("{")) return {};
  try {
    const parsed = parseJson(text);
    return isJsonObject(parsed) ? parsed : {};
  } catch {
    // Another maker's note to itself.
    return {};
  }
}

function sourceOf(
  payload: JsonObject,
  dedupeKey: string,
  place: Pick<SlackSource, "channel" | "thread" | "replyTo">,
): SlackSource | undefined {
  const person = objectOf(payload.user);
  const user = textIn(person.id);
  if (user === undefined) return undefined;
  return { ...place, dedupeKey, user, userName: textIn(person.name) ?? textIn(person.username) };
}

const workspaceOf = (payload: JsonObject): string => textIn(objectOf(payload.team).id) ?? "";

/** Reads a slash command: its name and text are the message, its channel the conversation. */
export function readCommand(form: URLSearchParams, identity: SlackIdentity): ReceivedMessage | undefined {
  const [command, channel, user, trigger] = ["command", "channel_id", "user_id", "trigger_id"].map((name) =>
    textIn(form.get(name) ?? undefined),
  );
  if (command === undefined || channel === undefined || user === undefined || trigger === undefined) return undefined;
  const text = form.get("text")?.trim() ?? "";
  const message = messageOf(
    {
      dedupeKey: `sl:${form.get("team_id") ?? ""}:command:${trigger}`,
      channel,
      user,
      userName: textIn(form.get("user_name") ?? undefined),
    },
    { text: text === "" ? command : `${command} ${text}`, metadata: { command } },
    identity,
  );
  const locale = localeIn(form.get("locale") ?? undefined);
  return locale === undefined ? message : { ...message, locale };
}
