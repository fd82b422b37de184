/** What the components of a provider pack are made with: ingress, egress and operator over the operations that hosts call. */
import type { ComponentContext, DefinedComponent } from "./define-component.ts";
import { defineComponent } from "./define-component.ts";
import { fromBase64, toBase64 } from "./digest.ts";
import type { Schema } from "./schema.ts";
import { s } from "./schema.ts";
import type { Setup } from "./setup.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** A request of the platform. */
export interface ProviderRequest {
  readonly method: string;
  readonly path: string;
  /** Of a repeated parameter the last value. */
  readonly query: Readonly<Record<string, string>>;
  /** A header by its lower-case name; undefined where it is absent or repeated. */
  readonly header: (name: string) => string | undefined;
  /** The raw bytes, which signatures are over. */
  readonly body: Uint8Array;
  readonly text: () => string;
  /** Throws SyntaxError. */
  readonly json: () => unknown;
  /** When the host got it, in milliseconds since the epoch: what signatures' times are compared with. */
  readonly receivedAtMs: number;
}

/** What a person said. */
export interface ProviderMessage {
  /** The platform's own id of it, by which a redelivery is known. */
  readonly id: string;
  /** Where answers go. */
  readonly conversation: string;
  /** Who said it. */
  readonly user: string;
  readonly name?: string;
  readonly text?: string;
  /** Fields of a pressed button or a form, in place of a text. */
  readonly submitted?: Readonly<Record<string, unknown>>;
  /** BCP 47. */
  readonly locale?: string;
  /** Comes back with each answer: what the platform wants to see again. */
  readonly correlation?: string;
  readonly attachments?: readonly {
    readonly mime_type: string;
    readonly url?: string;
    readonly name?: string;
  }[];
}

/** What became of a request: refused as forged, or taken, with what the platform is to read. */
export type IngressResult =
  | { readonly refused: true }
  | {
      readonly messages?: readonly ProviderMessage[];
      readonly answer?: { readonly status?: number; readonly contentType?: string; readonly body?: string };
    };

interface Named<C> {
  readonly name: string;
  readonly version: string;
  readonly summary?: string;
  readonly config?: Schema<C>;
}

/** Defines the part that receives: it verifies what came, and tells what was said. */
export function defineIngress<C = Readonly<Record<string, unknown>>>(
  definition: Named<C> & {
    readonly receive: (request: ProviderRequest, ctx: ComponentContext<NoInfer<C>>) => IngressResult;
  },
): DefinedComponent {
  const { receive, ...named } = definition;
  return defineComponent({
    ...named,
    operations: {
      ingest_http: {
        summary: "Takes a webhook request of the platform",
        input: HTTP_IN,
        output: s.any(),
        run: (input, ctx) => httpOut(receive(requestOf(input), ctx)),
      },
    },
  });
}

const HTTP_IN = s.json<Readonly<Record<string, unknown>>>({ type: "object" });

