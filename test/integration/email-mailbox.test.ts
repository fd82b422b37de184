import type { ImapFlow } from "imapflow";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { emailChannel, THREAD_SECRET, PLACE, machine } from "../../src/messaging/providers/email/email-fixture.ts";
import { emailSetup } from "../../src/messaging/providers/email/setup.ts";
import { messageIdOf } from "../../src/messaging/providers/email/thread.ts";
import type { Provider, ReadBack, ReceivedMessage, SetupParts, SetupStep } from "../../src/messaging/index.ts";
import { GreenticError } from "../../src/types/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import type { Dovecot } from "../stand-ins/dovecot.ts";
import { DOVECOT_PASSWORD, hasDovecot, startDovecot } from "../stand-ins/dovecot.ts";
import { openMailServer } from "../stand-ins/mail-server.ts";
import { verifies } from "../verifies.ts";

let dovecot: Dovecot;
let desk: ImapFlow;
let user = "";
let serial = 0;
const known = { imap_password: DOVECOT_PASSWORD };
const SETUP_PARTS: Omit<SetupParts, "config" | "secret"> = {
  world: machine,
  http: () => Promise.reject(new TypeError("mail needs no HTTP")),
  secrets: async () => Promise.resolve([]),
  findAddresses: async (host) => Promise.resolve([host]),
  address: PLACE,
  isDryRun: false,
  isKnown: false,
  isTest: false,
  showSecret: (name) => name,
};

beforeAll(async () => {
  if (hasDovecot) dovecot = await startDovecot();
}, 30_000);
afterAll(async () => {
  await (dovecot as Dovecot | undefined)?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  if (!hasDovecot) return;
  user = `worker${++serial}`;
  desk = await dovecot.connect(user);
});

const mail = (id: number, headers = "", text = `message ${id}`): string =>
  `From: Anna <anna@example.net>\r\nMessage-ID: <${id}@example.net>\r\n${headers}\r\n${text}\r\n`;
const channel = (config: JsonObject = {}, world = machine, warn?: (problem: string) => void): Provider =>
  emailChannel(
    { imap_host: "127.0.0.1", imap_port: String(dovecot.port), imap_user: user, ...config },
    { known, world, ...(warn === undefined ? {} : { warn }) },
  );

