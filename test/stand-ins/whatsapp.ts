/**
 * WhatsApp's Cloud API on loopback, for one number: `POST /{version}/{number}/messages` with the platform's limits and paces, and
 * webhooks that are signed and come again until they got a 2xx. It checks what the platform checks and records every send.
 */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../src/types/index.ts";

/** A message that reached a person. */
interface WhatsAppSend {
  readonly id: string;
  readonly to: string;
  readonly key: string;
  readonly body: JsonObject;
}

/** What happens to the next sends: refused with a code of the Graph API, or broken off before or after the message was taken. */
type WhatsAppFault = number | "500" | "504" | "reset-before" | "reset-after";

export interface WhatsAppStandIn extends AsyncDisposable {
  /** `http://127.0.0.1:port`, the target of a rewrite of https://graph.facebook.com. */
  readonly url: string;
  readonly sends: WhatsAppSend[];
  /** What asked for a read mark and a typing sign. */
  readonly signs: readonly JsonObject[];
  /** Codes that sends were refused with. */
  readonly refused: number[];
  readonly faults: WhatsAppFault[];
  /** Answers of the webhook, by status. */
  readonly answers: number[];
  /** Where webhooks go from now on. */
  hook: string | undefined;
  /** What set-up changed, in order. */
  readonly changes: string[];
  /** What answers the platform's first call of an address: whether it is believed. Default nobody is. */
  handshake: (url: string, verifyToken: string) => Promise<boolean>;
  /** The webhooks as they stand. */
  readonly webhooks: { phone_number?: string; application?: string };
  /** What the number is. Default CONNECTED. */
  numberStatus: string;
  /** Whether a taken message is followed by its statuses. Default true. */
  hasStatuses: boolean;
  /** Delivers values of the field `messages`, signed, until they got a 2xx. */
  deliver(...values: readonly JsonObject[]): Promise<void>;
  /** A person's message; `content` is `{type, [type]: …}`, a text where it is one. */
  say(content: string | JsonObject, options?: { readonly from?: string; readonly id?: string }): Promise<void>;
  until(isDone: () => boolean): Promise<void>;
}

export interface WhatsAppStandInOptions {
  readonly token: string;
  readonly appSecret: string;
  readonly phoneNumberId: string;
  /** Default the machine's clock. */
  readonly nowMs?: () => number;
  /** Default true: 80 a second for the number, 45 to one person in six seconds and one in six seconds on average. */
  readonly isPaced?: boolean;
  /** Who the business account and the app are, where set-up is tried. */
  readonly accountId?: string;
  readonly appId?: string;
}

/** The number's own, which its own messages come from. */
export const WHATSAPP_NUMBER = "15550783881";

