/** What people, platforms, programs and operators send to the host: good, broken and forged. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { DirectLineClient } from "../direct-line-client.ts";
import { CHANNEL_SECRETS, GUESSED_SECRETS, HOST_SECRETS, OPERATOR_SECRET, PERSONAL, secretOf } from "./planted.ts";

const JSON_TYPE = { "content-type": "application/json" };
const seconds = (): string => String(Math.floor(Date.now() / 1000));
const mac = (algorithm: string, secret: string | Buffer, text: string): Buffer =>
  createHmac(algorithm, secret).update(text).digest();
const standard = (name: "erp/webhook_secret", n: number, body: string): Record<string, string> => {
  const key = Buffer.from(CHANNEL_SECRETS[name].slice("whsec_".length), "base64");
  const at = seconds();
  const signature = mac("sha256", key, `msg_${n}.${at}.${body}`).toString("base64");
  return { "webhook-id": `msg_${n}`, "webhook-timestamp": at, "webhook-signature": `v1,${signature}` };
};

interface Platform {
  readonly channel: string;
  readonly body: (n: number, text: string) => object;
  readonly sign: (body: string, n: number) => Readonly<Record<string, string>>;
}

/** Those that post, signed as they sign. */
const PLATFORMS: readonly Platform[] = [
  {
    channel: "messaging-telegram",
    body: (n, text) => ({
      update_id: 7_000 + n,
      message: {
        message_id: n,
        date: Number(seconds()),
        text,
        chat: { id: 31_000 + n, type: "private", first_name: PERSONAL[n], username: "who" },
        from: { id: 31_000 + n, is_bot: false, first_name: PERSONAL[n], language_code: "en" },
      },
    }),
    sign: () => ({ "x-telegram-bot-api-secret-token": CHANNEL_SECRETS["messaging-telegram/telegram_secret_token"] }),
  },
  {
    channel: "slack",
    body: (n, text) => ({
      type: "event_callback",
      team_id: "T1",
      api_app_id: "A1",
      event_id: `Ev${n}`,
      event_time: Number(seconds()),
      authorizations: [{ user_id: "U0SELF", is_bot: true }],
      event: { type: "message", channel_type: "im", channel: `D${n}`, user: `U${n}`, text, ts: `${seconds()}.${n}` },
    }),
    sign: (body) => {
      const at = seconds();
      const signature = mac("sha256", CHANNEL_SECRETS["slack/slack_signing_secret"], `v0:${at}:${body}`).toString(
        "hex",
      );
      return { "x-slack-request-timestamp": at, "x-slack-signature": `v0=${signature}` };
    },
  },
  {
    channel: "whatsapp",
    body: (n, text) => ({
      object: "whatsapp_business_account",
      entry: [
        {
          id: "1",
          changes: [
            {
              field: "messages",
              value: {
                messaging_product: "whatsapp",
                metadata: { display_phone_number: "15550783881", phone_number_id: "106540352242922" },
                contacts: [{ profile: { name: PERSONAL[n] }, wa_id: `4917000${n}` }],
                messages: [
                  { from: `4917000${n}`, id: `wamid.${n}`, timestamp: seconds(), type: "text", text: { body: text } },
                ],
              },
            },
          ],
        },
      ],
    }),
    sign: (body) => ({
      "x-hub-signature-256": `sha256=${mac("sha256", CHANNEL_SECRETS["whatsapp/whatsapp_app_secret"], body).toString("hex")}`,
    }),
  },
  {
    channel: "webex",
    body: (n, text) => ({
      resource: "messages",
      event: "created",
      createdBy: "bot",
      data: { id: `m${n}`, roomId: `r${n}`, personId: `p${n}`, personEmail: "who@people.example", text },
    }),
    sign: (body) => ({
      "x-spark-signature": mac("sha1", CHANNEL_SECRETS["webex/webex_webhook_secret"], body).toString("hex"),
    }),
  },
  {
    channel: "erp",
    body: (n, text) => ({ type: "order.created", data: { who: PERSONAL[n], text } }),
    sign: (body, n) => standard("erp/webhook_secret", n, body),
  },
  {
    channel: "github",
    body: (n, text) => ({
      action: "opened",
      issue: { number: n, title: text, body: PERSONAL[n] },
      repository: { full_name: "octo/shop" },
    }),
    sign: (body, n) => ({
      "x-github-event": "issues",
      "x-github-delivery": `72d3162e-cc78-11e3-81ab-${String(n).padStart(12, "0")}`,
      "x-hub-signature-256": `sha256=${mac("sha256", CHANNEL_SECRETS["github/github_webhook_secret"], body).toString("hex")}`,
    }),
  },
  {
    channel: "stripe",
    body: (n, text) => ({
      id: `evt_${n}`,
      object: "event",
      type: "invoice.paid",
      data: { object: { id: `in_${n}`, customer_email: PERSONAL[n], description: text } },
    }),
    sign: (body) => {
      const at = seconds();
      const signature = mac("sha256", CHANNEL_SECRETS["stripe/stripe_webhook_secret"], `${at}.${body}`).toString("hex");
      return { "stripe-signature": `t=${at},v1=${signature}` };
    },
  },
  {
    // Nobody here signs as Microsoft does.
    channel: "teams",
    body: (n, text) => ({ type: "message", id: `a${n}`, text, from: { id: "29:x", name: PERSONAL[n] } }),
    sign: () => ({ authorization: `Bearer ${GUESSED_SECRETS[2]}.e30.x` }),
  },
];

