import type { SendResult } from "../../../session/index.ts";
import type { World } from "../../../types/index.ts";
import { toGreenticError } from "../../../types/index.ts";
import { hostAddresses } from "../../../http/index.ts";
import { BucketPace } from "../../bucket-pace.ts";
import type { ChannelAddress, Provider, ReceivedMessage } from "../../provider.ts";
import type { KeepFile } from "../entry.ts";
import { readPlace } from "./address.ts";
import { DEDUPE_TTL_MS, emailRates } from "./limits.ts";
import { listenForMail } from "./listen.ts";
import type { MailboxOptions } from "./mailbox.ts";
import { composeMail } from "./mime.ts";
import { pollMailbox } from "./poll.ts";
import { numberedEmail, projectEmail, readPayload } from "./project.ts";
import type { FindAddresses } from "./reach.ts";
import { SentMailbox } from "./read-back.ts";
import type { SmtpResult } from "./send.ts";
import { SmtpLines } from "./send.ts";
import type { OpenSmtpLine } from "./smtp-line.ts";
import type { EmailSettings, MailServer } from "./settings.ts";
import type { TakeMail } from "./take.ts";
import { mailTaker, senderBuckets } from "./take.ts";
import type { ThreadKeeper } from "./thread.ts";
import { anchorOf, messageIdOf } from "./thread.ts";

/** What an email channel needs. */
export interface EmailOptions {
  readonly address: ChannelAddress;
  readonly settings: EmailSettings;
  readonly world: Pick<World, "nowMs" | "schedule">;
  /** Reads a secret as it stands now; empty where there is none. */
  readonly secret: (name: string) => Promise<string>;
  /** Reads a secret and the one that it replaces. */
  readonly secrets: (name: string) => Promise<readonly string[]>;
  /** Where a host may be reached. Default: its public addresses. */
  readonly find?: FindAddresses;
  readonly keepFile?: KeepFile;
  /** How connections to the server that takes mail are made. Default for real. */
  readonly openLine?: OpenSmtpLine;
  /** Tells the operator what doesn't work. */
  readonly warn?: (message: string) => void;
  /** Told the listener's port once it takes connections. */
  readonly onListening?: (port: number) => void;
}

/** When a server that said "not now" is asked again: greylisting lets in after minutes, a full mailbox after hours. */
const DEFERRED_MS = [60_000, 300_000, 900_000, 3_600_000, 7_200_000, 14_400_000];
const UNREACHABLE_MS = [5_000, 15_000, ...DEFERRED_MS];
const NO_SECRET_MS = 30_000;

