import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Certificates } from "../../../../test/stand-ins/certificates.ts";
import { makeCertificates } from "../../../../test/stand-ins/certificates.ts";
import type { MailServerStandIn } from "../../../../test/stand-ins/mail-server.ts";
import { openMailServer } from "../../../../test/stand-ins/mail-server.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { SendResult } from "../../../session/index.ts";
import type { ChannelMessageEnvelope } from "../../../types/index.ts";
import type { OpenFile, Provider } from "../../provider.ts";
import { emailChannel, PLACE, said, THREAD_SECRET } from "./email-fixture.ts";
import { findThread } from "./thread.ts";

const PERSON = "anna@example.net";
const THREAD = "AAAAAAAAAAAAAAAAAAAAAA";
const signal = new AbortController().signal;
let certificates: Certificates;
const servers: MailServerStandIn[] = [];
const open = async (options?: Parameters<typeof openMailServer>[0]): Promise<MailServerStandIn> => {
  const server = await openMailServer(options);
  servers.push(server);
  return server;
};
const channelTo = (
  { port }: MailServerStandIn,
  config: Readonly<Record<string, string>> = {},
  known: Readonly<Record<string, string>> = {},
): Provider => emailChannel({ smtp_host: "mail.example.com", smtp_port: String(port), ...config }, { known });

async function send(
  channel: Provider,
  message: Partial<ChannelMessageEnvelope>,
  options: { readonly key?: string; readonly conversation?: string; readonly openFile?: OpenFile } = {},
): Promise<readonly (SendResult | undefined)[]> {
  const results: (SendResult | undefined)[] = [];
  const { key = "k-0", conversation = PERSON, openFile } = options;
  for (const payload of channel.project(said(message)))
    results.push(
      await channel.send?.(payload, {
        idempotencyKey: key,
        conversation,
        signal,
        ...(openFile === undefined ? {} : { openFile }),
      }),
    );
  return results;
}

