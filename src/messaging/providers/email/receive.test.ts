import { describe, expect, test } from "vitest";
import { verifies } from "../../../../test/verifies.ts";
import { mailOf, PLACE, THREAD_SECRET } from "./email-fixture.ts";
import { parseMail } from "./parse-mail.ts";
import type { EmailReading, ReadMail } from "./receive.ts";
import { readMail } from "./receive.ts";
import { replyText } from "./reply-text.ts";
import { anchorOf, messageIdOf } from "./thread.ts";

const keeper = { address: PLACE, domain: "example.com" };
const PERSON = "anna@example.net";
const reading: EmailReading = {
  keeper,
  own: ["worker@example.com", "help@example.com"],
  authserv: "mx.example.com",
  isProofNeeded: false,
  threadSecrets: async () => Promise.resolve(["a newer secret of the same", THREAD_SECRET]),
};
const mail = (headers: readonly string[], body: readonly string[] = ["Hello"]): Uint8Array =>
  mailOf(["To: worker@example.com", "Message-ID: <1@example.net>", ...headers, "", ...body]);
const from = (headers: readonly string[], body?: readonly string[]): Uint8Array =>
  mail(["From: Anna <Anna@Example.net>", "Subject: =?utf-8?q?Wetter_f=C3=BCr?=", ...headers], body);
const read = (
  raw: Uint8Array,
  more: Partial<EmailReading> & { readonly returnPath?: string } = {},
): Promise<ReadMail> => readMail(raw, { ...reading, ...more });
const conversationOf = async (raw: Uint8Array): Promise<string> => {
  const result = await read(raw);
  return result.kind === "message" ? result.message.conversation : result.kind;
};

