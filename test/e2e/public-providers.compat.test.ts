import { createHmac } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBundle, readBundlePack } from "../../src/deployer/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { makeProviderPack } from "../stand-ins/provider-pack.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { makeChannelBundle } from "./channel-bundle.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";

const root = process.env["GREENTIC_COMPAT_DIR"] ?? "";
const wasms = join(root, "greentic-messaging-providers/dist/wasms");
const image = join(root, "greentic-deployer/testdata/bundles/telegram-bundle.gtbundle");
const isThere = root !== "" && existsSync(wasms) && existsSync(image);

const ECHO = `id: on_message
type: messaging
schema_version: 2
start: say
nodes:
  say: { message.send: { text: "You said {{in.text}}." }, routing: out }
`;
const TELEGRAM_TOKEN = "987654:AAF_stand-in-token-0123456789";
const TELEGRAM_SECRET = "Stand-in_secret-0123456789";
const SLACK_TOKEN = "xoxb-stand-in-0123456789";
const SIGNING = "0123456789abcdef0123456789abcdef";
const APP_SECRET = "app-secret-of-the-demo-0123456789";
const HOOK_SECRET = "webex-hook-secret-0123456789";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A platform that answers what it is told and keeps what it got. */
class Recorder {
  readonly seen: Seen[] = [];
  answer: (seen: Seen) => JsonObject = () => ({ id: "sent-1" });
  url = "";
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const seen = {
        method: request.method ?? "",
        url: request.url ?? "",
        authorization: request.headers.authorization,
        body: Buffer.concat(chunks).toString(),
      };
      this.seen.push(seen);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(this.answer(seen)));
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    })();
  });

  async open(): Promise<this> {
    await new Promise<void>((done) => void this.#server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe.skipIf(!isThere)("published provider components", () => {
  let telegram: TelegramStandIn;
  const slack = new Recorder();
  let host: HostProcess;
  const graph = new Recorder();
  const webex = new Recorder();
  const microsoft = new Recorder();

  beforeAll(async () => {
    telegram = await openTelegramStandIn({ token: TELEGRAM_TOKEN, isPaced: false });
    await Promise.all([graph.open(), webex.open(), microsoft.open(), slack.open()]);
    slack.answer = () => ({ ok: true, ts: "2.1" });
    graph.answer = () => ({ messaging_product: "whatsapp", messages: [{ id: "wamid.reply" }] });
    webex.answer = ({ method }) =>
      method === "GET" ? { id: "M1", roomId: "R1", personEmail: "ada@example.com", text: "hello webex" } : { id: "M2" };
    microsoft.answer = ({ url }) => (url.includes("/token") ? { access_token: "AT", expires_in: 3600 } : { id: "T1" });
    const dir = await makeChannelBundle({
      flow: ECHO,
      providers: [
        "  telegram: { pack: messaging-telegram.gtpack, http: [https://api.telegram.org], secrets: [TELEGRAM_BOT_TOKEN] }",
        "  slack: { pack: slack.gtpack, config: { verify: slack } }",
        '  whatsapp: { pack: whatsapp.gtpack, config: { verify: whatsapp, phone_number_id: "1065", enabled: true, public_base_url: "https://chat.example.com" } }',
        "  webex: { pack: webex.gtpack, config: { verify: webex, bot_id: worker@webex.bot } }",
        "  teams: { pack: teams.gtpack, config: { verify: { scheme: query, secret: path_key } } }",
        "  chat: { pack: webchat.gtpack, config: { verify: { scheme: query, secret: path_key } } }",
        "  empty: { pack: messaging-slack.gtpack }",
        "",
      ].join("\n"),
      secrets: {
        telegram: { telegram_bot_token: TELEGRAM_TOKEN, telegram_secret_token: TELEGRAM_SECRET },
        slack: { slack_bot_token: SLACK_TOKEN, slack_signing_secret: SIGNING },
        whatsapp: {
          whatsapp_token: "EAAG",
          whatsapp_app_secret: APP_SECRET,
          whatsapp_verify_token: "verify-me-please",
        },
        webex: { webex_bot_token: "WBX", webex_webhook_secret: HOOK_SECRET },
        teams: {
          path_key: "a-long-key-in-the-path",
          ms_graph_tenant_id: "dir",
          ms_graph_client_id: "client",
          ms_graph_client_secret: "s",
          ms_graph_refresh_token: "r",
        },
        chat: { path_key: "a-long-key-in-the-path" },
      },
    });
    const bundle = await openBundle(image);
    const published = bundle.files.list("packs").find((path) => path.endsWith("/messaging-telegram.gtpack")) ?? "";
    writeFileSync(join(dir, "messaging-telegram.gtpack"), await readBundlePack(bundle, bundle.files.locate(published)));
    writeFileSync(
      join(dir, "messaging-slack.gtpack"),
      readFileSync(join(root, "greentic-messaging-providers/dist/packs/messaging-slack.gtpack")),
    );
    const wrap = async (
      name: string,
      type: string,
      { destination, grants }: { readonly destination: string; readonly grants: string },
    ): Promise<void> =>
      writeFileSync(
        join(dir, `${name}.gtpack`),
        await makeProviderPack({
          name,
          provider: `provider_type = "${type}"\ndedupe = "delivery"\ndestination = "${destination}"`,
          components: { provider: { bytes: readFileSync(join(wasms, `messaging-provider-${name}.wasm`)), grants } },
        }),
      );
    await wrap("slack", "messaging.slack.api", {
      destination: "channel",
      grants: 'http = ["https://slack.com"]\nsecrets = ["SLACK_BOT_TOKEN"]',
    });
    await wrap("whatsapp", "messaging.whatsapp.cloud", {
      destination: "phone",
      grants: 'http = ["https://graph.facebook.com"]\nsecrets = ["WHATSAPP_TOKEN", "WHATSAPP_VERIFY_TOKEN"]',
    });
    await wrap("webex", "messaging.webex.bot", {
      destination: "room",
      grants: 'http = ["https://webexapis.com"]\nsecrets = ["WEBEX_BOT_TOKEN"]',
    });
    await wrap("teams", "messaging.teams.graph", {
      destination: "channel",
      grants:
        'http = ["https://login.microsoftonline.com", "https://graph.microsoft.com"]\nsecrets = ["MS_GRAPH_TENANT_ID", "MS_GRAPH_CLIENT_ID", "MS_GRAPH_CLIENT_SECRET", "MS_GRAPH_REFRESH_TOKEN"]',
    });
    await wrap("webchat", "messaging.webchat", { destination: "chat", grants: 'secrets = ["jwt_signing_key"]' });
    host = await startHostProcess(".", {
      cwd: dir,
      args: ["--port", "0", "--data", join(dir, "data"), "--policy", "devok"],
      env: {
        GREENTIC_HTTP_REWRITE: [
          `https://api.telegram.org=${telegram.url}`,
          `https://slack.com=${slack.url}`,
          `https://graph.facebook.com=${graph.url}`,
          `https://webexapis.com=${webex.url}`,
          `https://login.microsoftonline.com=${microsoft.url}`,
          `https://graph.microsoft.com=${microsoft.url}`,
        ].join(","),
      },
    });
  }, 120_000);
  afterAll(async () => {
    await host?.kill();
    await telegram.close();
    for (const one of [graph, webex, microsoft, slack]) one.close();
  });

  const post = async (
    channel: string,
    body: string,
    headers: Readonly<Record<string, string>> = {},
    query = "",
  ): Promise<number> => {
    const response = await fetch(`${host.url}/v1/messaging/ingress/${channel}/demo${query}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    await response.body?.cancel();
    return response.status;
  };

  test("the telegram bundle's own pack serves in place of the built-in channel, verified by the host", async () => {
    verifies("pack.provider", "channels.packs.precedence", "channels.packs.verify");
    expect(host.said.join("\n")).toMatch(
      /channel telegram is served by pack messaging-telegram [\d.]+: .*messaging-provider-telegram/,
    );
    const update = JSON.stringify({
      update_id: 5,
      message: {
        message_id: 9,
        date: 1,
        chat: { id: 42, type: "private" },
        from: { id: 7, is_bot: false, first_name: "Ada" },
        text: "hello",
      },
    });
    expect(await post("telegram", update)).toBe(401);
    expect(await post("telegram", update, { "x-telegram-bot-api-secret-token": "guess" })).toBe(401);
    const signed = { "x-telegram-bot-api-secret-token": TELEGRAM_SECRET };
    expect(await post("telegram", update, signed)).toBe(200);
    expect(await post("telegram", update, signed)).toBe(200);
    await telegram.until(() => telegram.sends.length === 1);
    expect(telegram.sends).toMatchObject([{ chatId: "42", text: "You said hello." }]);
  });

  test("slack's serves a signed event and posts into its channel", async () => {
    verifies("pack.provider");
    const body = JSON.stringify({
      type: "event_callback",
      team_id: "T0001",
      event_id: "Ev1",
      event: { type: "message", channel: "C1", user: "U7", text: "hello slack", ts: "1.1" },
    });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const mac = createHmac("sha256", SIGNING).update(`v0:${timestamp}:${body}`).digest("hex");
    const signed = { "x-slack-signature": `v0=${mac}`, "x-slack-request-timestamp": timestamp };
    expect(await post("slack", body)).toBe(401);
    expect(await post("slack", body, signed)).toBe(200);
    await slack.until(() => slack.seen.length === 1);
    expect(slack.seen[0]).toMatchObject({ url: "/api/chat.postMessage", authorization: `Bearer ${SLACK_TOKEN}` });
    expect(JSON.parse(slack.seen[0]?.body ?? "")).toEqual({ channel: "C1", text: "You said hello slack." });
  });

  test("whatsapp's answers the handshake and sends by the channel's own number", async () => {
    verifies("pack.provider");
    const query = "?hub.mode=subscribe&hub.verify_token=verify-me-please&hub.challenge=1158201444";
    const handshake = await fetch(`${host.url}/v1/messaging/ingress/whatsapp/demo${query}`);
    expect([handshake.status, await handshake.text()]).toEqual([200, "1158201444"]);
    const value = {
      messaging_product: "whatsapp",
      metadata: { phone_number_id: "1065" },
      messages: [{ from: "4917", id: "wamid.A", timestamp: "1", type: "text", text: { body: "hello wa" } }],
    };
    const body = JSON.stringify({
      object: "whatsapp_business_account",
      entry: [{ id: "1", changes: [{ field: "messages", value }] }],
    });
    const signature = `sha256=${createHmac("sha256", APP_SECRET).update(body).digest("hex")}`;
    expect(await post("whatsapp", body, { "x-hub-signature-256": "sha256=00" })).toBe(401);
    expect(await post("whatsapp", body, { "x-hub-signature-256": signature })).toBe(200);
    await graph.until(() => graph.seen.length === 1);
    expect(graph.seen[0]?.url).toBe("/v19.0/1065/messages");
    expect(JSON.parse(graph.seen[0]?.body ?? "")).toMatchObject({ to: "4917", text: { body: "You said hello wa." } });
  });

  test("webex's fetches what was said, answers in the room, and doesn't hear itself", async () => {
    verifies("pack.provider");
    const hook = (id: string): string =>
      JSON.stringify({ id: "wh", resource: "messages", event: "created", data: { id, roomId: "R1", personId: "P7" } });
    const sign = (body: string): Record<string, string> => ({
      "x-spark-signature": createHmac("sha1", HOOK_SECRET).update(body).digest("hex"),
    });
    expect(await post("webex", hook("M1"), { "x-spark-signature": "00" })).toBe(401);
    expect(await post("webex", hook("M1"), sign(hook("M1")))).toBe(200);
    await webex.until(() => webex.seen.some(({ method }) => method === "POST"));
    const sent = webex.seen.find(({ method }) => method === "POST");
    expect(sent?.authorization).toBe("Bearer WBX");
    expect(JSON.parse(sent?.body ?? "")).toMatchObject({ roomId: "R1", text: "You said hello webex." });
    webex.answer = () => ({ id: "M3", roomId: "R1", personEmail: "worker@webex.bot", text: "mine" });
    expect(await post("webex", hook("M3"), sign(hook("M3")))).toBe(200);
    expect(webex.seen.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  test("teams' and webchat's take a request and bring what they make of it", async () => {
    verifies("pack.provider");
    const activity = JSON.stringify({
      type: "message",
      id: "a1",
      text: "hello teams",
      conversation: { id: "19:c" },
      from: { id: "29:7", name: "Ada" },
      recipient: { id: "28:bot" },
    });
    expect(await post("teams", activity)).toBe(401);
    // It hears notifications of the Graph API, not activities of bots: this one is nothing that anybody said.
    expect(await post("teams", activity, {}, "?key=a-long-key-in-the-path")).toBe(200);
    expect(microsoft.seen).toEqual([]);
    const said = JSON.stringify({ text: "hello chat", user_id: "u7" });
    expect(await post("chat", said, {}, "?key=a-long-key-in-the-path")).toBe(200);
  });

  test("a placeholder is told of and serves nothing", () => {
    verifies("channels.packs.precedence");
    expect(host.said.join("\n")).toMatch(/channel empty: its pack messaging-slack isn't used: .*placeholders/);
  });
});