/** The email channel of one address: SMTP out, IMAP or SMTP in, threads by Message-ID. */
export function createEmailProvider(options: EmailOptions): Provider {
  const { address, settings, world } = options;
  const keeper: ThreadKeeper = { address, domain: settings.domain };
  const pace = new BucketPace(() => emailRates(settings.perMinute));
  const find = options.find ?? ((host: string) => hostAddresses(host, {}));
  const warn = options.warn ?? (() => undefined);
  const lines =
    settings.smtp &&
    new SmtpLines({
      server: settings.smtp,
      name: settings.domain,
      find,
      password: () => options.secret("smtp_password"),
      accessToken: () => options.secret("email_access_token"),
      world,
      ...(options.openLine !== undefined && { openLine: options.openLine }),
    });
  const mailboxOf = (server: MailServer): MailboxOptions => ({
    server,
    find,
    password: async () => (await options.secret("imap_password")) || options.secret("smtp_password"),
    accessToken: () => options.secret("email_access_token"),
  });
  const { imap, sentMailbox, listen } = settings;
  const sent =
    imap === undefined || sentMailbox === undefined
      ? undefined
      : new SentMailbox({ ...mailboxOf(imap), mailbox: sentMailbox, world });
  const taker = takerOf(options, keeper);
  /** A row's names, the one that it gets now first; another where the secret was changed since. */
  const namesOf = async (key: string, conversation: string): Promise<readonly SentName[]> => {
    const place = readPlace(conversation);
    if (place === undefined) return [];
    const { person } = place;
    return (await options.secrets("email_thread_secret")).map((secret) => ({
      person,
      id: messageIdOf(key, { place, keeper, secret }),
      anchor: anchorOf({ place, keeper, secret }),
    }));
  };
  return {
    type: "email",
    address,
    delivery: { kind: "send", sinkClass: sent === undefined ? "C" : "B" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    ...(imap !== undefined && {
      poll: (accept, signal) =>
        pollMailbox({
          options: mailboxOf(imap),
          mailbox: imap.mailbox,
          moveTo: imap.moveTo,
          maxBytes: settings.maxBytes,
          take: taker(accept),
          world,
          signal,
          warn,
        }),
    }),
    ...(listen !== undefined && {
      listen: (accept, signal) =>
        listenForMail({
          at: listen,
          own: settings.own,
          maxBytes: settings.maxBytes,
          take: taker(accept),
          certificate: () => options.secret("email_tls_certificate"),
          key: () => options.secret("email_tls_key"),
          world,
          signal,
          warn,
          ...(options.onListening !== undefined && { onListening: options.onListening }),
        }),
    }),
    project: (message, note) => projectEmail(message, settings, note),
    numbered: numberedEmail,
    readyAtMs: (conversation) => pace.readyAtMs(conversation, world.nowMs()),
    sendRates: () => emailRates(settings.perMinute),
    send: async (payload, { idempotencyKey, conversation, signal, attempt = 0, openFile }) => {
      const mail = readPayload(payload);
      if (mail === undefined) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
      if (readPlace(conversation) === undefined) return { kind: "failed", error: "MESSAGING_ADDRESS_INVALID" };
      if (lines === undefined || settings.own[0] === undefined) return later("MESSAGING_CREDENTIAL_INVALID");
      const readyAtMs = await pace.awaitTurn(conversation, { world, signal });
      if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
      try {
        const [name] = await namesOf(idempotencyKey, conversation);
        if (name === undefined) return later("MESSAGING_CREDENTIAL_INVALID");
        const composed = await composeMail(
          mail,
          {
            from: settings.own[0],
            fromName: settings.fromName,
            to: name.person,
            messageId: name.id,
            anchor: name.anchor,
            dateMs: world.nowMs(),
          },
          { openFile, maxBytes: settings.maxBytes },
        );
        if (composed.kind === "too-large") return { kind: "failed", error: "MESSAGING_TOO_LARGE" };
        if (composed.kind === "no-file") return { kind: "failed", error: "MESSAGING_FILE_UNAVAILABLE" };
        const result = await lines.send({ from: settings.own[0], to: name.person, bytes: composed.bytes }, signal);
        return settle(result, { attempt, nowMs: world.nowMs() });
      } catch (error) {
        // A secret or a file can't be read: nothing was sent, and an operator can mend it.
        return later(toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read mail secrets").code);
      }
    },
    ...(sent !== undefined && {
      readBack: async ({ idempotencyKey, conversation, signal }) => {
        const names = await namesOf(idempotencyKey, conversation).catch(() => []);
        return names.length === 0
          ? { kind: "unknown", error: "MESSAGING_CREDENTIAL_INVALID", notBeforeMs: world.nowMs() + NO_SECRET_MS }
          : sent.find(
              names.map(({ id }) => id),
              signal,
            );
      },
    }),
  };

  function later(error: string): SendResult {
    return { kind: "retry", error, notBeforeMs: world.nowMs() + NO_SECRET_MS };
  }
}

interface SentName {
  readonly person: string;
  readonly id: string;
  readonly anchor: string | undefined;
}

function takerOf(
  { settings, secrets, world, keepFile }: EmailOptions,
  keeper: ThreadKeeper,
): (accept: (message: ReceivedMessage) => Promise<void>) => TakeMail {
  const senders = senderBuckets(settings.perSenderHour);
  return (accept) =>
    mailTaker({
      reading: {
        keeper,
        own: settings.own,
        authserv: settings.authserv,
        isProofNeeded: settings.isProofNeeded,
        threadSecrets: () => secrets("email_thread_secret"),
      },
      accept,
      keepFile,
      world,
      senders,
    });
}

function settle(
  result: SmtpResult,
  { attempt, nowMs }: { readonly attempt: number; readonly nowMs: number },
): SendResult {
  switch (result.kind) {
    case "ok":
      return { kind: "sent" };
    case "deferred":
    case "unreachable": {
      const waits = result.kind === "deferred" ? DEFERRED_MS : UNREACHABLE_MS;
      const waitMs = waits[Math.min(attempt, waits.length - 1)] ?? 0;
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + waitMs };
    }
    case "insecure":
      return { kind: "retry", error: "MESSAGING_CONNECTION_INSECURE", notBeforeMs: nowMs + NO_SECRET_MS };
    case "refused":
      return {
        kind: "failed",
        error: result.isRecipient ? "MESSAGING_RECIPIENT_REFUSED" : "MESSAGING_PLATFORM_REFUSED",
      };
    case "too-large":
      return { kind: "failed", error: "MESSAGING_TOO_LARGE" };
    case "unauthenticated":
      return { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
    case "denied":
      return { kind: "failed", error: result.code };
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}
