/** Makes a built-in channel the component of a provider pack: the same source, called by the operations of packs. */
import { defineComponent } from "../../src/interfaces/guest/define-component.ts";
import type { ComponentContext, DefinedComponent } from "../../src/interfaces/guest/define-component.ts";
import { fromBase64, toBase64 } from "../../src/interfaces/guest/digest.ts";
import { s } from "../../src/interfaces/guest/schema.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/interfaces/guest/utf8.ts";
import type { ProviderEntry } from "../../src/messaging/providers/entry.ts";
import type { Provider, Received, ReceivedMessage } from "../../src/messaging/provider.ts";
import type { SendResult } from "../../src/session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../src/types/index.ts";
import type { SyncPromise } from "./guest-shims.ts";

/** The host's own deadline ends a call. */
const NEVER = {
  aborted: false,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
} as unknown as AbortSignal;
const INPUT = s.json<JsonObject>({ type: "object" });
type Context = ComponentContext<Readonly<Record<string, unknown>>>;

/** The component of a channel, ingress and egress both. */
export function builtInComponent(entry: ProviderEntry, version: string): DefinedComponent {
  return defineComponent({
    name: entry.type,
    version,
    summary: entry.title,
    operations: {
      ingest_http: { input: INPUT, output: s.any(), run: (input, ctx) => ingest(open(entry, ctx, input), input) },
      send_payload: { input: INPUT, output: s.any(), run: (input, ctx) => send(open(entry, ctx, input), input, ctx) },
      read_back: { input: INPUT, output: s.any(), run: (input, ctx) => readBack(open(entry, ctx, input), input) },
    },
  });
}

function open(entry: ProviderEntry, ctx: Context, input: JsonObject): Provider {
  const secret = (name: string): string => {
    const bytes = ctx.secrets.getBytes(name);
    return bytes === undefined ? "" : decodeUtf8(bytes);
  };
  const receivedAtMs = input["received_at_ms"];
  const address = { env: ctx.env, tenant: ctx.tenant, team: ctx.team ?? "default", channel: entry.type };
  const parts = {
    world: {
      nowMs: () => (typeof receivedAtMs === "number" ? receivedAtMs : Date.now()),
      schedule: () => () => undefined,
    },
    http: async (request: {
      readonly method: string;
      readonly url: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly body?: Uint8Array;
      readonly timeoutMs?: number;
      readonly followRedirects?: boolean;
    }) => {
      const { method, url, headers, body, timeoutMs, followRedirects } = request;
      const answer = ctx.http.fetch(url, {
        method,
        headers: Object.fromEntries(headers),
        ...(body && { body }),
        ...(timeoutMs && { timeoutMs }),
        ...(followRedirects !== undefined && { followRedirects }),
      });
      return { status: answer.status, headers: Object.entries(answer.headers), body: answer.bytes };
    },
    config: ctx.config,
    secret: async (name: string) => secret(name),
    secrets: async (name: string) => [secret(name), secret(`${name}_previous`)].filter((value) => value !== ""),
  };
  return entry.create(
    address as unknown as Provider["address"],
    parts as unknown as Parameters<ProviderEntry["create"]>[1],
  );
}

/** What the source awaits has ended when its call returns. */
function now<T>(promise: Promise<T> | undefined): T | undefined {
  return (promise as unknown as SyncPromise<T> | undefined)?.now();
}

function ingest(provider: Provider, input: JsonObject): JsonObject {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of (input["headers"] ?? []) as [string, string][]) {
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : [known, value].flat();
  }
  const query = ((input["query"] ?? []) as [string, string][]).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const received = now(
    provider.receive?.({
      method: input["method"] as string,
      url: `${input["path"] as string}${query.length > 0 ? `?${query.join("&")}` : ""}`,
      headers,
      body: fromBase64(input["body_b64"] as string),
    }),
  );
  return received === undefined ? { status: 401 } : httpOut(received);
}

function httpOut(received: Received): JsonObject {
  if (received.kind === "refused") return { status: 401 };
  const answer = received.kind === "answer" ? received : received.answer;
  return {
    v: 1,
    status: answer?.status ?? 200,
    headers: answer === undefined ? [] : [["content-type", answer.contentType]],
    body_b64: answer === undefined ? "" : toBase64(encodeUtf8(answer.body)),
    events: received.kind === "answer" ? [] : received.messages.map(eventOf),
  };
}

function eventOf({ envelope, dedupeKey, conversation, user, locale }: ReceivedMessage): JsonObject {
  return {
    ...(envelope as unknown as JsonObject),
    id: dedupeKey,
    session_id: conversation,
    from: { ...envelope.from, id: user },
    reply_scope: { ...envelope.reply_scope, conversation },
    metadata: { ...envelope.metadata, ...(locale === undefined ? {} : { locale }) },
  };
}

function send(provider: Provider, input: JsonObject, ctx: Context): JsonObject {
  const { body_b64: encoded } = input["payload"] as { readonly body_b64: string };
  const message = JSON.parse(decodeUtf8(fromBase64(encoded))) as ChannelMessageEnvelope;
  let receipt: string | undefined;
  for (const [i, payload] of provider.project(message).entries()) {
    const result = sendOne(provider, payload, {
      message,
      key: `${ctx.idempotencyKey ?? message.id}${i === 0 ? "" : `.${i}`}`,
    });
    if (result?.kind === "sent") receipt ??= result.receipt;
    // What has begun can't be tried again as a whole.
    else return { ok: false, retryable: result?.kind === "retry", unknown: result?.kind === "unknown" || i > 0 };
  }
  return { ok: true, retryable: false, ...(receipt !== undefined && { message: receipt }) };
}

function sendOne(
  provider: Provider,
  payload: JsonValue,
  { message, key }: { readonly message: ChannelMessageEnvelope; readonly key: string },
): SendResult | undefined {
  return now(
    provider.send?.(payload, {
      idempotencyKey: key,
      conversation: message.session_id,
      signal: NEVER,
    }),
  );
}

/** The first part stands for all: they were sent in order. */
function readBack(provider: Provider, input: JsonObject): JsonObject {
  const { message } = input["payload"] as unknown as { readonly message: ChannelMessageEnvelope };
  const [payload = null] = provider.project({ ...message, session_id: input["conversation"] as string });
  const found = now(
    provider.readBack?.({
      payload,
      idempotencyKey: input["idempotency_key"] as string,
      conversation: input["conversation"] as string,
      createdAtMs: input["created_at_ms"] as number,
      signal: NEVER,
    }),
  );
  if (found === undefined || found.kind === "unknown") return { status: "unknown" };
  return {
    status: found.kind,
    ...(found.kind === "sent" && found.receipt !== undefined && { message: found.receipt }),
  };
}
