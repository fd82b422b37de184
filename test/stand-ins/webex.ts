/**
 * Webex on loopback, for one bot: rooms with people, messages with Webex' limits and pace, what a bot may list, submitted cards, and the
 * signed webhooks that tell of them by ids. It checks what Webex checks and records every message.
 */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../src/types/index.ts";

/** What happens to the next call: refused by its status, or broken off before or after it had its effect. */
type WebexFault = 401 | 404 | 423 | 429 | 500 | 503 | "reset-before" | "reset-after";

interface Options {
  readonly token: string;
  readonly secret: string;
  /** Default the machine's clock. */
  readonly nowMs?: () => number;
  /** Messages of a room within a second; more get 429. Default 2. */
  readonly perRoom?: number;
  /** How often a webhook that gets no 2xx is posted again; Webex publishes nothing. Default 0. */
  readonly redeliveries?: number;
}

/** A message as the API gives it. */
export interface WebexMessage extends JsonObject {
  readonly id: string;
  readonly roomId: string;
  readonly text: string;
}

const idOf = (kind: string, name: string): string =>
  Buffer.from(`ciscospark://us/${kind}/${name}`).toString("base64").replaceAll("=", "");
export const WEBEX_SELF = idOf("PEOPLE", "the-bot");
export const WEBEX_ADA = idOf("PEOPLE", "ada");
export const DIRECT_ROOM = idOf("ROOM", "direct");
export const GROUP_ROOM = idOf("ROOM", "group");
const MAX_BYTES = 7_439;

export async function openWebexStandIn(options: Options): Promise<WebexStandIn> {
  const webex = new WebexStandIn(options);
  await webex.listen();
  return webex;
}

export class WebexStandIn {
  /** All messages, the bot's and people's. */
  readonly messages: WebexMessage[] = [];
  readonly actions = new Map<string, JsonObject>();
  /** Webhooks by their ids. */
  readonly webhooks = new Map<string, JsonObject>();
  /** Faults for the next posts, and for the next reads. */
  readonly faults: WebexFault[] = [];
  readonly readFaults: WebexFault[] = [];
  /** Problems of messages that it refused. */
  readonly refused: string[] = [];
  deliveries = 0;
  limited = 0;
  reads = 0;
  url = "";
  readonly #options: Options;
  readonly #server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing));
  readonly #waiting = new Set<() => void>();
  readonly #posts = new Map<string, number[]>();
  #serial = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Resolves once a condition holds; asked after every call. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  /** What the bot said in a room or thread: texts, or the titles of a card's actions. */
  seen(room: string, thread?: string): readonly string[] {
    return this.messages
      .filter((one) => one.personId === WEBEX_SELF && one.roomId === room && one.parentId === thread)
      .map(({ text }) => text);
  }