/** What a host answered, by where it was asked; people who write in the web chat see their own words and aren't among it. */
export type Answers = Map<string, string>;

export async function sendEverything(host: {
  readonly url: string;
  readonly admin: string;
  readonly adminToken: string;
  readonly mailPort: number;
}): Promise<Answers> {
  const answers: Answers = new Map();
  const keep = async (where: string, response: Response): Promise<number> => {
    answers.set(
      where,
      `${answers.get(where) ?? ""}\n${JSON.stringify([...response.headers])} ${await response.text()}`,
    );
    return response.status;
  };
  // Four people each: one of every way in which the component fails.
  const first = 4 * PLATFORMS.length;
  const people = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, n) => from + n);
  await Promise.all([
    ...PLATFORMS.map(async (platform, index) => {
      for (const n of people(4 * index, 4)) await post(host.url, { platform, n, keep });
    }),
    ...people(first, 12).map((n) => talk(host.url, n)),
    ...people(first + 12, 2).map((n) => mail(host.mailPort, n)),
    ...people(first + 12, 2).map(async (n) => {
      const status = await keep("answers to who sends files", await upload(host.url, n));
      if (status !== 200) throw new Error(`a file was answered ${status}`);
    }),
    ...people(first + 14, 4).map(async (n) => keep("answers to callers", await callHook(host.url, n))),
  ]);
  await askMcp(host.url, first + 18, keep);
  await askAdmin(host, first + 20, keep);
  return answers;
}

/** Sends a message as a platform does; forged and broken ones name secrets and people, too. */
async function post(
  url: string,
  {
    platform: { channel, body, sign },
    n,
    keep,
  }: { readonly platform: Platform; readonly n: number; readonly keep: Keep },
): Promise<void> {
  const send = async (text: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    keep(
      `answers to ${channel}`,
      await fetch(`${url}/v1/messaging/ingress/${channel}/demo`, {
        method: "POST",
        headers: { ...JSON_TYPE, ...headers },
        body: text,
      }),
    );
  const text = JSON.stringify(body(n, `${n} ${PERSONAL[n]}`));
  const status = await send(text, sign(text, n));
  if (channel !== "teams" && status >= 300) throw new Error(`${channel} answered ${status}`);
  const name = Object.keys(sign(text, n)).at(-1) ?? "";
  await send(text, { ...sign(text, n), [name]: secretOf(n) });
  const broken = `{"message": "${PERSONAL[n]}`;
  await send(broken, sign(broken, n));
}

async function talk(url: string, n: number): Promise<void> {
  const person = new DirectLineClient(() => url);
  await person.open();
  await person.say(`${n} ${PERSONAL[n]}`);
  // Where the component fails, the flow says so before it asks.
  await person.until(1);
  while (!person.heard.some(({ text }) => text === "Who?")) await person.until(person.heard.length + 1);
  const asked = person.heard.length;
  await person.say(`${PERSONAL[n]}`);
  await person.until(asked + 1);
}

/** Sends a file whose name and content say who somebody is. */
async function upload(url: string, n: number): Promise<Response> {
  const chat = `${url}/v1/messaging/webchat/demo/v3/directline`;
  const begin = async (path: string, token?: string): Promise<{ token: string; conversationId: string }> =>
    (await (
      await fetch(chat + path, {
        method: "POST",
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      })
    ).json()) as { token: string; conversationId: string };
  const { token, conversationId } = await begin("/conversations", (await begin("/tokens/generate")).token);
  const form = new FormData();
  form.append("file", new File([`I am ${PERSONAL[n]}`], `${PERSONAL[n]}.txt`, { type: "text/plain" }));
  return fetch(`${chat}/conversations/${conversationId}/upload?userId=someone`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
}

/** Hands a message over, as a mail server does. */
async function mail(port: number, n: number): Promise<void> {
  const socket = await connected(port);
  const lines = [
    "EHLO parrot",
    "MAIL FROM:<someone@people.example>",
    "RCPT TO:<bot@shop.example>",
    "DATA",
    `From: "${PERSONAL[n]}" <someone@people.example>\r\nTo: bot@shop.example\r\nSubject: ${n} ${PERSONAL[n]}\r\nMessage-ID: <m${n}@people.example>\r\n\r\n${n} ${PERSONAL[n]}\r\n.`,
    "QUIT",
  ];
  await once(socket, "data");
  for (const line of lines) {
    socket.write(`${line}\r\n`);
    await once(socket, "data");
  }
  socket.destroy();
}

/** Connects as soon as somebody listens: channels listen a little after the host serves. */
async function connected(port: number): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (attempt === 200) throw error;
      await setTimeout(50);
    }
  }
}

