import type { SendResult } from "../../../session/index.ts";
import type { ErrorCode, JsonObject, JsonValue, OutcomeError, World } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import type { ChannelAddress, DoubtfulSend, ReadBack } from "../../provider.ts";
import type { CallPack, PackAnswer, PackParts, PackRequest } from "./calls.ts";
import { isBrokenOff } from "./calls.ts";

/** What sending by a provider pack needs. */
export interface PackSending {
  readonly address: ChannelAddress;
  readonly parts: PackParts;
  readonly call: CallPack;
  readonly config: JsonObject;
  readonly world: Pick<World, "nowMs">;
}

/** How one send is told from others. */
export interface PackSendOptions {
  readonly idempotencyKey: string;
  readonly conversation: string;
  readonly signal: AbortSignal;
  readonly attempt?: number;
}

const RENDER_TIMEOUT_MS = 5_000;
const SEND_TIMEOUT_MS = 30_000;
const UNREACHABLE_MS = 2_000;
const LIMITED_MS = 1_000;
const MAX_RETRY_AFTER_MS = 86_400_000;

/** Sends one projected message: `render_plan`, `encode` and `send_payload` where egress has them, else its `send`. */
export async function sendByPack(
  payload: JsonValue,
  options: PackSendOptions,
  sending: PackSending,
): Promise<SendResult> {
  const message = isJsonObject(payload) ? payload["message"] : undefined;
  if (message === undefined || !isJsonObject(message)) return failed("MESSAGING_PAYLOAD_INVALID");
  const addressed = addressedTo(message, options.conversation, sending);
  const has = sending.parts.operations.egress;
  if (!has.has("send_payload")) return await sendPlainly(addressed, options, sending);
  const encoded = await encode(addressed, options, sending);
  if (encoded.kind === "failed") return resultOf(encoded.answer, sending);
  const answer = await sending.call({
    role: "egress",
    operation: "send_payload",
    input: {
      v: 1,
      provider_type: sending.parts.providerType,
      payload: encoded.payload,
      tenant: tenantOf(sending.address),
      tenant_id: sending.address.tenant,
      reply_scope: addressed["reply_scope"] ?? null,
      config: sending.config,
    },
    ...callOptions(options, SEND_TIMEOUT_MS),
  });
  return resultOf(answer, sending);
}

/** Asks a pack of class B what became of a send: `read_back` gives `{ status: "sent" | "unsent" | "unknown", message? }`. */
export async function readBackByPack(send: DoubtfulSend, sending: PackSending): Promise<ReadBack> {
  const answer = await sending.call({
    role: "egress",
    operation: "read_back",
    input: {
      v: 1,
      provider_type: sending.parts.providerType,
      payload: send.payload,
      idempotency_key: send.idempotencyKey,
      conversation: send.conversation,
      created_at_ms: send.createdAtMs,
      config: sending.config,
    },
    timeoutMs: SEND_TIMEOUT_MS,
    idempotencyKey: send.idempotencyKey,
    signal: send.signal,
  });
  const output = answer.kind === "ok" && isJsonObject(answer.output) ? answer.output : {};
  const receipt = receiptOf(output["message"]);
  if (output["status"] === "sent") return { kind: "sent", ...(receipt !== undefined && { receipt }) };
  if (output["status"] === "unsent") return { kind: "unsent" };
  const wait = answer.kind === "error" && answer.error.retryable;
  return {
    kind: "unknown",
    error: "MESSAGING_SEND_UNKNOWN",
    ...(wait && { notBeforeMs: sending.world.nowMs() + UNREACHABLE_MS }),
  };
}

/** The message as egress gets it: whom it goes to and whose it is are the host's to say. */
function addressedTo(message: JsonObject, conversation: string, { address, parts }: PackSending): JsonObject {
  const scope = isJsonObject(message["reply_scope"] ?? null) ? (message["reply_scope"] as JsonObject) : {};
  return {
    ...message,
    tenant: tenantOf(address),
    channel: address.channel,
    session_id: conversation,
    to: [{ id: conversation, kind: parts.traits.destination }],
    reply_scope: { ...scope, conversation },
    metadata: message["metadata"] ?? {},
    attachments: message["attachments"] ?? [],
  };
}

function tenantOf({ env, tenant, team }: ChannelAddress): JsonObject {
  // Published components want the tenant's name under both keys, and an attempt.
  return { env, env_id: env, tenant, tenant_id: tenant, team, team_id: team, attempt: 0 };
}