beforeAll(() => {
  certificates = makeCertificates();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("email out", () => {
  test("writes a mail that a reader of another make reads back whole", async () => {
    verifies("channels.email.out");
    const server = await open();
    const results = await send(
      channelTo(server),
      {
        text: "Grüße, wähle:\nWhich city?",
        extensions: {
          suggested_actions: [
            { title: "Rome", value: "rome" },
            { title: "Paris", value: '{"city":"paris"}' },
          ],
        },
        reply_scope: {
          conversation: `${PERSON}/${THREAD}`,
          reply_to: "<first@example.net>",
          thread: "<root@example.net> <first@example.net>",
          correlation: "Wetter für morgen",
        },
      },
      { conversation: `${PERSON}/${THREAD}` },
    );
    expect(results).toEqual([{ kind: "sent" }]);
    const [{ from, to, mail } = { from: "", to: [], mail: undefined }] = server.taken;
    expect([from, to]).toEqual(["worker@example.com", [PERSON]]);
    expect(mail?.from).toEqual({ name: "Weather", address: "worker@example.com" });
    expect(mail?.subject).toBe("Re: Wetter für morgen");
    expect(mail?.text?.trim()).toBe("Grüße, wähle:\nWhich city?\n\n1. Rome\n2. Paris");
    expect(mail?.html).toContain("Grüße, wähle:<br>");
    expect(mail?.inReplyTo).toBe("<first@example.net>");
    const names = mail?.references?.split(" ") ?? [];
    expect(names.slice(1)).toEqual(["<root@example.net>", "<first@example.net>"]);
    const keeper = { address: PLACE, domain: "example.com" };
    for (const name of [names[0] ?? "", mail?.messageId ?? ""])
      expect(findThread([name], { person: PERSON, keeper, secrets: [THREAD_SECRET] })).toBe(THREAD);
    const header = (name: string): string | undefined => mail?.headers.find(({ key }) => key === name)?.value;
    expect(header("auto-submitted")).toBe("auto-replied");
    expect(header("x-auto-response-suppress")).toBe("All");
    expect(mail?.headers.filter(({ key }) => key.startsWith("list-"))).toEqual([]);
  });

  test("keeps a row's Message-ID however often it is sent, and a connection for several mails", async () => {
    verifies("channels.email.out");
    const server = await open();
    const channel = channelTo(server);
    await send(channel, { text: "one" }, { key: "turn-1" });
    await send(channel, { text: "one" }, { key: "turn-1" });
    await send(channel, { text: "two" }, { key: "turn-2" });
    const ids = server.taken.map(({ mail }) => mail.messageId);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(ids[0]).toContain("turn-1");
    expect(server.connections()).toBe(1);
    expect(server.taken[0]?.mail.headers.find(({ key }) => key === "auto-submitted")?.value).toBe("auto-generated");
    expect(server.taken[2]?.mail.subject).toBe("two");
  });

  test.each([
    ["mail", 451, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    ["rcpt", 450, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    ["data", 452, { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
    ["rcpt", 550, { kind: "failed", error: "MESSAGING_RECIPIENT_REFUSED" }],
    ["mail", 550, { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
    ["data", 554, { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
    ["data", 552, { kind: "failed", error: "MESSAGING_TOO_LARGE" }],
  ] as const)(
    "an answer of %s %i becomes %o, and the next mail leaves by the same connection",
    async (at, code, becomes) => {
      verifies("channels.email.out");
      const server = await open();
      const channel = channelTo(server);
      server.faults.push({ kind: "answer", at, code });
      expect(await send(channel, { text: "hi" })).toMatchObject([becomes]);
      expect(await send(channel, { text: "hi" })).toEqual([{ kind: "sent" }]);
      expect(server.taken).toHaveLength(1);
    },
  );

  test("a mail is in doubt only where the server can have taken it", async () => {
    verifies("channels.email.out");
    const server = await open();
    const channel = channelTo(server);
    server.faults.push({ kind: "reset-after" });
    expect(await send(channel, { text: "hi" })).toEqual([{ kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }]);
    expect(server.taken).toHaveLength(1);
    server.faults.push({ kind: "reset-before" });
    expect(await send(channel, { text: "hi" })).toMatchObject([{ kind: "retry" }]);
    expect(server.taken).toHaveLength(1);
    // A connection that was kept and is gone meanwhile costs nothing.
    expect(await send(channel, { text: "hi" })).toEqual([{ kind: "sent" }]);
    server.faults.push({ kind: "reset-before" });
    expect(await send(channel, { text: "hi" })).toEqual([{ kind: "sent" }]);
    expect(channel.delivery).toEqual({ kind: "send", sinkClass: "C" });
  });

  test("says nothing readable to another machine unless it is told to", async () => {
    verifies("channels.email.tls");
    const plain = await open();
    // No loopback address among them: what this machine doesn't reach by itself is held to encryption.
    const find = async (): Promise<readonly string[]> => Promise.resolve(["127.0.0.1", "10.255.255.1"]);
    const strict = emailChannel({ smtp_host: "mail.example.com", smtp_port: String(plain.port) }, { find });
    expect(await send(strict, { text: "hi" })).toMatchObject([
      { kind: "retry", error: "MESSAGING_CONNECTION_INSECURE" },
    ]);
    const loose = emailChannel(
      { smtp_host: "mail.example.com", smtp_port: String(plain.port), smtp_security: "plain" },
      { find },
    );
    expect(await send(loose, { text: "hi" })).toEqual([{ kind: "sent" }]);
    // Its certificate is of an authority that nobody knows.
    const unknown = await open({ certificates });
    const config = { smtp_host: "localhost", smtp_port: String(unknown.port), smtp_security: "starttls" };
    expect(await send(emailChannel(config), { text: "hi" })).toMatchObject([
      { kind: "retry", error: "MESSAGING_CONNECTION_INSECURE" },
    ]);
    expect([plain.taken.length, unknown.taken.length]).toEqual([1, 0]);
  });

  test("logs in by password or by access token", async () => {
    verifies("channels.email.out");
    const server = await open({ users: { ann: "secret", tom: "token:ya29.abcdefghijklmnop" } });
    const byPassword = channelTo(server, { smtp_user: "ann" }, { smtp_password: "secret" });
    expect(await send(byPassword, { text: "hi" })).toEqual([{ kind: "sent" }]);
    const byToken = channelTo(server, { smtp_user: "tom" }, { email_access_token: "ya29.abcdefghijklmnop" });
    expect(await send(byToken, { text: "hi" })).toEqual([{ kind: "sent" }]);
    const wrong = channelTo(server, { smtp_user: "ann" }, { smtp_password: "guess" });
    expect(await send(wrong, { text: "hi" })).toEqual([
      { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" },
    ]);
    expect(server.taken.map(({ user }) => user)).toEqual(["ann", "tom"]);
  });

  test("holds to the size that the server names, and to its own", async () => {
    verifies("channels.email.out");
    const server = await open({ maxBytes: 20_000 });
    const channel = channelTo(server);
    expect(await send(channel, { text: "word ".repeat(10_000) })).toEqual([
      { kind: "failed", error: "MESSAGING_TOO_LARGE" },
    ]);
    const file = { mime_type: "application/pdf", name: "a.pdf", url: "blob:1" };
    const openFile: OpenFile = async () =>
      Promise.resolve({
        sizeBytes: 2_000_000,
        read: async function* () {
          yield await Promise.resolve(Buffer.alloc(2_000_000));
        },
      });
    const told = channelTo(server, { max_megabytes: "1" }).project(
      said({
        text: "see",
        attachments: [
          { ...file, size_bytes: 2_000_000 },
          { ...file, name: "b.pdf", size_bytes: 9 },
        ],
      }),
    );
    expect(told).toMatchObject([{ text: "see\n\na.pdf", files: [{ url: "blob:1", name: "b.pdf" }] }]);
    const small = channelTo(server, { max_megabytes: "1" });
    expect(await send(small, { text: "see", attachments: [file] }, { openFile })).toEqual([
      { kind: "failed", error: "MESSAGING_TOO_LARGE" },
    ]);
    expect(server.taken).toEqual([]);
  });

  test("takes files along, and fails by name where one is gone", async () => {
    verifies("channels.email.files");
    const server = await open();
    const channel = channelTo(server);
    const bytes = Buffer.from("%PDF-1.7 Grüße\r\n\u0000");
    const openFile: OpenFile = async (url) =>
      url === "blob:1"
        ? Promise.resolve({
            sizeBytes: bytes.byteLength,
            read: async function* () {
              yield await Promise.resolve(bytes);
            },
          })
        : Promise.resolve(undefined);
    const attachments = [
      { mime_type: "application/pdf", name: "Grüße\r\nBcc: x@example.org.pdf", url: "blob:1" },
      {
        mime_type: "text/plain",
        name: "own.txt",
        url: `data:text/plain;base64,${Buffer.from("own").toString("base64")}`,
      },
      { mime_type: "text/html", name: "page", url: "https://example.org/page" },
    ];
    expect(await send(channel, { text: "see", attachments }, { openFile })).toEqual([{ kind: "sent" }]);
    const [one] = server.taken;
    expect(
      one?.mail.attachments.map(({ mimeType, content }) => [mimeType, Buffer.from(content as ArrayBuffer)]),
    ).toEqual([
      ["application/pdf", bytes],
      ["text/plain", Buffer.from("own")],
    ]);
    expect(one?.mail.attachments[0]?.filename).toContain("Grüße Bcc: x@example.org.pdf");
    expect(one?.mail.text).toContain("page: https://example.org/page");
    const gone = [{ mime_type: "application/pdf", url: "blob:2" }];
    expect(await send(channel, { attachments: gone }, { openFile })).toEqual([
      { kind: "failed", error: "MESSAGING_FILE_UNAVAILABLE" },
    ]);
  });

  test("refuses places that no mail goes to, and waits for a secret that isn't there", async () => {
    verifies("channels.email.out");
    const server = await open();
    for (const conversation of [
      "anna",
      "a b@example.net",
      "anna@example.net, tom@example.net",
      `${PERSON}/short`,
      `<${PERSON}>`,
    ])
      expect(await send(channelTo(server), { text: "hi" }, { conversation })).toEqual([
        { kind: "failed", error: "MESSAGING_ADDRESS_INVALID" },
      ]);
    const unset = channelTo(server, {}, { email_thread_secret: "" });
    expect(await send(unset, { text: "hi" })).toMatchObject([{ kind: "retry" }]);
    expect(server.taken).toEqual([]);
  });
});
