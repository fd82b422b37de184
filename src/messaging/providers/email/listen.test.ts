import { createTransport } from "nodemailer";
import { afterEach, describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { makeCertificates } from "../../../../test/stand-ins/certificates.ts";
import { verifies } from "../../../../test/verifies.ts";
import { GreenticError } from "../../../types/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import type { ReceivedMessage } from "../../provider.ts";
import type { KeepFile } from "../entry.ts";
import { emailChannel } from "./email-fixture.ts";

interface Listening {
  readonly port: number;
  readonly accepted: ReceivedMessage[];
  /** What happens to the next message instead of being taken. */
  readonly failures: Error[];
  readonly stop: () => Promise<void>;
}
const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ stop }) => stop()));
});

async function listen(
  config: JsonObject = {},
  options: { readonly keepFile?: KeepFile; readonly known?: Readonly<Record<string, string>> } = {},
): Promise<Listening> {
  const { promise: port, resolve } = Promise.withResolvers<number>();
  const abort = new AbortController();
  const channel = emailChannel(
    { listen: "127.0.0.1:0", addresses: "help@example.com", ...config },
    { onListening: resolve, ...options },
  );
  const accepted: ReceivedMessage[] = [];
  const failures: Error[] = [];
  const ended = channel.listen?.(async (message) => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    accepted.push(message);
    return Promise.resolve();
  }, abort.signal);
  const one = {
    port: await port,
    accepted,
    failures,
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
  open.push(one);
  return one;
}

/** Brings a mail as another program's client does; gives back the server's last word. */
async function bring(
  port: number,
  mail: JsonObject & { readonly envelope?: { readonly from?: string; readonly to: string } },
  tls?: { readonly ca: Buffer; readonly servername: string },
): Promise<{ readonly code: number; readonly isSecure: boolean }> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    secure: false,
    ignoreTLS: tls === undefined,
    requireTLS: tls !== undefined,
    ...(tls === undefined ? {} : { tls }),
  });
  try {
    const sent = await transport.sendMail({ from: "anna@example.net", to: "worker@example.com", text: "hi", ...mail });
    return { code: Number(sent.response.slice(0, 3)), isSecure: tls !== undefined };
  } catch (error) {
    return { code: (error as { responseCode?: number }).responseCode ?? 0, isSecure: false };
  } finally {
    transport.close();
  }
}

