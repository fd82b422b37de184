/**
 * The file endpoints of Telegram, Slack, WhatsApp and Teams on loopback. It checks credentials, forms and sizes as the platforms do, and
 * records what was sent and which requests brought which credential.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openHttp, sendHttp } from "../../src/http/index.ts";
import type { HttpOptions } from "../../src/http/index.ts";
import type { OpenHttp, SendHttp } from "../../src/messaging/index.ts";
import type { JsonObject } from "../../src/types/index.ts";

export const FILE_TOKENS = {
  telegram: "987654:AAF_stand-in-token-0123456789",
  slack: "xoxb-stand-in-token-0123456789",
  whatsapp: "whatsapp-stand-in-token",
  teams: "teams-app-token",
} as const;
const ORIGINS = [
  "https://api.telegram.org",
  "https://slack.com",
  "https://files.slack.com",
  "https://graph.facebook.com",
  "https://lookaside.fbsbx.com",
  "https://smba.trafficmanager.net",
  "https://login.microsoftonline.com",
  "https://acme.sharepoint.com",
];

/** Something that reached a person, or an upload on its way there. */
interface Arrived {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly file: { readonly name: string; readonly type: string; readonly bytes: Buffer } | undefined;
  readonly json: JsonObject | undefined;
}

export interface FilePlatforms extends AsyncDisposable {
  readonly http: SendHttp;
  readonly openHttp: OpenHttp;
  readonly arrived: Arrived[];
  /** Path and credential of every request. */
  readonly asked: { readonly path: string; readonly bearer: string | undefined }[];
  /** What files hold that are fetched. */
  content: Buffer | (() => AsyncIterable<Uint8Array>);
  /** Statuses of the next answers to paths that contain a word. */
  readonly faults: { readonly on: string; readonly status: number }[];
  /** Answers in place of the usual ones, by a word of the path. */
  readonly answers: Record<string, unknown>;
}

/** Opens it. */
export async function openFilePlatforms(): Promise<FilePlatforms> {
  const state = new State();
  const server = createServer((incoming, outgoing) => void state.handle(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const to = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const options: HttpOptions = { rewrites: ORIGINS.map((from) => ({ from: new URL(from), to })) };
  const http: SendHttp = async (request, { signal } = {}) =>
    sendHttp(request, { ...options, ...(signal && { signal }) });
  const open: OpenHttp = async (request, more = {}) => openHttp(request, { ...options, ...more });
  return Object.assign(state, {
    http,
    openHttp: open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  });
}

class State {
  readonly arrived: Arrived[] = [];
  readonly asked: { path: string; bearer: string | undefined }[] = [];
  readonly faults: { on: string; status: number }[] = [];
  readonly answers: Record<string, unknown> = {};
  content: Buffer | (() => AsyncIterable<Uint8Array>) = Buffer.from("hello");

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = (incoming.url ?? "").split("?", 1)[0] ?? "";
    const bearer = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? "")?.[1];
    this.asked.push({ path, bearer });
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const fault = this.faults.findIndex(({ on }) => path.includes(on));
    if (fault >= 0) return void outgoing.writeHead(this.faults.splice(fault, 1)[0]?.status ?? 500).end("{}");
    const named = Object.keys(this.answers).find((word) => path.includes(word));
    if (named !== undefined) return void outgoing.end(JSON.stringify(this.answers[named]));
    await this.#serve(path, { bearer, body, type: incoming.headers["content-type"] ?? "" }, outgoing);
  }

  async #serve(
    path: string,
    sent: { readonly bearer: string | undefined; readonly body: Buffer; readonly type: string },
    outgoing: ServerResponse,
  ): Promise<void> {
    const json = (status: number, value: object): void =>
      void outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const needs = (token: string): boolean => {
      if (sent.bearer === token) return true;
      json(401, { ok: false, error: "invalid_auth" });
      return false;
    };
    const arrived = { path, ...(await readSent(sent.body, sent.type)) };
    const bot = `/bot${FILE_TOKENS.telegram}/`;
    if (path === `${bot}getFile`)
      return json(200, { ok: true, result: { file_id: "f", file_path: "documents/file_1.txt" } });
    if (path === `/file${bot}documents/file_1.txt`) return this.#give(outgoing, "application/octet-stream");
    if (path.startsWith(bot)) {
      if (path.endsWith("sendPhoto") && arrived.fields["chat_id"] === "13")
        return json(400, { ok: false, error_code: 400, description: "PHOTO_INVALID_DIMENSIONS" });
      this.arrived.push(arrived);
      return json(200, { ok: true, result: { message_id: this.arrived.length } });
    }
    if (path.startsWith("/files-pri/")) {
      if (sent.bearer !== FILE_TOKENS.slack)
        return void outgoing.writeHead(302, { location: "https://acme.slack.com/" }).end();
      return this.#give(outgoing, "text/plain");
    }
    if (path === "/api/files.getUploadURLExternal" && needs(FILE_TOKENS.slack)) {
      this.arrived.push(arrived);
      return json(200, { ok: true, upload_url: "https://files.slack.com/upload/v1/abc", file_id: "F1" });
    }
    if (path === "/upload/v1/abc" || path === "/api/files.completeUploadExternal") {
      this.arrived.push(arrived);
      return json(200, { ok: true, files: [{ id: "F1" }] });
    }
    if (path.startsWith("/v25.0/") && needs(FILE_TOKENS.whatsapp)) {
      if (path.endsWith("/media")) {
        this.arrived.push(arrived);
        return json(200, { id: "777" });
      }
      if (path.endsWith("/messages")) {
        this.arrived.push(arrived);
        return json(200, { messages: [{ id: "wamid.1" }] });
      }
      return json(200, {
        url: "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        mime_type: "text/plain",
        file_size: 5,
      });
    }
    if (path.startsWith("/whatsapp_business/") && needs(FILE_TOKENS.whatsapp))
      return this.#give(outgoing, "text/plain");
    if (path.endsWith("/oauth2/v2.0/token")) return json(200, { access_token: FILE_TOKENS.teams, expires_in: 3_600 });
    if (path.startsWith("/v3/attachments/") && needs(FILE_TOKENS.teams)) return this.#give(outgoing, "image/png");
    if (path.startsWith("/personal/")) return this.#give(outgoing, "application/octet-stream");
    if (path.includes("/v3/conversations/") && needs(FILE_TOKENS.teams)) {
      this.arrived.push(arrived);
      return json(200, { id: "1" });
    }
    if (!outgoing.writableEnded) json(404, { ok: false });
  }

  async #give(outgoing: ServerResponse, type: string): Promise<void> {
    outgoing.writeHead(200, { "content-type": type });
    if (Buffer.isBuffer(this.content)) return void outgoing.end(this.content);
    for await (const chunk of this.content())
      if (!outgoing.write(chunk)) await Promise.race([once(outgoing, "drain"), once(outgoing, "close")]);
    outgoing.end();
  }
}

async function readSent(body: Buffer, type: string): Promise<Omit<Arrived, "path">> {
  if (type.startsWith("multipart/form-data")) {
    const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
    const fields: Record<string, string> = {};
    let file: Arrived["file"];
    for (const [name, value] of form) {
      if (typeof value === "string") fields[name] = value;
      else file = { name: value.name, type: value.type, bytes: Buffer.from(await value.arrayBuffer()) };
    }
    return { fields, file, json: undefined };
  }
  if (type.startsWith("application/json"))
    return { fields: {}, file: undefined, json: JSON.parse(body.toString()) as JsonObject };
  return { fields: {}, file: { name: "", type, bytes: body }, json: undefined };
}