describe("a mail", () => {
  test("becomes a message of its sender with what an answer needs", async () => {
    verifies("channels.email.read");
    const result = await read(from(["References: <0@example.net>", "Content-Language: de-AT"]));
    expect(result).toMatchObject({
      kind: "message",
      message: {
        user: PERSON,
        locale: "de-AT",
        envelope: {
          from: { id: PERSON, name: "Anna" },
          to: [{ id: "worker@example.com", kind: "email" }],
          text: "Hello",
          attachments: [],
          metadata: { from: PERSON, subject: "Wetter für", sender_verified: "false" },
          reply_scope: {
            reply_to: "<1@example.net>",
            thread: "<0@example.net> <1@example.net>",
            correlation: "Wetter für",
          },
        },
      },
    });
    const message = result.kind === "message" ? result.message : undefined;
    expect(message?.conversation).toMatch(/^anna@example\.net\/[A-Za-z0-9_-]{22}$/);
    expect(message?.envelope.reply_scope?.conversation).toBe(message?.conversation);
  });

  test("is the same by whatever way it came, and another with another body", async () => {
    verifies("channels.email.durable");
    const [one, again, other] = await Promise.all([
      parseMail(from([])),
      parseMail(from(["Received: from a by b", "Return-Path: <anna@example.net>"])),
      parseMail(from([], ["Hello!"])),
    ]);
    expect(again?.dedupeKey).toBe(one?.dedupeKey);
    expect(other?.dedupeKey).not.toBe(one?.dedupeKey);
    expect(one?.dedupeKey.length).toBeLessThan(60);
  });

  test("joins a thread by this channel's own signed names, and no other way", async () => {
    verifies("channels.email.threads");
    const thread = "BBBBBBBBBBBBBBBBBBBBBB";
    const place = { person: PERSON, thread };
    const id = messageIdOf("k-1", { place, keeper, secret: THREAD_SECRET });
    const anchor = anchorOf({ place, keeper, secret: THREAD_SECRET }) ?? "";
    const own = `${PERSON}/${thread}`;
    expect(await conversationOf(from([`In-Reply-To: ${id}`]))).toBe(own);
    expect(await conversationOf(from([`References: <x@y> ${id}`, "In-Reply-To: <renamed@server>"]))).toBe(own);
    expect(await conversationOf(from([`References: ${anchor} <renamed@server>`]))).toBe(own);
    const proactive = messageIdOf("k-2", { place: { person: PERSON, thread: "" }, keeper, secret: THREAD_SECRET });
    expect(await conversationOf(from([`In-Reply-To: ${proactive}`]))).toBe(PERSON);
    // Somebody whom it was forwarded to, another channel, another secret, nothing at all.
    const tom = mail(["From: tom@example.net", `In-Reply-To: ${id}`]);
    expect(await conversationOf(tom)).toMatch(/^tom@example\.net\/(?!BBBB)/);
    const elsewhere = { ...keeper, address: { ...PLACE, tenant: "other" as typeof PLACE.tenant } };
    for (const foreign of [
      messageIdOf("k-1", { place, keeper: elsewhere, secret: THREAD_SECRET }),
      messageIdOf("k-1", { place, keeper, secret: "no secret of ours at all" }),
      id.replace("k-1", "k-2"),
      "<1@example.net>",
    ])
      expect(await conversationOf(from([`In-Reply-To: ${foreign}`]))).not.toBe(own);
  });

  test.each([
    ["Auto-Submitted: auto-replied"],
    ["Auto-Submitted: auto-generated (rejected)"],
    ["List-Id: News <news.example.net>"],
    ["List-Unsubscribe: <mailto:off@example.net>"],
    ["Precedence: bulk"],
    ["Precedence: Junk"],
    ["Precedence: list"],
    ["X-Loop: somebody"],
    ["X-Auto-Response-Suppress: DR, AutoReply"],
    ["Return-Path: <>"],
    ['Content-Type: multipart/report; report-type=delivery-status; boundary="b"'],
  ])("of a program is dropped: %s", async (header) => {
    verifies("channels.email.loops");
    expect(await read(from([header]))).toMatchObject({ kind: "dropped" });
  });

  test("of ourselves, of a mail server, and with the envelope of a bounce is dropped; one that says it is a person's isn't", async () => {
    verifies("channels.email.loops");
    for (const sender of [
      "worker@example.com",
      "HELP@example.com",
      "MAILER-DAEMON@example.net",
      "bounces+7=x@example.net",
    ])
      expect(await read(mail([`From: <${sender}>`]))).toMatchObject({ kind: "dropped" });
    expect(await read(from([]), { returnPath: "" })).toMatchObject({ kind: "dropped", reason: "null return path" });
    expect(await read(from(["Auto-Submitted: no"]), { returnPath: PERSON })).toMatchObject({ kind: "message" });
  });

  test.each([
    ["dmarc=pass header.from=example.net", "dmarc"],
    ["spf=fail smtp.mailfrom=x.org; dkim=pass (2048-bit key) header.d=example.net header.s=a", "dkim"],
    ['spf=pass reason="a ; dmarc=pass" smtp.mailfrom=anna@example.net', "spf"],
    ["dmarc=none header.from=example.net; dkim=pass header.d=example.net", "dkim"],
    ["dmarc=fail header.from=example.net; dkim=pass header.d=example.net", undefined],
    ["dmarc=pass header.from=other.org", undefined],
    ["dkim=pass header.d=other.org; spf=pass smtp.mailfrom=other.org", undefined],
    ["dkim=pass header.d=net", undefined],
    ["dkim=pass header.d=t.example.net", undefined],
    ["none", undefined],
    ["(dmarc=pass) x=y", undefined],
  ])("has a sender proved by %s: %s", async (results, proof) => {
    verifies("channels.email.senders");
    const raw = from([`Authentication-Results: mx.example.com 1; ${results}`]);
    const result = await read(raw);
    expect(result.kind === "message" && result.message.envelope.metadata["sender_proof"]).toBe(proof);
    expect((await read(raw, { isProofNeeded: true })).kind).toBe(proof === undefined ? "refused" : "message");
  });

  test("proves nothing by another server's word, nor by what stands below the own server's", async () => {
    verifies("channels.email.senders");
    const pass = "dmarc=pass header.from=example.net";
    for (const headers of [
      [`Authentication-Results: mx.example.org; ${pass}`],
      [`Authentication-Results: mx.example.com.evil.org; ${pass}`],
      [`Authentication-Results: (mx.example.com) evil; ${pass}`],
      ["Authentication-Results: mx.example.com; dmarc=fail", `Authentication-Results: mx.example.com; ${pass}`],
      ["Authentication-Results: mx.example.com; spf=none", `Authentication-Results: mx.example.com; ${pass}`],
    ])
      expect(await read(from(headers), { isProofNeeded: true })).toEqual({ kind: "refused", reason: "unproved" });
    expect(
      await read(from([`Authentication-Results: mx.example.com; ${pass}`]), { authserv: undefined }),
    ).toMatchObject({
      message: { envelope: { metadata: { sender_verified: "false" } } },
    });
  });

  test.each([
    ["two senders", ["From: anna@example.net, tom@example.net"]],
    ["two From headers", ["From: anna@example.net", "From: tom@example.net"]],
    ["a name that is an address", ['From: "worker@example.com" <"a b"@example.net>']],
    ["none", ["Sender: anna@example.net"]],
    ["an empty one", ["From: <>"]],
  ])("is refused with %s", async (_what, headers) => {
    verifies("channels.email.senders");
    expect(await read(mail(headers))).toEqual({ kind: "refused", reason: "unreadable" });
  });

  test("is read in its charset and encoding, through nested parts, as text before HTML, with its files", async () => {
    verifies("channels.email.read", "channels.email.files");
    const parts = [
      "--a",
      'Content-Type: multipart/alternative; boundary="b"',
      "",
      "--b",
      "Content-Type: text/html; charset=utf-8",
      "",
      "<p>not me</p>",
      "--b",
      "Content-Type: text/plain; charset=iso-8859-15",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=FC=DFe f=FCr 5 =A4=",
      " und mehr",
      "--b--",
      "--a",
      'Content-Type: application/pdf; name="a.pdf"',
      "Content-Disposition: attachment; filename*=utf-8''%C3%BCber.pdf",
      "Content-Transfer-Encoding: base64",
      "",
      "JVBERg==",
      "--a--",
    ];
    const result = await parseMail(from(['Content-Type: multipart/mixed; boundary="a"'], parts));
    expect(result?.text).toBe("Grüße für 5 € und mehr");
    expect(result?.files.map(({ name, type, bytes }) => [name, type, Buffer.from(bytes).toString()])).toEqual([
      ["über.pdf", "application/pdf", "%PDF"],
    ]);
    const html = await parseMail(
      from(
        ["Content-Type: text/html; charset=utf-8"],
        [
          "<html><head><title>x</title><style>p{}</style></head><body><div>Hello &amp; <b>wel</b>come&nbsp;&uuml;</div>",
          "<ul><li>one<li>two</ul><script>alert('<p>')</script><!-- <p>no</p> -->2 < 3 <br>end",
          "<blockquote><div>On 1.1.2026 you wrote</div></blockquote></body></html>",
        ],
      ),
    );
    expect(html?.text).toBe("Hello & welcome ü\n\n• one\n• two\n\n2 < 3\nend");
    expect(html?.wholeText).toContain("> On 1.1.2026 you wrote");
  });
});