function callHook(url: string, n: number): Promise<Response> {
  const body = JSON.stringify({ who: PERSONAL[n], secret: secretOf(n % 44) });
  return fetch(`${url}/v1/webhook/demo/hook?who=${encodeURIComponent(PERSONAL[n] ?? "")}`, {
    method: "POST",
    headers: JSON_TYPE,
    body,
  });
}

type Keep = (where: string, response: Response) => Promise<number>;

async function askMcp(url: string, n: number, keep: Keep): Promise<void> {
  const ask = (token: string, body: object, session?: string): Promise<Response> =>
    fetch(`${url}/v1/mcp/demo`, {
      method: "POST",
      headers: {
        ...JSON_TYPE,
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${token}`,
        ...(session !== undefined && { "mcp-session-id": session }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
    });
  const hello = {
    method: "initialize",
    params: {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: PERSONAL[n], version: "1" },
    },
  };
  await keep("answers to programs", await ask(GUESSED_SECRETS[1], hello));
  const opened = await ask(HOST_SECRETS["mcp/mcp_token"], hello);
  const session = opened.headers.get("mcp-session-id") ?? "";
  await keep("answers to programs", opened);
  const call = { method: "tools/call", params: { name: "hook", arguments: { who: PERSONAL[n + 1] } } };
  await keep("answers to programs", await ask(HOST_SECRETS["mcp/mcp_token"], call, session));
}

async function askAdmin(
  { admin, adminToken }: { readonly admin: string; readonly adminToken: string },
  n: number,
  keep: Keep,
): Promise<void> {
  const ask = async (line: string, { body, token = adminToken }: { body?: string; token?: string } = {}) => {
    const [method = "", path = ""] = line.split(" ");
    const init = { method, headers: { authorization: `Bearer ${token}`, ...JSON_TYPE }, ...(body && { body }) };
    return keep("answers of the admin API", await fetch(`${admin}/admin/v1/${path}`, init));
  };
  const tenant = "tenants/demo";
  const secret = JSON.stringify({ value: OPERATOR_SECRET });
  if ((await ask(`PUT ${tenant}/secrets/_/shop/later`, { body: secret })) !== 200) throw new Error("no secret was set");
  for (const body of [
    `{"value": "${OPERATOR_SECRET}`,
    JSON.stringify({ vale: OPERATOR_SECRET }),
    `"${OPERATOR_SECRET}"`,
  ])
    await ask(`PUT ${tenant}/secrets/_/shop/other`, { body });
  await ask("GET status", { token: GUESSED_SECRETS[0] });
  await ask(`GET ${tenant}/secrets`, { token: `gtadm_${"x".repeat(43)}` });
  await ask(`POST ${tenant}/erasures`, { body: JSON.stringify({ user: PERSONAL[n] }) });
  await ask(`POST ${tenant}/erasures`, { body: JSON.stringify({ usr: PERSONAL[n] }) });
  await ask("POST revocations", { body: JSON.stringify({ kind: "pack", id: PERSONAL[n], reason: "x" }) });
  for (const path of [
    "secrets",
    "secrets/_/shop/key_1",
    "sessions",
    "outbox",
    "dead-letters",
    "audit",
    "packs",
    "oauth",
  ])
    await ask(`GET ${tenant}/${path}`);
  for (const path of ["status", "config", "policies", "revocations", "audit?limit=1000", "openapi.json"])
    await ask(`GET ${path}`);
}
