/** A person who writes to the worker by mail: over SMTP into the channel's own listener, and reading what it sends as a mail server took it. */
import { createTransport } from "nodemailer";
import { createEmailProvider } from "../../src/messaging/providers/email/provider.ts";
import { readSettings } from "../../src/messaging/providers/email/settings.ts";
import type { Provider } from "../../src/messaging/index.ts";
import { ENV, TEAM, TENANT } from "../../src/runner/runtime-fixture.ts";
import type { TestWorld } from "../../src/runner/runtime-fixture.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { channelId } from "../../src/types/index.ts";
import { openMailServer } from "../stand-ins/mail-server.ts";
import { partsOf } from "./channel-settings.ts";

/** A channel with somebody at the other end. */
export interface EmailPerson {
  readonly channel: Provider;
  /** Writes a mail, an answer where something was sent, with what it answers quoted below; resolves once the channel took it. */
  readonly say: (n: number, text: string) => Promise<void>;
  /** Hands bytes over as the mail that they are, as servers do that had no answer; gives the channel's answer. */
  readonly bring: (raw: Uint8Array) => Promise<string>;
  /** The texts of all mails since the person last wrote. */
  readonly shown: () => readonly string[];
  /** Resolves once the mail server has all that the outbox holds, and the outbox knows. */
  readonly settle: (store: SessionStore) => Promise<void>;
  readonly close: () => Promise<void>;
}

const WORKER = "worker@example.com";
const PERSON = { name: "Ada", address: "ada@example.net" };

/** Opens a channel between a mail server and a listener on this machine. */
export async function openEmailPerson(world: TestWorld): Promise<EmailPerson> {
  const server = await openMailServer();
  const { promise: listening, resolve: onListening } = Promise.withResolvers<number>();
  const config = { from: WORKER, smtp_host: "mail.example.com", smtp_port: String(server.port), listen: "127.0.0.1:0" };
  const channel = createEmailProvider({
    ...partsOf("email"),
    address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("email") },
    settings: readSettings(config),
    world,
    find: () => Promise.resolve(["127.0.0.1"]),
    onListening,
  });
  let seen = 0;
  return {
    channel,
    say: async (n, text) => {
      const last = server.taken.at(-1)?.mail;
      seen = server.taken.length;
      const quoted = (last?.text ?? "").trim().replaceAll(/^/gm, "> ");
      const transport = createTransport({ host: "127.0.0.1", port: await listening, ignoreTLS: true });
      await transport.sendMail({
        from: PERSON,
        to: WORKER,
        messageId: `<${n}@example.net>`,
        subject: last === undefined ? "An order" : `Re: ${last.subject}`,
        text: last === undefined ? text : `${text}\n\nOn Thu, 5 Mar 2026 at 10:00, <${WORKER}> wrote:\n${quoted}\n`,
        ...(last?.messageId === undefined
          ? {}
          : { inReplyTo: last.messageId, references: `${last.references ?? ""} ${last.messageId}` }),
      });
      transport.close();
    },
    bring: async (raw) => {
      const transport = createTransport({ host: "127.0.0.1", port: await listening, ignoreTLS: true });
      const { response } = await transport.sendMail({
        envelope: { from: PERSON.address, to: WORKER },
        raw: Buffer.from(raw),
      });
      transport.close();
      return response;
    },
    shown: () => server.taken.slice(seen).map(({ mail }) => mail.text ?? ""),
    settle: async (store) => {
      const { length } = await store.listOutbox({});
      await server.until(() => server.taken.length >= length);
      while ((await store.listOutbox({})).some(({ status }) => status !== "sent"))
        await new Promise((later) => void setImmediate(later));
    },
    close: () => server.close(),
  };
}