function requestOf(input: Readonly<Record<string, unknown>>): ProviderRequest {
  const pairs = (value: unknown): readonly (readonly [string, string])[] =>
    Array.isArray(value) ? (value as readonly (readonly [string, string])[]) : [];
  const headers = pairs(input["headers"]).map(([name, value]) => [name.toLowerCase(), value] as const);
  const body = fromBase64(textOf(input["body_b64"], ""));
  return {
    method: textOf(input["method"], "POST"),
    path: textOf(input["path"], "/"),
    query: Object.fromEntries(pairs(input["query"])),
    header: (name) => {
      const found = headers.filter(([known]) => known === name.toLowerCase());
      return found.length === 1 ? found[0]?.[1] : undefined;
    },
    body,
    text: () => decodeUtf8(body),
    json: () => JSON.parse(decodeUtf8(body)) as unknown,
    receivedAtMs: Number(input["received_at_ms"] ?? 0),
  };
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function httpOut(result: IngressResult): object {
  if ("refused" in result) return { v: 1, status: 401, headers: [], body_b64: "", events: [] };
  const { messages = [], answer = {} } = result;
  const { status = 200, contentType = "text/plain", body = "" } = answer;
  return {
    v: 1,
    status,
    headers: [["content-type", contentType]],
    body_b64: toBase64(encodeUtf8(body)),
    events: messages.map(envelopeOf),
  };
}

function envelopeOf(message: ProviderMessage): object {
  const { id, conversation, user, name, text, submitted, locale, correlation, attachments = [] } = message;
  const fields = Object.entries(submitted ?? {}).filter(([, value]) => typeof value !== "object");
  return {
    id,
    channel: "",
    session_id: conversation,
    from: { id: user, kind: "user", ...(name === undefined ? {} : { name }) },
    attachments,
    reply_scope: { conversation, ...(correlation === undefined ? {} : { correlation }) },
    metadata: {
      ...Object.fromEntries(fields.map(([key, value]) => [key, String(value)])),
      ...(locale === undefined ? {} : { locale }),
    },
    ...(text === undefined ? {} : { text }),
    ...(submitted === undefined ? {} : { extensions: { channel_data: { value: submitted } } }),
  };
}

/** What is to be sent. */
export interface OutgoingMessage {
  /** The same however often it is tried: what a platform with idempotency keys is given. */
  readonly key: string;
  readonly conversation: string;
  readonly text: string;
  /** Adaptive Cards, where the manifest says `shows = "cards"`. */
  readonly cards: readonly unknown[];
  /** Replies that one tap sends, likewise. */
  readonly suggestions: readonly { readonly title: string; readonly value: string }[];
  readonly attachments: readonly { readonly mime_type: string; readonly url?: string; readonly name?: string }[];
  /** What ingress gave with the message that is answered. */
  readonly correlation: string | undefined;
  readonly attempt: number;
}

/** What the platform said to a send. */
export type SendOutcome =
  | { readonly ok: true; readonly id?: string }
  /** `retryable` where the same may be taken later. What the host saw on the wire goes before it. */
  | { readonly ok: false; readonly retryable: boolean };

/** Defines the part that sends: one message, one request that has an effect. */
export function defineEgress<C = Readonly<Record<string, unknown>>>(
  definition: Named<C> & {
    readonly send: (message: OutgoingMessage, ctx: ComponentContext<NoInfer<C>>) => SendOutcome;
    /** Looks a send up by its key, for packs of `sink = "B"`. */
    readonly readBack?: (
      send: { readonly key: string; readonly conversation: string; readonly createdAtMs: number },
      ctx: ComponentContext<NoInfer<C>>,
    ) => { readonly status: "sent" | "unsent" | "unknown"; readonly id?: string };
  },
): DefinedComponent {
  const { send, readBack, ...named } = definition;
  const answer = (id: string | undefined): object => (id === undefined ? {} : { message: id });
  return defineComponent({
    ...named,
    operations: {
      send_payload: {
        summary: "Sends one message",
        input: HTTP_IN,
        output: s.any(),
        run: (input, ctx) => {
          const outcome = send(outgoingOf(input, ctx), ctx);
          return outcome.ok ? { ...outcome, ...answer(outcome.id), retryable: false } : outcome;
        },
      },
      ...(readBack && {
        read_back: {
          summary: "Tells what became of a send",
          input: HTTP_IN,
          output: s.any(),
          run: (input: Readonly<Record<string, unknown>>, ctx: ComponentContext<unknown>) => {
            const asked = {
              key: textOf(input["idempotency_key"], ""),
              conversation: textOf(input["conversation"], ""),
              createdAtMs: Number(input["created_at_ms"] ?? 0),
            };
            const found = readBack(asked, ctx as ComponentContext<NoInfer<C>>);
            return { ...found, ...answer(found.id) };
          },
        },
      }),
    },
  });
}

interface Sent {
  readonly id?: string;
  readonly session_id?: string;
  readonly text?: string;
  readonly attachments?: readonly { readonly mime_type: string; readonly content?: unknown }[];
  readonly extensions?: {
    readonly adaptive_card?: unknown;
    readonly suggested_actions?: OutgoingMessage["suggestions"];
  };
  readonly reply_scope?: { readonly correlation?: string };
}

const CARD_TYPE = "application/vnd.microsoft.card.adaptive";

function outgoingOf(input: Readonly<Record<string, unknown>>, ctx: ComponentContext<unknown>): OutgoingMessage {
  const payload = (input["payload"] ?? {}) as { readonly body_b64?: string };
  const sent = JSON.parse(decodeUtf8(fromBase64(payload.body_b64 ?? "e30="))) as Sent;
  const attachments = sent.attachments ?? [];
  const card = sent.extensions?.adaptive_card;
  return {
    key: ctx.idempotencyKey ?? sent.id ?? "",
    conversation: sent.session_id ?? "",
    text: sent.text ?? "",
    cards: [
      ...(card === undefined ? [] : [card]),
      ...attachments.flatMap(({ mime_type: type, content }) => (type === CARD_TYPE ? [content] : [])),
    ],
    suggestions: sent.extensions?.suggested_actions ?? [],
    attachments: attachments.filter(({ mime_type: type }) => type !== CARD_TYPE),
    correlation: sent.reply_scope?.correlation,
    attempt: ctx.attempt,
  };
}

/** Defines the part that sets up: questions, and the platform's side where it has an API. */
export function defineOperator<C = Readonly<Record<string, unknown>>>(
  definition: Named<C> & {
    readonly setup?: Setup<keyof C & string>;
    readonly i18n?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    /** Tells the platform where to post; gives why not, or nothing. */
    readonly setupWebhook: (url: string, ctx: ComponentContext<NoInfer<C>>) => string | undefined;
  },
): DefinedComponent {
  const { setupWebhook, ...named } = definition;
  return defineComponent({
    ...named,
    operations: {
      setup_webhook: {
        summary: "Tells the platform where to post",
        input: s.json<{ readonly url?: string }>({ type: "object" }),
        output: s.any(),
        run: ({ url = "" }, ctx) => {
          const problem = setupWebhook(url, ctx);
          return problem === undefined ? { ok: true } : { ok: false, error: problem };
        },
      },
    },
  });
}