export async function openWhatsAppStandIn(options: WhatsAppStandInOptions): Promise<WhatsAppStandIn> {
  const whatsapp = new WhatsApp(options);
  const server = createServer((incoming, outgoing) => void whatsapp.handle(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(whatsapp, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      whatsapp.hook = undefined;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  });
}

class WhatsApp {
  readonly sends: WhatsAppSend[] = [];
  readonly signs: JsonObject[] = [];
  readonly refused: number[] = [];
  readonly faults: WhatsAppFault[] = [];
  readonly answers: number[] = [];
  hook: string | undefined;
  hasStatuses = true;
  readonly changes: string[] = [];
  readonly webhooks: { phone_number?: string; application?: string } = {};
  handshake: WhatsAppStandIn["handshake"] = () => Promise.resolve(false);
  numberStatus = "CONNECTED";
  #isSubscribed = false;
  #fields: readonly string[] = [];
  readonly #options: WhatsAppStandInOptions;
  readonly #waiting = new Set<() => void>();
  readonly #sentAt = new Map<string, number[]>();
  #last = 0;

  constructor(options: WhatsAppStandInOptions) {
    this.#options = options;
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  say(
    content: string | JsonObject,
    { from = "16505551234", id = `wamid.in${++this.#last}` }: { readonly from?: string; readonly id?: string } = {},
  ): Promise<void> {
    const timestamp = String(Math.floor(this.#nowMs() / 1000));
    const said = typeof content === "string" ? { type: "text", text: { body: content } } : content;
    const contacts = [{ wa_id: from, profile: { name: "Ada" } }];
    return this.deliver({ contacts, messages: [{ from, id, timestamp, ...said }] });
  }

  async deliver(...values: readonly JsonObject[]): Promise<void> {
    const metadata = { display_phone_number: WHATSAPP_NUMBER, phone_number_id: this.#options.phoneNumberId };
    const changes = values.map((value) => ({
      field: "messages",
      value: { messaging_product: "whatsapp", metadata, ...value },
    }));
    const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: "1", changes }] });
    while (this.hook !== undefined) {
      const status = await this.#post(this.hook, body);
      this.answers.push(status);
      this.#changed();
      if (status >= 200 && status < 300) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { token, phoneNumberId } = this.#options;
    const text = Buffer.concat(chunks).toString();
    if (await this.#manage(incoming, { outgoing, text })) return;
    if (incoming.headers.authorization !== `Bearer ${token}`) return this.#refuse(outgoing, 190, 401);
    if (!new RegExp(`^/v\\d+\\.\\d/${phoneNumberId}/messages$`).test(incoming.url ?? ""))
      return this.#refuse(outgoing, 100, 400);
    this.#send(JSON.parse(text) as JsonObject, outgoing);
  }

  /** What set-up calls: the number, the account's apps and the app's webhooks. False where it is none of these. */
  async #manage(
    { url = "", method, headers }: IncomingMessage,
    { outgoing, text }: { readonly outgoing: ServerResponse; readonly text: string },
  ): Promise<boolean> {
    const { token, appSecret, phoneNumberId, accountId, appId } = this.#options;
    const [, path = ""] = /^\/v\d+\.\d\/([^?]+)/.exec(url) ?? [];
    const body = (text === "" ? {} : JSON.parse(text)) as JsonObject;
    const isApp = appId !== undefined && path === `${appId}/subscriptions`;
    const isKnown =
      isApp || path === phoneNumberId || (accountId !== undefined && path === `${accountId}/subscribed_apps`);
    if (!isKnown) return false;
    if (headers.authorization !== `Bearer ${isApp ? `${appId}|${appSecret}` : token}`) this.#refuse(outgoing, 190, 401);
    else if (isApp) await this.#manageApp(outgoing, method === "POST" ? body : undefined);
    else if (path === phoneNumberId) await this.#manageNumber(outgoing, method === "POST" ? body : undefined);
    else {
      if (method === "POST") {
        this.#isSubscribed = true;
        this.changes.push("subscribed_apps");
        answer(outgoing, 200, { success: true });
      } else {
        const app = { id: appId ?? "1", link: "https://www.facebook.com/games/?app_id=1", name: "Acme" };
        answer(outgoing, 200, { data: this.#isSubscribed ? [{ whatsapp_business_api_data: app }] : [] });
      }
    }
    return true;
  }

  async #manageNumber(outgoing: ServerResponse, body: JsonObject | undefined): Promise<void> {
    if (body === undefined)
      return answer(outgoing, 200, {
        display_phone_number: "+1 555-078-3881",
        verified_name: "Acme",
        status: this.numberStatus,
        quality_rating: "GREEN",
        webhook_configuration: this.webhooks,
        id: this.#options.phoneNumberId,
      });
    const { override_callback_uri: url, verify_token: verify } = body.webhook_configuration as {
      readonly override_callback_uri: string;
      readonly verify_token?: string;
    };
    if (url === "") delete this.webhooks.phone_number;
    else if (await this.handshake(url, verify ?? "")) this.webhooks.phone_number = url;
    else return this.#refuseAddress(outgoing);
    this.changes.push("webhook_configuration");
    answer(outgoing, 200, { success: true });
  }

  async #manageApp(outgoing: ServerResponse, body: JsonObject | undefined): Promise<void> {
    if (body === undefined) {
      const fields = this.#fields.map((name) => ({ name, version: "v25.0" }));
      const own = {
        object: "whatsapp_business_account",
        callback_url: this.webhooks.application,
        active: true,
        fields,
      };
      return answer(outgoing, 200, { data: fields.length === 0 ? [] : [own] });
    }
    const { callback_url: url, verify_token: verify, fields } = body as Readonly<Record<string, string>>;
    if (!(await this.handshake(url ?? "", verify ?? ""))) return this.#refuseAddress(outgoing);
    this.webhooks.application = url ?? "";
    this.#fields = (fields ?? "").split(",");
    this.changes.push("subscriptions");
    answer(outgoing, 200, { success: true });
  }

  #refuseAddress(outgoing: ServerResponse): void {
    answer(outgoing, 400, {
      error: {
        message:
          "(#2200) Callback verification failed with the following errors: HTTP Status Code = 502; HTTP Message = Bad Gateway",
        type: "OAuthException",
        code: 2200,
      },
    });
  }

  #send(body: JsonObject, outgoing: ServerResponse): void {
    const fault = this.faults.shift();
    if (fault === "reset-before") return void outgoing.destroy();
    if (fault === "500") return void outgoing.writeHead(500).end("{}");
    if (fault === "504") return void outgoing.writeHead(504).end("<html>");
    if (typeof fault === "number") return this.#refuse(outgoing, fault);
    if (body.status === "read" && typeof body.message_id === "string") {
      this.signs.push(body);
      this.#changed();
      return answer(outgoing, 200, { success: true });
    }
    const to = personIn(body);
    const problem = problemOf(body);
    if (problem !== undefined) return this.#refuse(outgoing, 100, 400, problem);
    const limited = this.#options.isPaced === false ? undefined : this.#wait(to);
    if (limited !== undefined) return this.#refuse(outgoing, limited);
    const id = `wamid.out${++this.#last}`;
    const key = typeof body.biz_opaque_callback_data === "string" ? body.biz_opaque_callback_data : "";
    this.sends.push({ id, to, key, body });
    this.#changed();
    if (fault === "reset-after") outgoing.destroy();
    else
      answer(outgoing, 200, {
        messaging_product: "whatsapp",
        contacts: [{ input: to, wa_id: to }],
        messages: [{ id }],
      });
    if (!this.hasStatuses) return;
    // In no order, as the platform sends them.
    const statuses = ["delivered", "sent"].map((status) => ({
      id,
      status,
      timestamp: String(Math.floor(this.#nowMs() / 1000)),
      recipient_id: to,
      ...(key === "" ? {} : { biz_opaque_callback_data: key }),
    }));
    void this.deliver({ statuses });
  }

  #refuse(outgoing: ServerResponse, code: number, status = 400, details = ""): void {
    this.refused.push(code);
    this.#changed();
    answer(outgoing, status, {
      error: { message: `(#${code}) refused`, type: "OAuthException", code, error_data: { details } },
    });
  }

  /** The code that a send is refused with which comes too early; counts the send where it may go. */
  #wait(to: string): number | undefined {
    const nowMs = this.#nowMs();
    const rules = [
      { code: 130_429, name: "number", count: 80, windowMs: 1_000 },
      { code: 131_056, name: to, count: 45, windowMs: 6_000 },
      // What a burst takes, it takes from the time after it.
      { code: 131_056, name: `${to} later`, count: 45 + 50, windowMs: 300_000 },
    ];
    for (const { code, name, count, windowMs } of rules) {
      const recent = (this.#sentAt.get(name) ?? []).filter((atMs) => atMs > nowMs - windowMs);
      if (recent.length >= count) return code;
      this.#sentAt.set(name, recent);
    }
    for (const { name } of rules) this.#sentAt.get(name)?.push(nowMs);
    return undefined;
  }

  #post(url: string, body: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const signature = createHmac("sha256", this.#options.appSecret).update(body).digest("hex");
    const headers = { "content-type": "application/json", "x-hub-signature-256": `sha256=${signature}` };
    const sent = httpRequest(url, { method: "POST", headers, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 500));
    });
    sent.on("error", () => resolve(0));
    sent.end(body);
    return promise;
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/** A phone number goes by `to`, the id of who has none to show by `recipient`. */
function personIn({ to, recipient }: JsonObject): string {
  if (typeof to === "string") return /^\d+$/.test(to) ? to : "";
  return typeof recipient === "string" ? recipient : "";
}

