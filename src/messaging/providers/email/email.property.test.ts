import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, test } from "vitest";
import { verifies } from "../../../../test/verifies.ts";
import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { messageToText } from "../../cards/message-to-text.ts";
import { PLACE, said, THREAD_SECRET } from "./email-fixture.ts";
import { printable } from "./html.ts";
import { htmlToText } from "./html-to-text.ts";
import { composeMail } from "./mime.ts";
import { parseMail } from "./parse-mail.ts";
import { numberedEmail, projectEmail, readPayload } from "./project.ts";
import { readMail } from "./receive.ts";
import { replyText } from "./reply-text.ts";
import { findThread, messageIdOf } from "./thread.ts";
import { senderProof } from "./verify.ts";

const FORGERIES = 10_000;
const PERSON = "anna@example.net";
const keeper = { address: PLACE, domain: "example.com" };
const HOSTILE = [
  "<script>alert(1)</script>",
  "</p></div><img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)',
  "' style='background:url(https://evil.example/x)",
  "a\r\nBcc: evil@example.org\r\n\r\nbody",
  "a\nBcc: evil@example.org",
  "a\u0000b\u0085c\u2028d",
  "\u202eright to left\u202c שלום مرحبا",
  "=?utf-8?q?=0d=0aBcc:_evil@example.org?=",
  "Z̸̡̢̛a̵̧̛l̷̨̛g̶̢̛o̴̢̕",
  "&lt;b&gt; &amp;amp; {{7*7}} ${7*7}",
  "javascript:alert(1)",
  "\ud800 half",
  ".\r\n.\r\nMAIL FROM:<evil@example.org>",
  "<!--[if mso]><v:rect/><![endif]-->",
];
const LONG = HOSTILE.join("\n").repeat(160).slice(0, 65_536);
const words = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const element: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({ type: fc.constant("TextBlock"), text: words, size: words, color: words, weight: words }),
  fc.record({ type: fc.constant("Image"), url: fc.oneof(words, fc.webUrl()), altText: words }),
  fc.record({
    type: fc.constant("FactSet"),
    facts: fc.array(fc.record({ title: words, value: words }), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant("Input.ChoiceSet"),
    id: words,
    label: words,
    choices: fc.array(fc.record({ title: words, value: words }), { maxLength: 3 }),
  }),
  fc.record({
    type: words,
    text: words,
    items: fc.array(fc.record({ type: fc.constant("TextBlock"), text: words }), { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constant("ColumnSet"),
    columns: fc.array(
      fc.record({
        type: fc.constant("Column"),
        items: fc.array(fc.record({ type: fc.constant("TextBlock"), text: words }), { maxLength: 2 }),
      }),
      { maxLength: 3 },
    ),
  }),
);
const action: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({ type: fc.constant("Action.Submit"), title: words, data: fc.record({ a: words }) }),
  fc.record({
    type: fc.constant("Action.OpenUrl"),
    title: words,
    url: fc.oneof(words, fc.webUrl({ withQueryParameters: true })),
  }),
);
const message: fc.Arbitrary<ChannelMessageEnvelope> = fc
  .record({
    text: words,
    body: fc.array(element, { maxLength: 4 }),
    actions: fc.array(action, { maxLength: 4 }),
    title: words,
    subject: words,
    answered: fc.boolean(),
    name: words,
  })
  .map(({ text, body, actions, title, subject, answered, name }) =>
    said({
      text,
      attachments: [{ mime_type: title, name, url: "data:text/plain;base64,YQ==" }],
      metadata: { locale: title },
      extensions: {
        adaptive_card: { type: "AdaptiveCard", version: "1.5", body, actions },
        suggested_actions: [{ title, value: title }],
        ...(answered ? {} : { channel_data: { subject } }),
      },
      ...(answered
        ? { reply_scope: { conversation: PERSON, reply_to: subject, thread: subject, correlation: subject } }
        : {}),
    }),
  );

/** Tags and attributes that HTML of ours may have; whatever else looks like one came from somebody. */
const TAG =
  /<(?:!doctype html|\/(?:html|head|body|div|p|b|i|a|span|table|tr|td)|html(?: lang="[A-Za-z0-9-]+")?|head|body style="[^"<>]*"|meta (?:charset="utf-8"|name="viewport" content="width=device-width")|div(?: style="[^"<>]*")?|p(?: dir="auto")?(?: style="[^"<>]*")?|b|i|br|span style="[^"<>]*"|a href="https?:\/\/[^"<>\s]*" rel="noopener noreferrer" style="[^"<>]*"|img src="https:\/\/[^"<>\s]*" alt="[^"<>]*" style="[^"<>]*"|table role="presentation" cellspacing="0" cellpadding="0" style="[^"<>]*"|tr|td dir="auto" style="[^"<>]*")>/g;
const STYLE = /style="([^"]*)"/g;

