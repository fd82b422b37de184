/**
 * Slack on loopback, for one app in one workspace: chat.postMessage with Slack's limits and pace, conversations.history and replies with
 * metadata and pages, and the events, presses, forms and commands that it signs and posts, events again where they aren't acknowledged.
 * It checks what Slack checks and records every message.
 */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";
import { problemsOfMessage } from "./slack-blocks.ts";

/** A message in a channel. */
export interface SlackMessage {
  readonly ts: string;
  readonly channel: string;
  readonly thread: string | undefined;
  readonly body: JsonObject;
}

/** What happens to the next calls: refused with Slack's own word, or broken off before or after the message was posted. */
type SlackFault = "429" | "500" | "503" | "reset-before" | "reset-after" | "hang" | `error:${string}`;

interface Options {
  readonly token: string;
  readonly signingSecret: string;
  /** Default the machine's clock. */
  readonly nowMs?: () => number;
  /** Default true: one message a second for a channel. */
  readonly isPaced?: boolean;
  /** Messages of one page of history. Default as asked. */
  readonly page?: number;
  /** How long it waits for an acknowledgement, and before the second and third time. Default 3,000, 0 and 50. */
  readonly ackMs?: number;
  readonly redeliveryMs?: readonly number[];
}

/** How a request that it posted was answered. */
export interface SlackAnswer {
  readonly status: number;
  readonly body: string;
}

const WORKSPACE = "T0001";
/** The worker's own user in the workspace. */
export const SLACK_SELF = "U0SELF";

export async function openSlackStandIn(options: Options): Promise<SlackStandIn> {
  const slack = new SlackStandIn(options);
  await slack.listen();
  return slack;
}

export class SlackStandIn {
  readonly messages: SlackMessage[] = [];
  /** Faults for the next posts, and for the next reads. */
  readonly faults: SlackFault[] = [];
  readonly readFaults: SlackFault[] = [];
  /** Problems of messages that it refused. */
  readonly refused: string[] = [];
  /** What the token may do. */
  scopes = ["app_mentions:read", "chat:write", "im:history", "channels:history"];
  /** How often events were posted, redeliveries included. */
  deliveries = 0;
  limited = 0;
  reads = 0;
  url = "";
  readonly #options: Options;
  readonly #server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing));
  readonly #waiting = new Set<() => void>();
  readonly #lastPost = new Map<string, number>();
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

  /** Resolves once a condition holds; asked after every message and reading. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  /** The texts that people see in a channel or thread. */
  seen(channel: string, thread?: string): readonly string[] {
    return this.messages
      .filter((message) => message.channel === channel && message.thread === thread)
      .map(({ body }) => seenText(body));
  }

  /** A time that no message has. */
  nextTs(): string {
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    return `${Math.floor(nowMs / 1000)}.${String(++this.#serial).padStart(6, "0")}`;
  }