interface Polling {
  readonly accepted: ReceivedMessage[];
  readonly until: (count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Fetches until it is stopped; what `fail` gives is thrown instead of taking the message. */
function poll(provider: Provider, fail: () => Error | undefined = () => undefined): Polling {
  const abort = new AbortController();
  const accepted: ReceivedMessage[] = [];
  const waiting: (() => void)[] = [];
  const ended = provider.poll?.(async (message) => {
    const failure = fail();
    for (const look of waiting.splice(0)) look();
    if (failure !== undefined) throw failure;
    accepted.push(message);
    return Promise.resolve();
  }, abort.signal);
  return {
    accepted,
    until: async (count) => {
      while (accepted.length < count) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
}

const texts = ({ accepted }: Polling): readonly (string | undefined)[] => accepted.map(({ envelope }) => envelope.text);
async function unread(mailbox = "INBOX"): Promise<number> {
  await desk.noop();
  const status = await desk.status(mailbox, { unseen: true, messages: true });
  return status === false ? -1 : (status.unseen ?? -1);
}
const count = async (mailbox: string): Promise<number> => {
  const status = await desk.status(mailbox, { messages: true });
  return status === false ? -1 : (status.messages ?? -1);
};
/** Looks again until the server shows it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await desk.noop();
}

describe.skipIf(!hasDovecot)("a mailbox", () => {
  test("is read to its end, then as messages come, each marked once it was taken", async () => {
    verifies("channels.email.durable");
    for (const id of [1, 2, 3]) await desk.append("INBOX", mail(id));
    await desk.append("INBOX", mail(4, "Auto-Submitted: auto-replied\r\n"));
    await desk.append("INBOX", mail(5), ["\\Seen"]);
    const polling = poll(channel());
    await polling.until(3);
    await desk.append("INBOX", mail(6));
    await polling.until(4);
    expect(texts(polling)).toEqual(["message 1", "message 2", "message 3", "message 6"]);
    await until(async () => (await unread()) === 0);
    expect(await count("INBOX")).toBe(6);
    await polling.stop();
  });

  test("keeps a message unread that couldn't be made durable, and gives it again to the next life", async () => {
    verifies("channels.email.durable");
    for (const id of [1, 2]) await desk.append("INBOX", mail(id));
    const down = new GreenticError("STORE_UNAVAILABLE", "Accept: no store");
    const refused = Promise.withResolvers<void>();
    let tries = 0;
    const first = poll(channel(), () => {
      if (++tries === 2) refused.resolve();
      return down;
    });
    await refused.promise;
    await first.stop();
    expect([first.accepted.length, await unread()]).toEqual([0, 2]);
    const second = poll(channel());
    await second.until(2);
    expect(texts(second)).toEqual(["message 1", "message 2"]);
    await second.stop();
  });

  test("gives a message again that was taken and not marked, under the same name", async () => {
    verifies("channels.email.durable");
    await desk.append("INBOX", mail(1));
    const first = poll(channel());
    await first.until(1);
    await until(async () => (await unread()) === 0);
    await first.stop();
    await desk.mailboxOpen("INBOX");
    await desk.messageFlagsRemove("1:*", ["\\Seen"]);
    const second = poll(channel());
    await second.until(1);
    await second.stop();
    expect(second.accepted[0]?.dedupeKey).toBe(first.accepted[0]?.dedupeKey);
  });

  test("moves what was taken where it is told to, and leaves what was dropped", async () => {
    verifies("channels.email.durable");
    await desk.append("INBOX", mail(1));
    await desk.append("INBOX", mail(2, "List-Id: <news.example.net>\r\n"));
    await desk.append("INBOX", mail(3, "", "word ".repeat(300_000)));
    const polling = poll(channel({ imap_move_to: "Done", max_megabytes: "1" }));
    await polling.until(1);
    await until(async () => (await count("Done")) === 1 && (await unread()) === 0);
    expect([await count("INBOX"), polling.accepted.length]).toEqual([2, 1]);
    await polling.stop();
  });

  test("is read on when its server starts again", async () => {
    verifies("channels.email.durable");
    const polling = poll(channel());
    await desk.append("INBOX", mail(1));
    await polling.until(1);
    await dovecot.restart();
    desk = await dovecot.connect(user);
    await desk.append("INBOX", mail(2));
    await polling.until(2);
    expect(texts(polling)).toEqual(["message 1", "message 2"]);
    await polling.stop();
  }, 60_000);

  test("that can't be opened is told of, by its reason", async () => {
    const told = Promise.withResolvers<string>();
    const { port } = dovecot;
    const wrong = poll(
      emailChannel(
        { imap_host: "127.0.0.1", imap_port: String(port), imap_user: user },
        { known: { imap_password: "guess" }, warn: told.resolve },
      ),
    );
    expect(await told.promise).toBe("its mailbox can't be read: the server refused the login of imap_user");
    await wrong.stop();
  });
});

describe.skipIf(!hasDovecot)("set-up", () => {
  const verify = async (config: JsonObject, secrets: Readonly<Record<string, string>>): Promise<readonly SetupStep[]> =>
    emailSetup.verify({
      ...SETUP_PARTS,
      config: { from: "worker@example.com", ...config },
      secret: async (name) => Promise.resolve(secrets[name] ?? ""),
    });

  test("tries the login and the mailboxes, tells what is wrong by its setting, and shows no password", async () => {
    verifies("channels.email.setup");
    await using smtp = new AsyncDisposableStack();
    const server = smtp.adopt(await openMailServer({ users: { worker: DOVECOT_PASSWORD } }), (one) => one.close());
    const config = {
      smtp_host: "127.0.0.1",
      smtp_port: String(server.port),
      smtp_user: "worker",
      imap_host: "127.0.0.1",
      imap_port: String(dovecot.port),
      imap_move_to: "Done",
      sent_mailbox: "Sent",
      listen: "127.0.0.1:2525",
    };
    const well = await verify(config, { smtp_password: DOVECOT_PASSWORD });
    expect(well.map(({ state, what }) => `${state} ${what}`)).toEqual([
      `ok 127.0.0.1:${server.port} takes mail of smtp_user`,
      'ok mailbox "INBOX" can be read',
      'ok mailbox "Done" can be read',
      'ok mailbox "Sent" can be searched',
      "ok a mail server may hand messages over at 127.0.0.1:2525",
    ]);
    const ill = await verify(
      { ...config, sent_mailbox: "Missing", smtp_security: "starttls" },
      { smtp_password: DOVECOT_PASSWORD },
    );
    expect(ill.map(({ state, code }) => code ?? state)).toEqual([
      "MESSAGING_CONNECTION_INSECURE",
      "ok",
      "ok",
      "MESSAGING_PLATFORM_UNAVAILABLE",
      "ok",
    ]);
    const wrong = await verify(config, { smtp_password: "guess-of-mine" });
    expect(wrong.slice(0, 4).map(({ code }) => code)).toEqual(
      Array.from({ length: 4 }, () => "MESSAGING_PLATFORM_UNAUTHENTICATED"),
    );
    expect(JSON.stringify([well, ill, wrong])).not.toMatch(/guess-of-mine|a-password/);
    expect(server.taken).toEqual([]);
    expect((await verify({ smtp_host: "127.0.0.1", smtp_port: "1" }, {})).map(({ state }) => state)).toEqual([
      "failed",
      "todo",
    ]);
  });
});

describe.skipIf(!hasDovecot)("a mail in doubt", () => {
  const conversation = "anna@example.net";
  const idOf = (key: string): string =>
    messageIdOf(key, {
      place: { person: conversation, thread: "" },
      keeper: { address: PLACE, domain: "example.com" },
      secret: THREAD_SECRET,
    });
  const ask = async (provider: Provider, key: string): Promise<ReadBack | undefined> =>
    provider.readBack?.({
      payload: {},
      idempotencyKey: key,
      conversation,
      createdAtMs: 0,
      signal: new AbortController().signal,
    });

  test("was sent where its name is in the mailbox of what was sent; after a minute without it, it wasn't", async () => {
    verifies("channels.email.read-back");
    let nowMs = 1_000_000;
    const provider = channel({ sent_mailbox: "Sent" }, { ...machine, nowMs: () => nowMs });
    expect(provider.delivery).toEqual({ kind: "send", sinkClass: "B" });
    await desk.append("Sent", `From: worker@example.com\r\nMessage-ID: ${idOf("k-1")}\r\n\r\nhi\r\n`);
    expect(await ask(provider, "k-1")).toEqual({ kind: "sent" });
    expect(await ask(provider, "k-2")).toMatchObject({ kind: "unknown", notBeforeMs: nowMs + 10_000 });
    nowMs += 59_000;
    expect(await ask(provider, "k-2")).toMatchObject({ kind: "unknown" });
    nowMs += 1_000;
    expect(await ask(provider, "k-2")).toEqual({ kind: "unsent" });
    const nowhere = channel({ sent_mailbox: "Missing" });
    expect(await ask(nowhere, "k-1")).toMatchObject({ kind: "unknown" });
  });
});