describe("what a mail shows", () => {
  test("is only our own HTML, whatever somebody wrote, and fetches nothing unless pictures are allowed", () => {
    verifies("channels.email.project");
    fc.assert(
      fc.property(message, fc.boolean(), (one, hasImages) => {
        for (const payload of projectEmail(one, { hasImages, subject: undefined })) {
          const html = payload["html"] as string;
          expect(html.replaceAll(TAG, "")).not.toMatch(/[<>]/);
          if (!hasImages) expect(html).not.toContain("<img");
          for (const [, style = ""] of html.matchAll(STYLE)) expect(style).not.toMatch(/url|expression|&|\\/i);
          expect(html).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/);
          expect(html.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("has every action and every word in both forms, numbered alike", () => {
    verifies("channels.email.project");
    const wordsIn = (text: string): string => (text.match(/[\p{L}\p{N}]+/gu) ?? []).join(" ");
    fc.assert(
      fc.property(message, (one) => {
        const payloads = projectEmail(one, { hasImages: false, subject: undefined });
        const text = payloads.map((payload) => payload["text"] as string).join("\n");
        const html = payloads.map((payload) => htmlToText(payload["html"] as string)).join("\n");
        const { actions } = messageToText(one);
        const submits = actions.filter(({ kind }) => kind === "submit");
        expect(numberedEmail(one)).toHaveLength(submits.length);
        for (const [at, { title }] of submits.entries()) {
          const line = wordsIn(`${at + 1} ${printable(title)}`);
          expect(wordsIn(text)).toContain(line);
          expect(wordsIn(html)).toContain(line);
        }
        for (const one of actions) {
          if (one.kind !== "open") continue;
          expect(text).toContain(one.url);
          expect(payloads.some(({ html: page }) => (page as string).includes("<a href="))).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("becomes no header, whoever wrote it", async () => {
    verifies("channels.email.project");
    await fc.assert(
      fc.asyncProperty(message, words, async (one, fromName) => {
        for (const json of projectEmail(one, { hasImages: false, subject: undefined })) {
          const payload = readPayload(JSON.parse(JSON.stringify(json)));
          if (payload === undefined) throw new Error("payload isn't read back");
          const composed = await composeMail(
            payload,
            {
              from: "worker@example.com",
              fromName,
              to: PERSON,
              messageId: messageIdOf("k", { place: { person: PERSON, thread: "" }, keeper, secret: THREAD_SECRET }),
              anchor: undefined,
              dateMs: 0,
            },
            { maxBytes: 25_000_000 },
          );
          if (composed.kind !== "composed") throw new Error(composed.kind);
          const text = Buffer.from(composed.bytes).toString("latin1");
          const head = text.slice(0, text.indexOf("\r\n\r\n"));
          expect(head).not.toMatch(/[^\r]\n|\r[^\n]|[^\t\r\n\x20-\x7e]/);
          const names = [...head.matchAll(/^([A-Za-z-]+):/gm)].map(([, name]) => name?.toLowerCase());
          expect(names.filter((name) => name === "bcc" || name === "cc")).toEqual([]);
          expect(new Set(names).size).toBe(names.length);
          const { to, from, bcc } = await PostalMime.parse(composed.bytes);
          expect([to?.map(({ address }) => address), from?.address, bcc]).toEqual([
            [PERSON],
            "worker@example.com",
            undefined,
          ]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("holds 64 KB of all of it at once", () => {
    verifies("channels.email.project");
    const [payload] = projectEmail(said({ text: LONG }), { hasImages: true, subject: undefined });
    const html = payload?.["html"] as string;
    expect(html.replaceAll(TAG, "")).not.toMatch(/[<>]/);
    expect((htmlToText(html).match(/MAIL FROM/g) ?? []).length).toBe(LONG.match(/MAIL FROM/g)?.length);
  });

  test("goes on in further mails where it is too long, the choices under the last", () => {
    verifies("channels.email.project");
    const one = said({
      text: "word ".repeat(250_000),
      extensions: { suggested_actions: [{ title: "Go", value: "go" }] },
    });
    const payloads = projectEmail(one, { hasImages: false, subject: undefined });
    expect(payloads.length).toBeGreaterThan(1);
    expect(payloads.map(({ text }) => (text as string).includes("1. Go"))).toEqual(
      payloads.map((_, at) => at === payloads.length - 1),
    );
    expect(payloads.flatMap(({ text }) => (text as string).match(/word/g) ?? [])).toHaveLength(250_000);
  });
});

describe("what comes in", () => {
  test("of ten thousand made-up names none is in anybody's thread", () => {
    verifies("channels.email.threads");
    const thread = "CCCCCCCCCCCCCCCCCCCCCC";
    const place = { person: PERSON, thread };
    const real = messageIdOf("turn-1", { place, keeper, secret: THREAD_SECRET });
    const [, key = "", mac = ""] = /^<gt\.([^.]+)\.[^.]+\.([^@]+)@/.exec(real) ?? [];
    const base64 = fc.string({
      unit: fc.constantFrom("A", "B", "Z", "a", "b", "z", "0", "9", "-", "_"),
      minLength: 22,
      maxLength: 22,
    });
    const tampered = fc.oneof(
      base64.map((other) => `<gt.${key}.${thread}.${other}@example.com>`),
      base64.map((other) => `<gt.${key}.${other}.${mac}@example.com>`),
      base64.map((other) => `<gt.${other}.${thread}.${mac}@example.com>`),
      fc.constantFrom("", "thread", "x", thread).map((other) => `<gt.${other}.${thread}.${mac}@example.com>`),
      fc
        .nat(mac.length - 1)
        .map(
          (at) =>
            `<gt.${key}.${thread}.${mac.slice(0, at)}${mac[at] === "x" ? "y" : "x"}${mac.slice(at + 1)}@example.com>`,
        ),
      fc.nat(21).map((length) => `<gt.${key}.${thread}.${mac.slice(0, length)}@example.com>`),
      fc.string({ maxLength: 60 }).map((other) => `<gt.${other}@example.com>`),
      fc.constant(real.replace(thread, "0")),
    );
    const find = (name: string, person = PERSON): string | undefined =>
      findThread([name], { person, keeper, secrets: [THREAD_SECRET] });
    expect(find(real)).toBe(thread);
    expect(find(real, "tom@example.net")).toBeUndefined();
    let accepted = 0;
    fc.assert(
      fc.property(tampered, (name) => {
        if (name !== real && find(name) !== undefined) accepted++;
      }),
      { numRuns: FORGERIES },
    );
    expect(accepted).toBe(0);
  });

  test("is read or refused, never a failure, whatever the bytes", async () => {
    verifies("channels.email.read");
    const piece = fc.oneof(
      fc.constantFrom(
        "From: a@b.cd\r\n",
        "From: \r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n",
        "Content-Type: message/rfc822\r\n\r\n",
        'Content-Type: text/html; charset="utf-7"\r\n\r\n',
        "Content-Transfer-Encoding: base64\r\n",
        "--x\r\n",
        "--x--\r\n",
        "Subject: =?bogus?b?////?=\r\n",
        "References: <<<<>>>>\r\n",
        "Authentication-Results: (((((;\r\n",
        "<div><blockquote>&#xffffff;&bogus;<a <b",
        "=E4=XX=\r\n",
        "\r\n\r\n",
        "\n",
      ),
      fc.string({ unit: "binary", maxLength: 30 }),
    );
    const bytes = fc.oneof(
      fc.array(piece, { maxLength: 25 }).map((pieces) => Buffer.from(pieces.join(""), "utf8")),
      fc.uint8Array({ maxLength: 400 }),
      fc.array(piece, { maxLength: 15 }).map((pieces) => Buffer.from(`From: a@b.cd\r\n${pieces.join("")}`, "latin1")),
    );
    const reading = {
      keeper,
      own: ["worker@example.com"],
      authserv: "mx.example.com",
      isProofNeeded: false,
      threadSecrets: async () => Promise.resolve([THREAD_SECRET]),
    };
    await fc.assert(
      fc.asyncProperty(bytes, async (raw) => {
        const read = await readMail(raw, reading);
        if (read.kind !== "message") return;
        expect(read.message.user).toMatch(/^[^\s@]+@[^\s@]+$/);
        expect(read.message.envelope.text?.isWellFormed() ?? true).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("costs no more than its length, however it is built", async () => {
    verifies("channels.email.read");
    const deep = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(5_000);
    expect(await parseMail(Buffer.from(`From: a@b.cd\r\n${deep}`))).toBeUndefined();
    const n = 100_000;
    for (const html of [
      "<".repeat(n),
      "<div>".repeat(n),
      "<!--".repeat(n),
      "<script>".repeat(n),
      "<p".repeat(n),
      "&#".repeat(n),
    ])
      expect(htmlToText(html).length).toBeLessThan(5 * n);
    for (const text of [
      ">\n".repeat(n),
      "a\n".repeat(n),
      "On 10:00 ".repeat(n),
      "-- \n".repeat(n),
      "_____\nA: b\n".repeat(n),
    ])
      expect(replyText(text).length).toBeLessThanOrEqual(text.length);
    for (const value of ["(".repeat(n), `mx; ${"a=b ".repeat(n)}`])
      expect(
        senderProof([{ name: "authentication-results", value }], { authserv: "mx", domain: "b.cd" }),
      ).toBeUndefined();
  });
});