  /** Headers that sign a body. */
  sign(
    body: string,
    { secret = this.#options.signingSecret, atMs = this.#options.nowMs?.() ?? Date.now() } = {},
  ): {
    readonly "x-slack-signature": string;
    readonly "x-slack-request-timestamp": string;
  } {
    const timestamp = String(Math.floor(atMs / 1000));
    const mac = createHmac("sha256", secret).update(`v0:${timestamp}:${body}`).digest("hex");
    return { "x-slack-signature": `v0=${mac}`, "x-slack-request-timestamp": timestamp };
  }

  /** An event around what happened, as the Events API posts it. */
  event(happened: JsonObject): JsonObject {
    return {
      type: "event_callback",
      team_id: WORKSPACE,
      api_app_id: "A0001",
      event_id: `Ev${++this.#serial}`,
      event_time: 1,
      authorizations: [{ team_id: WORKSPACE, user_id: SLACK_SELF, is_bot: true }],
      event: happened,
    };
  }

  /** A person's text, in a direct message unless a channel is named. */
  said(
    text: string,
    { user = "U7", channel = "D7", ...more }: JsonObject & { user?: string; channel?: string } = {},
  ): JsonObject {
    const isDirect = channel.startsWith("D");
    const kind = { channel_type: isDirect ? "im" : "channel" };
    return this.event({ type: "message", text, user, channel, ts: this.nextTs(), ...kind, ...more });
  }

  /** Posts an event, and again where it isn't acknowledged in time: at once, and after a while. */
  async deliver(url: string, event: JsonObject): Promise<readonly SlackAnswer[]> {
    const answers: SlackAnswer[] = [];
    const delays = [0, ...(this.#options.redeliveryMs ?? [0, 50])];
    for (const [attempt, delayMs] of delays.entries()) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      const retry: Record<string, string> =
        attempt === 0 ? {} : { "x-slack-retry-num": String(attempt), "x-slack-retry-reason": "http_error" };
      this.deliveries++;
      const answer = await this.post(url, JSON.stringify(event), { headers: retry });
      answers.push(answer);
      if (answer.status >= 200 && answer.status < 300) break;
    }
    return answers;
  }

  /** Posts a signed body as it is. */
  async post(
    url: string,
    body: string,
    {
      contentType = "application/json",
      headers = {},
    }: { readonly contentType?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<SlackAnswer> {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": contentType, ...this.sign(body), ...headers },
      signal: AbortSignal.timeout(this.#options.ackMs ?? 3_000),
    }).catch(() => undefined);
    return { status: response?.status ?? 0, body: (await response?.text()) ?? "" };
  }

  /** Posts a form, as commands and interactivity are. */
  async postForm(url: string, fields: Readonly<Record<string, string>>): Promise<SlackAnswer> {
    const contentType = "application/x-www-form-urlencoded";
    return this.post(url, new URLSearchParams(fields).toString(), { contentType });
  }

  /** A press on a button that was sent, with the inputs' values of its message by their action ids. */
  press(
    ts: string,
    title: string,
    { inputs = {}, user = "U7" }: { inputs?: Record<string, JsonObject>; user?: string } = {},
  ): JsonObject {
    const message = this.messages.find((one) => one.ts === ts);
    const blocks = (message?.body.blocks ?? []) as unknown as readonly JsonObject[];
    const button = blocks
      .flatMap(({ elements }) => (Array.isArray(elements) ? (elements as JsonObject[]) : []))
      .find(({ text }) => (text as JsonObject | undefined)?.text === title);
    const values: Record<string, JsonValue> = {};
    for (const [index, { element }] of blocks.entries()) {
      const { type, action_id: name } = (element ?? {}) as { readonly type?: string; readonly action_id?: string };
      if (type !== undefined && name !== undefined)
        values[`block${index}`] = {
          [name]: { type, ...(type === "plain_text_input" && { value: null }), ...inputs[name] },
        };
    }
    return {
      type: "block_actions",
      team: { id: WORKSPACE },
      user: { id: user, name: "ada" },
      trigger_id: `press.${++this.#serial}`,
      channel: { id: message?.channel ?? "" },
      container: {
        type: "message",
        message_ts: ts,
        channel_id: message?.channel ?? "",
        ...(message?.thread !== undefined && { thread_ts: message.thread }),
      },
      message: { ts, blocks: blocks as unknown as JsonValue },
      state: { values },
      actions: button === undefined ? [] : [{ ...button, action_ts: this.nextTs() }],
    };
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = argumentsOf(incoming, Buffer.concat(chunks).toString());
    if (incoming.headers.authorization !== `Bearer ${this.#options.token}`)
      return answer(outgoing, { ok: false, error: "invalid_auth" });
    outgoing.setHeader("x-oauth-scopes", this.scopes.join(","));
    switch (incoming.url) {
      case "/api/auth.test":
        return answer(outgoing, {
          ok: true,
          url: "https://acme.slack.com/",
          team: "Acme",
          user: "worker",
          team_id: WORKSPACE,
          user_id: SLACK_SELF,
          bot_id: "B1",
          is_enterprise_install: false,
        });
      case "/api/chat.postMessage":
        return this.#post(body, outgoing);
      case "/api/conversations.history":
      case "/api/conversations.replies":
        return this.#read(body, outgoing, incoming.url.endsWith("replies"));
      default:
        answer(outgoing, { ok: false, error: "unknown_method" });
    }
  }

  #post(body: JsonObject, outgoing: ServerResponse): void {
    const fault = this.faults.shift();
    if (fault !== undefined && fault !== "reset-after" && fault !== "hang") return fail(outgoing, fault);
    const channel = typeof body.channel === "string" ? body.channel : "";
    const problems = [
      ...(/^[CDGU][A-Z0-9]+$/.test(channel) ? [] : ["channel_not_found"]),
      ...(body.mrkdwn === false ? [] : ["markup is on"]),
      ...problemsOfMessage(body),
    ];
    if (problems.length > 0) {
      this.refused.push(...problems);
      return answer(outgoing, { ok: false, error: problems[0] ?? "" });
    }
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    if (this.#options.isPaced !== false && nowMs - (this.#lastPost.get(channel) ?? -1_000) < 1_000) {
      this.limited++;
      return fail(outgoing, "429");
    }
    this.#lastPost.set(channel, nowMs);
    const thread = typeof body.thread_ts === "string" ? body.thread_ts : undefined;
    const ts = this.nextTs();
    this.messages.push({ ts, channel, thread, body });
    if (fault === "reset-after") outgoing.destroy();
    else if (fault === undefined) answer(outgoing, { ok: true, channel, ts, message: { text: body.text ?? "" } });
    this.#changed();
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #read(
    { channel, ts, oldest, limit, cursor, include_all_metadata: all }: JsonObject,
    outgoing: ServerResponse,
    isThread: boolean,
  ): void {
    this.reads++;
    this.#changed();
    const fault = this.readFaults.shift();
    if (fault !== undefined) return fail(outgoing, fault);
    const found = this.messages
      .filter((one) => one.channel === channel && (isThread ? one.thread === ts : one.thread === undefined))
      .filter((one) => Number(one.ts) >= Number(oldest ?? 0));
    if (!isThread) found.reverse();
    const from = Number(cursor ?? 0);
    const size = Math.min(this.#options.page ?? Infinity, typeof limit === "number" ? limit : 100);
    const messages = found.slice(from, from + size).map(({ ts: at, body }) => ({
      type: "message",
      ts: at,
      bot_id: "B1",
      text: body.text ?? "",
      ...(all === true && { metadata: body.metadata ?? null }),
    }));
    const hasMore = from + size < found.length;
    const meta = { next_cursor: hasMore ? String(from + size) : "" };
    answer(outgoing, { ok: true, messages, has_more: hasMore, response_metadata: meta });
  }
}

/** A method's arguments as JSON or as a form, in which objects are JSON. */
function argumentsOf({ headers }: IncomingMessage, text: string): JsonObject {
  if (headers["content-type"]?.startsWith("application/json") === true) return JSON.parse(text) as JsonObject;
  const read = (value: string): JsonValue =>
    /^(?:[{[]|true$|false$)/.test(value) ? (JSON.parse(value) as JsonValue) : value;
  return Object.fromEntries([...new URLSearchParams(text)].map(([name, value]) => [name, read(value)]));
}

/** What a person reads of a message's blocks, line by line; buttons in brackets. */
function seenText({ blocks, text }: JsonObject): string {
  const list = (Array.isArray(blocks) ? blocks : []) as unknown as readonly JsonObject[];
  const textIn = (value: JsonValue | undefined): string => (((value ?? {}) as JsonObject).text ?? "") as string;
  const lines = list.map(({ text: own, label, elements }) => {
    if (Array.isArray(elements)) return (elements as JsonObject[]).map((one) => `[${textIn(one.text)}]`).join(" ");
    return textIn(own ?? label);
  });
  const shown = lines.length === 0 ? (text as string) : lines.join("\n");
  return shown.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function fail(outgoing: ServerResponse, fault: SlackFault): void {
  if (fault === "reset-before" || fault === "reset-after") return void outgoing.destroy();
  if (fault === "hang") return;
  if (fault.startsWith("error:")) return answer(outgoing, { ok: false, error: fault.slice(6) });
  if (fault === "429") outgoing.setHeader("retry-after", "3");
  answer(outgoing, { ok: false, error: fault === "429" ? "ratelimited" : "internal" }, Number(fault));
}

function answer(outgoing: ServerResponse, body: JsonObject, status = 200): void {
  outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}