describe("the listener", () => {
  test("says 250 when a message is durable, and 451 when it can't be made so", async () => {
    verifies("channels.email.durable");
    const { port, accepted, failures } = await listen();
    failures.push(new GreenticError("RUNNER_DRAINING", "Accept message: the host is shutting down"), new Error("disk"));
    const mail = { messageId: "<1@example.net>", subject: "Hello" };
    expect(await bring(port, mail)).toMatchObject({ code: 451 });
    expect(await bring(port, mail)).toMatchObject({ code: 451 });
    expect(accepted).toEqual([]);
    expect(await bring(port, mail)).toMatchObject({ code: 250 });
    expect(await bring(port, mail)).toMatchObject({ code: 250 });
    expect(accepted.map(({ user, envelope: { text, metadata } }) => [user, text, metadata["subject"]])).toEqual([
      ["anna@example.net", "hi", "Hello"],
      ["anna@example.net", "hi", "Hello"],
    ]);
    expect(accepted[0]?.conversation).toBe(accepted[1]?.conversation);
  });

  test("takes mail for its own addresses alone, and no more than it may hold", async () => {
    verifies("channels.email.durable");
    const { port, accepted } = await listen({ max_megabytes: "1" });
    expect(await bring(port, { to: "somebody@example.org" })).toMatchObject({ code: 550 });
    expect(await bring(port, { to: "HELP@example.com" })).toMatchObject({ code: 250 });
    expect(await bring(port, { text: "word ".repeat(300_000) })).toMatchObject({ code: 552 });
    expect(accepted).toHaveLength(1);
  });

  test("refuses what isn't proved where it must be, and takes what is no person's without a word", async () => {
    verifies("channels.email.senders", "channels.email.loops");
    const { port, accepted } = await listen({ require: "dmarc", trusted_authserv: "mx.example.com" });
    const pass = { "Authentication-Results": "mx.example.com; dmarc=pass header.from=example.net" };
    expect(await bring(port, {})).toMatchObject({ code: 550 });
    expect(await bring(port, { headers: { "Authentication-Results": "mx.evil.org; dmarc=pass" } })).toMatchObject({
      code: 550,
    });
    expect(await bring(port, { headers: pass })).toMatchObject({ code: 250 });
    expect(await bring(port, { headers: { ...pass, "Auto-Submitted": "auto-replied" } })).toMatchObject({ code: 250 });
    expect(await bring(port, { headers: pass, envelope: { from: "", to: "worker@example.com" } })).toMatchObject({
      code: 250,
    });
    expect(accepted).toHaveLength(1);
    expect(accepted[0]?.envelope.metadata).toMatchObject({ sender_verified: "true", sender_proof: "dmarc" });
  });

  test("slows a sender down who writes too often, and nobody else", async () => {
    verifies("channels.email.loops");
    const { port, accepted } = await listen({ messages_per_sender_hour: "9" });
    const codes: number[] = [];
    for (let n = 0; n < 4; n++) codes.push((await bring(port, { messageId: `<${n}@example.net>` })).code);
    codes.push((await bring(port, { from: "tom@example.net" })).code);
    expect(codes).toEqual([250, 250, 250, 451, 250]);
    expect(accepted).toHaveLength(4);
  });

  test("lets nobody in but the machines that it was told of", async () => {
    verifies("channels.email.senders");
    const { port, accepted } = await listen({ listen_peers: "10.1.2.0/24, 2001:db8::/32" });
    expect((await bring(port, {})).code).not.toBe(250);
    expect(accepted).toEqual([]);
  });

  test("offers TLS where it has a certificate", async () => {
    verifies("channels.email.tls");
    const { certFile, keyFile, caFile } = makeCertificates();
    const known = {
      email_tls_certificate: readFileSync(certFile, "utf8"),
      email_tls_key: readFileSync(keyFile, "utf8"),
    };
    const { port, accepted } = await listen({}, { known });
    const tls = { ca: readFileSync(caFile), servername: "localhost" };
    expect(await bring(port, {}, tls)).toEqual({ code: 250, isSecure: true });
    expect(accepted).toHaveLength(1);
  });

  test("keeps files before the message that names them", async () => {
    verifies("channels.email.files");
    const kept: string[] = [];
    const keepFile: KeepFile = async ({ conversation, user }, { content, mimeType, name }) => {
      let text = "";
      for await (const chunk of content) text += Buffer.from(chunk).toString();
      kept.push(`${user} ${conversation.startsWith(`${user}/`)} ${mimeType} ${name} ${text}`);
      return { mime_type: mimeType, url: `blob:${kept.length}`, size_bytes: text.length, ...(name && { name }) };
    };
    const { port, accepted } = await listen({}, { keepFile });
    const attachments = [
      { filename: "a.txt", content: "one" },
      { filename: "b.pdf", content: "%PDF" },
    ];
    expect(await bring(port, { attachments })).toMatchObject({ code: 250 });
    expect(kept).toEqual([
      "anna@example.net true text/plain a.txt one",
      "anna@example.net true application/pdf b.pdf %PDF",
    ]);
    expect(accepted[0]?.envelope.attachments).toEqual([
      { mime_type: "text/plain", url: "blob:1", size_bytes: 3, name: "a.txt" },
      { mime_type: "application/pdf", url: "blob:2", size_bytes: 4, name: "b.pdf" },
    ]);
  });

  test("says where it can't listen, and tries again", async () => {
    const { port } = await listen();
    const told = Promise.withResolvers<string>();
    const abort = new AbortController();
    const second = emailChannel({ listen: `127.0.0.1:${port}` }, { warn: told.resolve });
    const ended = second.listen?.(async () => Promise.resolve(), abort.signal);
    expect(await told.promise).toBe(`can't listen at 127.0.0.1:${port}: EADDRINUSE`);
    abort.abort();
    await ended;
  });
});