function callOptions({ idempotencyKey, signal, attempt }: PackSendOptions, timeoutMs: number) {
  return { timeoutMs, idempotencyKey, signal, ...(attempt !== undefined && { attempt: attempt + 1 }) };
}

type Encoded =
  | { readonly kind: "encoded"; readonly payload: JsonValue }
  | { readonly kind: "failed"; readonly answer: PackAnswer };

async function encode(message: JsonObject, options: PackSendOptions, sending: PackSending): Promise<Encoded> {
  const { parts, call, config } = sending;
  const has = parts.operations.egress;
  const step = (operation: string, input: JsonObject): Promise<PackAnswer> =>
    call({ role: "egress", operation, input, ...callOptions(options, RENDER_TIMEOUT_MS) });
  let plan: JsonValue = { plan_json: JSON.stringify({ tier: "TierD", summary_text: message["text"] ?? "" }) };
  if (has.has("render_plan")) {
    const answer = await step("render_plan", { v: 1, message, config });
    const rendered = answer.kind === "ok" && isJsonObject(answer.output) ? answer.output["plan"] : undefined;
    if (rendered === undefined) return { kind: "failed", answer };
    plan = rendered;
  }
  if (!has.has("encode")) {
    const body = Buffer.from(JSON.stringify(message)).toString("base64");
    return { kind: "encoded", payload: { content_type: "application/json", body_b64: body, metadata: {} } };
  }
  const answer = await step("encode", { v: 1, message, plan, config });
  const payload = answer.kind === "ok" && isJsonObject(answer.output) ? answer.output["payload"] : undefined;
  if (payload === undefined || !isJsonObject(payload)) return { kind: "failed", answer };
  return { kind: "encoded", payload: withOwnConfig(payload, sending) };
}

/** Published encoders write a placeholder's configuration, or no tenant, into what they encode: the channel's own goes over it. */
function withOwnConfig(payload: JsonObject, { config, address }: PackSending): JsonObject {
  const text = payload["body_b64"];
  if (typeof text !== "string") return payload;
  let body: JsonValue;
  try {
    body = parseJson(Buffer.from(text, "base64"), { maxBytes: 4 << 20 });
  } catch {
    return payload;
  }
  if (!isJsonObject(body)) return payload;
  const theirs = body["config"];
  const isRouted = "route" in body && !("tenant" in body);
  if (!isRouted && (theirs === undefined || !isJsonObject(theirs))) return payload;
  const own = {
    ...body,
    ...(isRouted && { tenant: address.tenant }),
    ...(theirs !== undefined && isJsonObject(theirs) && { config: { ...theirs, ...config } }),
  };
  return { ...payload, body_b64: Buffer.from(JSON.stringify(own)).toString("base64") };
}

async function sendPlainly(message: JsonObject, options: PackSendOptions, sending: PackSending): Promise<SendResult> {
  const { parts, call, config } = sending;
  const answer = await call({
    role: "egress",
    operation: "send",
    input: { ...message, v: 1, provider_type: parts.providerType, message, config },
    ...callOptions(options, SEND_TIMEOUT_MS),
  });
  return resultOf(answer, sending);
}

/**
 * What became of a send. The component's word counts where it came to its end; what the host saw of its traffic counts more: a request
 * that nobody answered may have arrived, one that never left has not, and one that was answered 429 was not taken.
 */
function resultOf(answer: PackAnswer, { world }: PackSending): SendResult {
  const nowMs = world.nowMs();
  const sent = answer.traffic.filter(({ isSafe }) => !isSafe);
  const said = wordOf(answer);
  const isRefused = sent.length > 0 && sent.every(isRefusal);
  if (said.ok && !isRefused) return { kind: "sent", ...(said.receipt !== undefined && { receipt: said.receipt }) };
  // Published components call it a success whatever the platform answered.
  if (said.ok)
    return sent.at(-1)?.end.kind === "unsent"
      ? unsent(sent.at(-1), said, nowMs)
      : refused(sent.at(-1), undefined, nowMs);
  if (said.isDoubtful || sent.some(({ end }) => end.kind === "unknown"))
    return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
  const last = sent.at(-1);
  if (said.isBrokenOff) return brokenOff(said.error, last, nowMs);
  if (last?.end.kind === "unsent" || (last === undefined && answer.traffic.at(-1)?.end.kind !== "answered"))
    return unsent(last ?? answer.traffic.at(-1), said, nowMs);
  return refused(last ?? answer.traffic.at(-1), said, nowMs);
}

