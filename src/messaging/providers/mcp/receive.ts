import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { ChannelAddress, ReceivedMessage } from "../../provider.ts";

/** The extension that tells what kind of call a message is; this channel alone writes it. */
const CALL_EXTENSION = "mcp_call";

/** What a flow's kinds may ask of the program that called it. */
export interface McpCall {
  /** Whether the program lends its language model. */
  readonly canSample: boolean;
  /** Whether the person turned down what was asked. */
  readonly isDeclined: boolean;
}

/** Makes the message of a call, or of the answer to what a call waits for. `id` names the delivery. */
export function receiveMcp(
  address: ChannelAddress,
  call: McpCall & {
    readonly conversation: string;
    readonly id: string;
    /** Arguments, or the fields of the answer. */
    readonly fields: JsonObject;
    /** The answer where it is a text. */
    readonly text?: string;
    readonly locale?: string;
    /** How long a repetition of this is known for one; default as the channel has it. */
    readonly dedupeTtlMs?: number;
  },
): ReceivedMessage {
  const { conversation, id, fields, locale, dedupeTtlMs } = call;
  const text = call.text ?? (typeof fields["text"] === "string" ? fields["text"] : undefined);
  const envelope: ChannelMessageEnvelope = {
    id,
    tenant: { env: address.env, tenant: address.tenant, team: address.team },
    channel: address.channel,
    session_id: conversation,
    from: { id: USER, kind: "service" },
    ...(text === undefined ? {} : { text }),
    attachments: [],
    metadata: {},
    extensions: {
      ...(call.text === undefined ? { value: fields } : {}),
      [CALL_EXTENSION]: { sampling: call.canSample, ...(call.isDeclined ? { declined: true } : {}) },
    },
  };
  return {
    envelope,
    dedupeKey: `mcp:${id}`,
    conversation,
    user: USER,
    ...(locale === undefined ? {} : { locale }),
    ...(dedupeTtlMs === undefined ? {} : { dedupeTtlMs }),
  };
}

/** Reads back what {@link receiveMcp} told of a call; undefined for messages of other channels. */
export function mcpCallOf(message: ChannelMessageEnvelope | undefined): McpCall | undefined {
  const call = message?.extensions?.[CALL_EXTENSION] as JsonValue | undefined;
  if (call === undefined || !isJsonObject(call)) return undefined;
  return { canSample: call["sampling"] === true, isDeclined: call["declined"] === true };
}

/** Calls have no person's identity: who calls is the program that was let in. */
const USER = "mcp";