describe("replyText()", () => {
  test.each([
    ["2\n\nOn Mon, 5 Jan 2026 at 10:00, Worker <worker@example.com> wrote:\n> 1. Rome\n> 2. Paris\n", "2"],
    ["2\r\n\r\nAm Mo., 5. Jan. 2026 um 10:00 Uhr schrieb Worker <\r\nworker@example.com>:\r\n\r\n> 1. Rome\r\n", "2"],
    ["Paris\n\n-- \nAnna\nExample Ltd", "Paris"],
    ["Rome\n-- \nAnna\n\nOn 2026-01-05 10:00, Worker wrote:\n> Which city?\n", "Rome"],
    [
      "Yes\n\n________________________________\nFrom: Worker <worker@example.com>\nSent: Monday, 5 January 2026 10:00\nTo: Anna\nSubject: Weather\n\nWhich city?",
      "Yes",
    ],
    [
      "Ja\n\n-----Ursprüngliche Nachricht-----\nVon: Worker\nGesendet: Montag\nAn: Anna\nBetreff: Wetter\n\nWelche Stadt?",
      "Ja",
    ],
    ["> Which city?\nRome\n> And when?\nTomorrow", "Rome\nTomorrow"],
    ["On 5.1.2026 10:00 Worker wrote:\n> Which city?\n\nRome", "Rome"],
  ])("leaves out what a program put there: %j", (text, reply) => {
    verifies("channels.email.read");
    expect(replyText(text)).toBe(reply);
  });

  test.each([
    ["Meet me at 10:00:\nthe station"],
    ["-- \nonly a signature"],
    ["> all of it is quoted"],
    ["a\n-----\nb"],
    ["From: Rome\nTo: Paris"],
    ["Prices:\n-- \n" + "line\n".repeat(40) + "end"],
  ])("leaves in what somebody may have typed: %j", (text) => {
    verifies("channels.email.read");
    expect(replyText(text)).toBe(text.trim());
  });
});
