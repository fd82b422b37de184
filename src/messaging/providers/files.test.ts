import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FilePlatforms } from "../../../test/stand-ins/file-platforms.ts";
import { FILE_TOKENS, openFilePlatforms } from "../../../test/stand-ins/file-platforms.ts";
import { createTestWorld } from "../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../test/verifies.ts";
import type { SendResult } from "../../session/index.ts";
import type { Attachment, ChannelMessageEnvelope, JsonValue } from "../../types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../types/index.ts";
import type { ChannelAddress, FetchedFile, OutgoingFile, Provider } from "../provider.ts";
import { slack } from "./slack/entry.ts";
import { teams } from "./teams/entry.ts";
import { telegram } from "./telegram/entry.ts";
import { whatsapp } from "./whatsapp/entry.ts";

const ENTRIES = { telegram, slack, whatsapp, teams };
type Name = keyof typeof ENTRIES;
const SECRETS: Readonly<Record<string, string>> = {
  telegram_bot_token: FILE_TOKENS.telegram,
  slack_bot_token: FILE_TOKENS.slack,
  whatsapp_access_token: FILE_TOKENS.whatsapp,
  teams_app_password: "password",
};
const CONFIG = { phone_number_id: "106540352242922", app_id: "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10" };
const CONVERSATIONS: Readonly<Record<Name, string>> = {
  telegram: "42",
  slack: "C1/1.2",
  whatsapp: "491701234567",
  teams: "19:x",
};
const URL_OF = `blob:${"a".repeat(64)}`;
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

let platforms: FilePlatforms;
beforeEach(async () => {
  platforms = await openFilePlatforms();
});
afterEach(() => platforms[Symbol.asyncDispose]());

function channelOf(name: Name): Provider {
  const address: ChannelAddress = {
    env: envId("test"),
    tenant: tenantId("acme"),
    team: DEFAULT_TEAM,
    channel: channelId(name),
  };
  const secret = async (of: string): Promise<string> => SECRETS[of] ?? "";
  const { http, openHttp } = platforms;
  const world = createTestWorld(Date.UTC(2026, 0, 1));
  return ENTRIES[name].create(address, {
    world,
    http,
    openHttp,
    config: CONFIG,
    secret,
    secrets: async (of) => [await secret(of)],
  });
}

const message = (attachments: readonly Attachment[], text?: string): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "acme" },
  channel: "c",
  session_id: "s",
  attachments,
  metadata: {},
  ...(text === undefined ? {} : { text }),
});

const fetchBy = async (name: Name, file: Attachment, maxBytes = 1_000): Promise<FetchedFile | undefined> =>
  channelOf(name).fetchFile?.({ file, message: message([file]), maxBytes, signal: new AbortController().signal });

async function textOf(fetched: FetchedFile | undefined): Promise<string> {
  if (fetched?.kind !== "fetched") return JSON.stringify(fetched);
  let text = "";
  for await (const chunk of fetched.content) text += Buffer.from(chunk).toString();
  return text;
}

const fileOf = (bytes: Buffer): OutgoingFile => ({
  sizeBytes: bytes.byteLength,
  read: async function* () {
    yield bytes;
  },
});

async function sendBy(
  name: Name,
  payload: JsonValue | undefined,
  file: OutgoingFile | undefined = fileOf(PNG),
): Promise<SendResult | undefined> {
  return channelOf(name).send?.(payload ?? null, {
    idempotencyKey: "row-1",
    conversation: CONVERSATIONS[name],
    signal: new AbortController().signal,
    openFile: async () => file,
  });
}

/** How each platform names a file. */
const FILES: Readonly<Record<Name, Attachment>> = {
  telegram: { mime_type: "text/plain", content: { file_id: "f" } },
  slack: {
    mime_type: "text/plain",
    content: { file_id: "F1", url: "https://files.slack.com/files-pri/T1-F1/download/a.txt" },
  },
  whatsapp: { mime_type: "text/plain", content: { media_id: "555" } },
  teams: {
    mime_type: "application/vnd.microsoft.teams.file.download.info",
    content: { downloadUrl: "https://acme.sharepoint.com/personal/a/_layouts/download.aspx?tempauth=x" },
    name: "a.txt",
  },
};
const NAMES = Object.keys(ENTRIES) as Name[];