interface Shown {
  readonly interactive?: {
    readonly type: string;
    readonly body: { readonly text: string };
    readonly action: {
      readonly button?: string;
      readonly buttons?: readonly { readonly reply: { readonly id: string; readonly title: string } }[];
      readonly sections?: readonly { readonly rows: readonly { readonly id: string; readonly title: string }[] }[];
    };
  };
  readonly text?: { readonly body: string };
}

function problemOf(body: JsonObject): string | undefined {
  if (body.messaging_product !== "whatsapp" || !/^(?:\d{5,20}|[A-Z]{2}\.[A-Za-z0-9]{1,128})$/.test(personIn(body)))
    return "recipient";
  if (typeof body.biz_opaque_callback_data === "string" && body.biz_opaque_callback_data.length > 512)
    return "callback";
  const { text, interactive } = body as unknown as Shown;
  if (body.type === "text") return length(text?.body, 4096) ? undefined : "text";
  if (body.type === "template") return undefined;
  if (interactive === undefined) return "type";
  const isList = interactive.type === "list";
  if (!length(interactive.body.text, 1024)) return "body";
  const { action } = interactive;
  const choices = isList ? (action.sections?.[0]?.rows ?? []) : (action.buttons ?? []).map(({ reply }) => reply);
  if (choices.length < 1 || choices.length > (isList ? 10 : 3)) return "choices";
  if (new Set(choices.map(({ title }) => title)).size < choices.length) return "titles";
  const fits = choices.every(({ id, title }) => length(id, isList ? 200 : 256) && length(title, isList ? 24 : 20));
  return fits ? undefined : "choice";
}

const length = (text: string | undefined, max: number): boolean =>
  text !== undefined && text.trim() !== "" && text.length <= max;

function answer(outgoing: ServerResponse, status: number, body: object): void {
  outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