function isRefusal({ end }: PackRequest): boolean {
  return end.kind === "unsent" || (end.kind === "answered" && (end.status >= 400 || end.saysNotOk === true));
}

interface Word {
  readonly ok: boolean;
  readonly receipt?: string;
  readonly isRetryable: boolean;
  readonly backoffMs: number | undefined;
  readonly isBrokenOff: boolean;
  /** A part of it may have arrived: `unknown: true`. */
  readonly isDoubtful: boolean;
  readonly error: OutcomeError | undefined;
}

/** What the component itself says: `{ ok, message?, retryable }`, or an error. */
function wordOf(answer: PackAnswer): Word {
  if (answer.kind === "error") {
    const { error } = answer;
    const details = isJsonObject(error.details ?? null) ? (error.details as JsonObject) : {};
    return {
      ok: false,
      isRetryable: error.retryable || details["retryable"] === true,
      backoffMs: error.backoffMs,
      isBrokenOff: isBrokenOff(error),
      isDoubtful: details["unknown"] === true,
      error,
    };
  }
  const output = isJsonObject(answer.output) ? answer.output : {};
  const receipt = receiptOf(output["message"] ?? output["message_id"]);
  return {
    ok: output["ok"] === true || (output["ok"] === undefined && output["status"] === "sent"),
    ...(receipt !== undefined && { receipt }),
    isRetryable: output["retryable"] === true,
    backoffMs: undefined,
    isBrokenOff: false,
    isDoubtful: output["ok"] === false && output["unknown"] === true,
    error: undefined,
  };
}

/** Stopped in the middle: nobody knows what it made of a 2xx, and everything else was not taken. */
function brokenOff(error: OutcomeError | undefined, last: PackRequest | undefined, nowMs: number): SendResult {
  if (last?.end.kind === "answered") {
    const { status } = last.end;
    if (status >= 200 && status < 400) return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
    return refused(last, undefined, nowMs);
  }
  // Nothing left. A trap comes again; a process that was lost, or a time that was over, need not.
  return error?.code === "COMPONENT_TRAPPED" || error?.code === "COMPONENT_OUTPUT_INVALID"
    ? failed("MESSAGING_PROVIDER_FAILED")
    : { kind: "retry", error: "MESSAGING_PROVIDER_FAILED", notBeforeMs: nowMs + UNREACHABLE_MS };
}

/** No request left: one that couldn't is tried again, one that isn't granted never can, and without any the component's word counts. */
function unsent(request: PackRequest | undefined, said: Word, nowMs: number): SendResult {
  if (request?.end.kind === "unsent") {
    const { code } = request.end;
    if (code === "unreachable") return again("MESSAGING_PLATFORM_UNAVAILABLE", nowMs + UNREACHABLE_MS);
    return failed("MESSAGING_PROVIDER_DENIED");
  }
  if (said.isRetryable) return again("MESSAGING_PROVIDER_FAILED", nowMs + (said.backoffMs ?? UNREACHABLE_MS));
  return failed("MESSAGING_PROVIDER_FAILED");
}

function refused(request: PackRequest | undefined, said: Word | undefined, nowMs: number): SendResult {
  const end = request?.end;
  const status = end?.kind === "answered" ? end.status : 0;
  const asked = end?.kind === "answered" ? end.retryAfterMs : undefined;
  if (status === 429)
    return again(
      "MESSAGING_RATE_LIMITED",
      nowMs + Math.min(asked ?? said?.backoffMs ?? LIMITED_MS, MAX_RETRY_AFTER_MS),
    );
  if (said?.isRetryable === true || (said === undefined && status >= 500))
    return again(
      "MESSAGING_PLATFORM_UNAVAILABLE",
      nowMs + Math.min(asked ?? said?.backoffMs ?? UNREACHABLE_MS, MAX_RETRY_AFTER_MS),
    );
  return failed(status === 401 ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_PLATFORM_REFUSED");
}

function receiptOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" && value.length <= 512 ? value : undefined;
}

const failed = (error: ErrorCode): SendResult => ({ kind: "failed", error });
const again = (error: ErrorCode, notBeforeMs: number): SendResult => ({ kind: "retry", error, notBeforeMs });