describe("fetchFile()", () => {
  test.each(NAMES)("fetches a file of %s with the channel's credential", async (name) => {
    verifies("attachments.fetch");
    expect(channelOf(name).isFile?.(FILES[name])).toBe(true);
    expect(channelOf(name).isFile?.({ mime_type: "x/location", content: { lat: 1 } })).toBe(false);
    expect(await textOf(await fetchBy(name, FILES[name]))).toBe("hello");
    const token = FILE_TOKENS[name];
    const isKnown = platforms.asked.some(({ path, bearer }) => bearer === token || path.includes(token));
    // SharePoint's address is the credential, and nothing of ours goes there.
    expect(isKnown).toBe(name !== "teams");
  });

  test("fetches a picture of Teams with the app's token, from the connector's hosts alone", async () => {
    const picture = (url: string): Attachment => ({ mime_type: "image/png", content: { content_url: url } });
    const own = picture("https://smba.trafficmanager.net/v3/attachments/0-weu/views/original");
    expect(await textOf(await fetchBy("teams", own))).toBe("hello");
    expect(platforms.asked.at(-1)).toMatchObject({ bearer: FILE_TOKENS.teams });
    const before = platforms.asked.length;
    for (const url of [
      "https://evil.example/v3/attachments/x",
      "http://smba.trafficmanager.net/x",
      "https://smba.trafficmanager.net@evil.example/",
      "https://127.0.0.1/",
      "",
    ])
      expect(await fetchBy("teams", picture(url))).toEqual({ kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" });
    expect(platforms.asked).toHaveLength(before);
  });

  test.each([
    ["slack", { mime_type: "text/plain", content: { file_id: "F1", url: "https://evil.example/a" } }],
    ["slack", { mime_type: "text/plain", content: { file_id: "F1", url: "https://files.slack.com.evil.example/a" } }],
    ["slack", { mime_type: "text/plain", content: { file_id: "F1", url: "http://files.slack.com/a" } }],
    ["slack", { mime_type: "text/plain", content: { file_id: "F1", url: "https://169.254.169.254/latest" } }],
    ["slack", { mime_type: "text/plain", content: { file_id: "F1", url: "https://files.slack.com:8443/a" } }],
    ["teams", { mime_type: FILES.teams.mime_type, content: { downloadUrl: "https://localhost/a" } }],
    ["teams", { mime_type: FILES.teams.mime_type, content: { downloadUrl: "https://sharepoint.com.evil.example/a" } }],
    ["teams", { mime_type: FILES.teams.mime_type, content: { downloadUrl: "https://10.0.0.1/personal/a" } }],
  ] as const)("refuses %s an address that isn't the platform's, and asks nothing there: %j", async (name, file) => {
    verifies("attachments.hosts");
    expect(await fetchBy(name, file)).toEqual({ kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" });
    expect(platforms.asked).toEqual([]);
  });

  test("refuses what the platform itself says is elsewhere", async () => {
    platforms.answers["/v25.0/555"] = { url: "https://127.0.0.1/steal", mime_type: "text/plain" };
    expect(await fetchBy("whatsapp", FILES.whatsapp)).toEqual({
      kind: "refused",
      error: "MESSAGING_FILE_HOST_REFUSED",
    });
    platforms.answers["getFile"] = { ok: true, result: { file_path: "../../etc/passwd" } };
    expect(await fetchBy("telegram", FILES.telegram)).toEqual({ kind: "refused", error: "MESSAGING_FILE_UNREADABLE" });
    platforms.answers["getFile"] = { ok: true, result: { file_path: "a@evil.example/b" } };
    expect(await fetchBy("telegram", FILES.telegram)).toEqual({ kind: "refused", error: "MESSAGING_FILE_UNREADABLE" });
    expect(await fetchBy("whatsapp", { mime_type: "x/y", content: { media_id: "1/../2" } })).toMatchObject({
      kind: "refused",
    });
  });

  test("refuses what is too large before it is read, and beyond what it may be while it is", async () => {
    const large = { ...FILES.telegram, size_bytes: 20_000_001 };
    expect(await fetchBy("telegram", large, 1 << 30)).toEqual({ kind: "refused", error: "MESSAGING_FILE_TOO_LARGE" });
    expect(await fetchBy("whatsapp", FILES.whatsapp, 4)).toEqual({
      kind: "refused",
      error: "MESSAGING_FILE_TOO_LARGE",
    });
    platforms.content = async function* () {
      for (let n = 0; n < 100; n++) yield Buffer.alloc(1_000);
    };
    await expect(fetchBy("slack", FILES.slack, 2_000).then(textOf)).rejects.toMatchObject({
      code: "HTTP_RESPONSE_TOO_LARGE",
    });
  });

  test.each(NAMES)("tells trouble that passes from trouble that stays, for %s", async (name) => {
    const path = { telegram: "/file/", slack: "/files-pri/", whatsapp: "/whatsapp_business/", teams: "/personal/" }[
      name
    ];
    platforms.faults.push({ on: path, status: 503 }, { on: path, status: 404 }, { on: path, status: 403 });
    expect(await fetchBy(name, FILES[name])).toEqual({ kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" });
    expect(await fetchBy(name, FILES[name])).toEqual({ kind: "refused", error: "MESSAGING_FILE_UNAVAILABLE" });
    expect(await fetchBy(name, FILES[name])).toEqual({ kind: "refused", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" });
  });
});

describe("a file that leaves", () => {
  const picture: Attachment = { mime_type: "image/png", url: URL_OF, name: "chart.png", size_bytes: PNG.byteLength };
  const pdf: Attachment = {
    mime_type: "application/pdf",
    url: URL_OF,
    name: 'in"voice.pdf',
    size_bytes: PNG.byteLength,
  };

  test.each(NAMES)("is a payload of its own by its reference for %s", (name) => {
    verifies("attachments.out");
    const channel = channelOf(name);
    const sends = channel.project(message([picture], "Look"));
    expect(sends).toHaveLength(2);
    expect(sends[1]).toMatchObject({
      file: { url: URL_OF, name: "chart.png", mime_type: "image/png", size_bytes: 16 },
    });
    expect(JSON.stringify(sends[0])).not.toContain("chart.png");
    expect(channel.project(message([picture]))).toHaveLength(1);
  });

  test.each([
    ["telegram", { ...picture, size_bytes: 50_000_001 }],
    ["whatsapp", { ...picture, size_bytes: (5 << 20) + 1 }],
    ["whatsapp", { ...picture, mime_type: "image/webp" }],
    ["teams", { ...picture, size_bytes: (1 << 20) + 1 }],
    ["teams", pdf],
    ["slack", { ...picture, size_bytes: 100_000_001 }],
    ["slack", { mime_type: "image/png", name: "chart.png", content: { code: "MESSAGING_FILE_UNAVAILABLE" } }],
  ] as const)("stands for itself by its name where %s doesn't take it, and that is told", (name, file) => {
    const findings: string[] = [];
    const sends = channelOf(name).project(message([file], "Look"), ({ code }) => void findings.push(code));
    expect(JSON.stringify(sends)).not.toContain("blob:");
    expect(JSON.stringify(sends)).toContain((file.name ?? "").slice(3).replace('"', '\\"'));
    expect(findings).toEqual(["attachment.told"]);
  });

  test("goes to Telegram as a picture or a document, and as a document where the picture isn't fit", async () => {
    const [shown] = channelOf("telegram").project(message([picture]));
    expect(await sendBy("telegram", shown)).toEqual({ kind: "sent", receipt: "1" });
    const [document] = channelOf("telegram").project(message([pdf]));
    await sendBy("telegram", document);
    expect(platforms.arrived).toMatchObject([
      {
        path: expect.stringMatching(/sendPhoto$/) as string,
        fields: { chat_id: "42" },
        file: { name: "chart.png", type: "image/png", bytes: PNG },
      },
      {
        path: expect.stringMatching(/sendDocument$/) as string,
        file: { name: 'in"voice.pdf', type: "application/pdf" },
      },
    ]);
    const unfit = await channelOf("telegram").send?.(shown ?? null, {
      idempotencyKey: "k",
      conversation: "13",
      signal: new AbortController().signal,
      openFile: async () => fileOf(PNG),
    });
    expect(unfit).toMatchObject({ kind: "sent" });
    expect(platforms.arrived.at(-1)?.path).toMatch(/sendDocument$/);
  });

  test("goes to Slack by upload, the bytes, and a share that alone can be in doubt", async () => {
    const [payload] = channelOf("slack").project(message([pdf]));
    expect(await sendBy("slack", payload)).toEqual({ kind: "sent", receipt: "F1" });
    expect(platforms.arrived.map(({ path }) => path.split("/").at(-1))).toEqual([
      "files.getUploadURLExternal",
      "abc",
      "files.completeUploadExternal",
    ]);
    const [place, bytes, share] = platforms.arrived;
    expect(place?.json).toMatchObject({
      length: 16,
      filename: expect.stringMatching(/^in_?.?voice-[0-9a-f]{8}\.pdf$/) as string,
    });
    expect(bytes?.file?.bytes).toEqual(PNG);
    expect(share?.json).toEqual({ files: [{ id: "F1", title: pdf.name }], channel_id: "C1", thread_ts: "1.2" });
    for (const on of ["getUploadURLExternal", "/upload/"]) {
      platforms.faults.push({ on, status: 500 });
      expect(await sendBy("slack", payload)).toMatchObject({ kind: "retry" });
    }
    platforms.faults.push({ on: "completeUpload", status: 500 });
    expect(await sendBy("slack", payload)).toMatchObject({ kind: "unknown" });
    platforms.answers["getUploadURLExternal"] = { ok: true, upload_url: "https://evil.example/up", file_id: "F2" };
    expect(await sendBy("slack", payload)).toEqual({ kind: "failed", error: "MESSAGING_FILE_HOST_REFUSED" });
  });

  test("is found again in Slack's history by the mark of its row", async () => {
    const [payload] = channelOf("slack").project(message([pdf]));
    await sendBy("slack", payload);
    const name = platforms.arrived[0]?.json?.["filename"];
    const doubt = {
      payload: payload ?? null,
      conversation: "C1/1.2",
      createdAtMs: 0,
      signal: new AbortController().signal,
    };
    platforms.answers["conversations.replies"] = {
      ok: true,
      messages: [{ ts: "9.9", files: [{ name }] }],
      has_more: false,
    };
    expect(await channelOf("slack").readBack?.({ ...doubt, idempotencyKey: "row-1" })).toEqual({
      kind: "sent",
      receipt: "9.9",
    });
    expect(await channelOf("slack").readBack?.({ ...doubt, idempotencyKey: "row-2" })).toEqual({ kind: "unsent" });
  });

  test("goes to WhatsApp by upload and id, with its row's key", async () => {
    const [payload] = channelOf("whatsapp").project(message([pdf]));
    expect(await sendBy("whatsapp", payload)).toEqual({ kind: "sent", receipt: "wamid.1" });
    const [media, sent] = platforms.arrived;
    expect(media).toMatchObject({
      fields: { messaging_product: "whatsapp", type: "application/pdf" },
      file: { name: pdf.name, type: "application/pdf", bytes: PNG },
    });
    expect(sent?.json).toMatchObject({
      type: "document",
      document: { id: "777", filename: pdf.name },
      biz_opaque_callback_data: "row-1",
    });
    platforms.faults.push({ on: "/media", status: 500 });
    expect(await sendBy("whatsapp", payload)).toMatchObject({ kind: "retry" });
    expect(platforms.arrived).toHaveLength(2);
  });

  test("goes to Teams in the message, and by its name where the connector finds it too large", async () => {
    const [payload] = channelOf("teams").project(message([picture]));
    expect(await sendBy("teams", payload)).toMatchObject({ kind: "sent" });
    expect(platforms.arrived[0]?.json).toEqual({
      type: "message",
      attachments: [
        { contentType: "image/png", contentUrl: `data:image/png;base64,${PNG.toString("base64")}`, name: "chart.png" },
      ],
    });
    platforms.faults.push({ on: "/v3/conversations/", status: 413 });
    expect(await sendBy("teams", payload)).toMatchObject({ kind: "sent" });
    expect(platforms.arrived.at(-1)?.json).toMatchObject({ text: "chart.png" });
  });

  test.each(NAMES)(
    "fails by name where it isn't kept any more, and waits where the store is away, for %s",
    async (name) => {
      const [payload] = channelOf(name).project(message([picture]));
      const gone = channelOf(name).send?.(payload ?? null, {
        idempotencyKey: "k",
        conversation: CONVERSATIONS[name],
        signal: new AbortController().signal,
        openFile: async () => undefined,
      });
      expect(await gone).toEqual({ kind: "failed", error: "MESSAGING_FILE_UNAVAILABLE" });
      const away = channelOf(name).send?.(payload ?? null, {
        idempotencyKey: "k",
        conversation: CONVERSATIONS[name],
        signal: new AbortController().signal,
        openFile: () => Promise.reject(new Error("away")),
      });
      expect(await away).toMatchObject({ kind: "retry" });
    },
  );
});