  /** Has a person write in a room, mentioning the bot in groups. */
  said(
    text: string,
    { room = DIRECT_ROOM, isMentioned = true, ...more }: JsonObject & { room?: string; isMentioned?: boolean } = {},
  ): WebexMessage {
    const isDirect = room === DIRECT_ROOM;
    const mention = {
      mentionedPeople: [WEBEX_SELF],
      html: `<p><spark-mention data-object-type="person" data-object-id="${WEBEX_SELF}">Weather &amp; Co</spark-mention> ${text}</p>`,
    };
    return this.#keep({
      roomId: room,
      roomType: isDirect ? "direct" : "group",
      text: isDirect || !isMentioned ? text : `Weather & Co ${text}`,
      personId: WEBEX_ADA,
      personEmail: "ada@example.com",
      ...(isDirect || !isMentioned ? {} : mention),
      ...more,
    });
  }

  /** Has a person press an action of a message's card, with the values of its inputs. */
  press(message: WebexMessage | undefined, title: string, inputs: JsonObject = {}): JsonObject {
    const find = (value: unknown): JsonObject | undefined => {
      if (typeof value !== "object" || value === null) return undefined;
      if (
        (value as JsonObject)["title"] === title &&
        JSON.stringify((value as JsonObject)["type"]).startsWith(`"Action.`)
      )
        return value as JsonObject;
      for (const part of Object.values(value)) {
        const found = find(part);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const data = find(message?.attachments)?.data;
    const id = idOf("ATTACHMENT_ACTION", String(++this.#serial));
    const action = {
      id,
      type: "submit",
      messageId: message?.id ?? "",
      inputs: { ...(data as JsonObject | undefined), ...inputs },
      personId: WEBEX_ADA,
      roomId: message?.roomId ?? "",
      created: this.#now(),
    };
    this.actions.set(id, action);
    return action;
  }

  /** The webhook of something that was created: ids, and never what. */
  hook(
    resource: "messages" | "attachmentActions",
    { id, roomId, roomType, personId, personEmail }: JsonObject,
  ): JsonObject {
    const data = {
      id,
      roomId,
      personId,
      created: this.#now(),
      ...(roomType === undefined ? { type: "submit" } : { roomType, personEmail }),
    };
    return {
      id: idOf("WEBHOOK", "1"),
      name: "greentic",
      resource,
      event: "created",
      createdBy: WEBEX_SELF,
      status: "active",
      data,
    } as JsonObject;
  }

  sign(body: string, secret = this.#options.secret): string {
    return createHmac("sha1", secret).update(body).digest("hex");
  }

  /** Posts a webhook, and again where it gets no 2xx, as often as the options say. */
  async deliver(
    url: string,
    hook: JsonObject,
    signature?: string,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const body = JSON.stringify(hook);
    const headers = { "content-type": "application/json", "x-spark-signature": signature ?? this.sign(body) };
    for (let left = this.#options.redeliveries ?? 0; ; left--) {
      this.deliveries++;
      const answer = await fetch(url, { method: "POST", body, headers }).catch(() => undefined);
      if (answer?.ok === true || left <= 0) return { status: answer?.status ?? 0, body: (await answer?.text()) ?? "" };
    }
  }

  #now(): string {
    return new Date(this.#options.nowMs?.() ?? Date.now()).toISOString();
  }

  #keep(message: JsonObject & { roomId: string; text: string }): WebexMessage {
    const kept = { id: idOf("MESSAGE", String(++this.#serial)), created: this.#now(), ...message };
    this.messages.push(kept);
    return kept;
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const url = new URL(incoming.url ?? "/", this.url);
    const isPost = incoming.method !== "GET";
    const fault = (isPost ? this.faults : this.readFaults).shift();
    if (!isPost) this.reads++;
    if (fault === "reset-before") outgoing.destroy();
    else if (typeof fault === "number") this.#answer(outgoing, fault, { message: "no" });
    else if (incoming.headers.authorization !== `Bearer ${this.#options.token}`) this.#answer(outgoing, 401, {});
    else {
      const bytes = Buffer.concat(chunks);
      const type = incoming.headers["content-type"] ?? "";
      const isForm = type.startsWith("multipart/form-data");
      const sent = isForm
        ? await formOf(bytes, type)
        : chunks.length === 0
          ? {}
          : (JSON.parse(bytes.toString()) as JsonObject);
      const [status, body] = url.pathname.startsWith("/v1/webhooks")
        ? this.#webhook(incoming.method ?? "", url, sent)
        : isPost
          ? this.#post(sent)
          : this.#get(url);
      if (fault === "reset-after") outgoing.destroy();
      else this.#answer(outgoing, status, body);
    }
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #answer(outgoing: ServerResponse, status: number, body: JsonObject): void {
    const pause = status === 429 || status === 423 ? { "retry-after": "1" } : {};
    outgoing.writeHead(status, {
      "content-type": "application/json",
      date: new Date(this.#now()).toUTCString(),
      ...pause,
    });
    outgoing.end(status === 204 ? undefined : JSON.stringify(body));
  }

  #get(url: URL): readonly [number, JsonObject] {
    const [, , first = "", id = "", third = ""] = url.pathname.split("/").map(decodeURIComponent);
    if (first === "people" && id === "me") return [200, { id: WEBEX_SELF, displayName: "Weather & Co" }];
    if (first === "contents") return [200, { file: id }];
    if (first === "attachment") {
      const action = this.actions.get(third);
      return action === undefined ? [404, {}] : [200, action];
    }
    if (first !== "messages") return [404, {}];
    if (id !== "" && id !== "direct") {
      const message = this.messages.find((one) => one.id === id);
      return message === undefined ? [404, {}] : [200, message];
    }
    const room = id === "direct" ? DIRECT_ROOM : url.searchParams.get("roomId");
    // Bots see what mentions them in groups, and nothing else.
    if (room !== DIRECT_ROOM && url.searchParams.get("mentionedPeople") !== "me") return [403, {}];
    const before = url.searchParams.get("beforeMessage");
    const all = this.messages.filter(({ roomId }) => roomId === room).toReversed();
    const from = before === null ? 0 : all.findIndex((one) => one.id === before) + 1;
    return [200, { items: all.slice(from, from + Number(url.searchParams.get("max") ?? 50)) }];
  }

  #webhook(method: string, url: URL, sent: JsonObject): readonly [number, JsonObject] {
    const id = decodeURIComponent(url.pathname.split("/")[3] ?? "");
    const known = this.webhooks.get(id);
    if (method === "GET")
      return [200, { items: [...this.webhooks.values()].map(({ secret: _secret, ...shown }) => shown) }];
    if (method === "POST" && id === "") {
      const made = { id: idOf("WEBHOOK", String(++this.#serial)), status: "active", ...sent };
      this.webhooks.set(made.id, made);
      return [200, made];
    }
    if (known === undefined) return [404, {}];
    if (method === "DELETE") this.webhooks.delete(id);
    else if (typeof sent.name !== "string" || typeof sent.targetUrl !== "string") return [400, {}];
    else this.webhooks.set(id, { ...known, ...sent });
    return [method === "DELETE" ? 204 : 200, {}];
  }

  #post(body: JsonObject): readonly [number, JsonObject] {
    const { roomId, toPersonEmail, toPersonId, text, attachments } = body;
    const problems = [
      ...((typeof text === "string" && text !== "") || body.file !== undefined ? [] : ["text is missing"]),
      ...(Buffer.byteLength(typeof text === "string" ? text : "") <= MAX_BYTES ? [] : ["text is too long"]),
      ...(body.markdown === undefined && body.html === undefined ? [] : ["text formats"]),
      ...([roomId, toPersonEmail, toPersonId].filter((to) => to !== undefined).length === 1 ? [] : ["one destination"]),
      ...cardProblems(attachments),
    ];
    if (problems.length > 0) {
      this.refused.push(...problems);
      return [400, { message: problems[0] ?? "" }];
    }
    const room = typeof roomId === "string" ? roomId : DIRECT_ROOM;
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    const recent = (this.#posts.get(room) ?? []).filter((atMs) => atMs > nowMs - 1_000);
    if (recent.length >= (this.#options.perRoom ?? 2)) {
      this.limited++;
      return [429, { message: "slow down" }];
    }
    this.#posts.set(room, [...recent, nowMs]);
    return [
      200,
      this.#keep({
        ...body,
        roomId: room,
        text: typeof text === "string" ? text : "",
        roomType: room === DIRECT_ROOM ? "direct" : "group",
        personId: WEBEX_SELF,
        personEmail: "weather@webex.bot",
      }),
    ];
  }
}

function cardProblems(attachments: unknown): readonly string[] {
  if (attachments === undefined) return [];
  const [only, ...more] = Array.isArray(attachments) ? (attachments as JsonObject[]) : [];
  if (only === undefined || more.length > 0) return ["one card"];
  if (only["contentType"] !== "application/vnd.microsoft.card.adaptive") return ["content type"];
  const { version, type } = (only["content"] ?? {}) as JsonObject;
  return type === "AdaptiveCard" && Number(version) <= 1.3 ? [] : ["card version"];
}

/** A form's fields, and its file's name and text. */
async function formOf(bytes: Buffer<ArrayBuffer>, type: string): Promise<JsonObject> {
  const form = await new Response(bytes, { headers: { "content-type": type } }).formData();
  const found: Record<string, string> = {};
  for (const [name, value] of form)
    found[name === "files" ? "file" : name] =
      typeof value === "string" ? value : `${value.name}: ${await value.text()}`;
  return found;
}
