/** Mail servers know nothing of a channel: set-up tries what the channel will do, and sends and changes nothing. */
import { hostAddresses } from "../../../http/index.ts";
import { GreenticError } from "../../../types/index.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { whyUnreadable } from "./failure.ts";
import type { MailboxOptions } from "./mailbox.ts";
import { openImap } from "./mailbox.ts";
import type { SmtpResult } from "./send.ts";
import { SmtpLines } from "./send.ts";
import type { EmailSettings, MailServer } from "./settings.ts";
import { readSettings } from "./settings.ts";

const TIMEOUT_MS = 30_000;

/** Email's side of a channel. */
export const emailSetup: ProviderSetup = {
  isReached: () => false,
  register: tryAll,
  verify: tryAll,
  remove: async () =>
    Promise.resolve([
      { state: "todo", what: "nothing was told to the mail servers; delete the worker's account there" },
    ]),
};

async function tryAll(parts: SetupParts): Promise<readonly SetupStep[]> {
  const settings = readSettings(parts.config);
  const { smtp, imap, sentMailbox, listen } = settings;
  const steps: SetupStep[] = [];
  if (smtp !== undefined) steps.push(await trySmtp(smtp, settings, parts));
  if (imap !== undefined) {
    steps.push(await tryMailbox({ ...mailboxOf(imap, parts), mailbox: imap.mailbox, isWritten: true }));
    if (imap.moveTo !== undefined)
      steps.push(await tryMailbox({ ...mailboxOf(imap, parts), mailbox: imap.moveTo, isWritten: true }));
    if (sentMailbox !== undefined)
      steps.push(await tryMailbox({ ...mailboxOf(imap, parts), mailbox: sentMailbox, isWritten: false }));
  }
  if (listen !== undefined)
    steps.push({ state: "ok", what: `a mail server may hand messages over at ${listen.host}:${listen.port}` });
  if (imap === undefined && listen === undefined)
    steps.push({ state: "todo", what: "it only sends", how: "set imap_host or listen for what people answer" });
  return steps;
}

async function trySmtp(server: MailServer, { domain }: EmailSettings, parts: SetupParts): Promise<SetupStep> {
  const lines = new SmtpLines({
    server,
    name: domain,
    find: findIn(parts),
    password: () => parts.secret("smtp_password"),
    accessToken: () => parts.secret("email_access_token"),
    world: { schedule: () => () => undefined },
  });
  const doing = `Log in at ${server.host}:${server.port}`;
  return smtpStep(await lines.check(AbortSignal.timeout(TIMEOUT_MS)), doing, server);
}

function smtpStep(result: SmtpResult, doing: string, { host, port, user }: MailServer): SetupStep {
  switch (result.kind) {
    case "ok":
      return { state: "ok", what: `${host}:${port} takes mail${user === undefined ? "" : " of smtp_user"}` };
    case "unauthenticated":
      return {
        state: "failed",
        what: `${doing}: it refused smtp_user`,
        code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
        how: "correct smtp_user, and set smtp_password or email_access_token",
      };
    case "insecure":
      return {
        state: "failed",
        what: `${doing}: it offers no encryption, or its certificate isn't its own`,
        code: "MESSAGING_CONNECTION_INSECURE",
        how: "correct smtp_host, smtp_port or smtp_security",
      };
    case "denied":
      return { state: "failed", what: `${doing}: this host may not`, code: "HTTP_ADDRESS_DENIED", how: PRIVATE };
    default:
      return {
        state: "failed",
        what: `${doing}: no good answer`,
        code: "MESSAGING_PLATFORM_UNAVAILABLE",
        how: "correct smtp_host and smtp_port, or try again",
      };
  }
}

const PRIVATE = "grant its address in network.private_addresses";

async function tryMailbox(
  options: MailboxOptions & { readonly mailbox: string; readonly isWritten: boolean },
): Promise<SetupStep> {
  const { server, mailbox, isWritten } = options;
  const doing = `Open mailbox ${JSON.stringify(mailbox)} at ${server.host}:${server.port}`;
  try {
    const client = await openImap(options);
    try {
      const { readOnly } = await client.mailboxOpen(mailbox, { readOnly: !isWritten });
      if (isWritten && readOnly === true)
        return { state: "failed", what: `${doing}: it is read-only`, code: "MESSAGING_MAILBOX_UNUSABLE" };
      return { state: "ok", what: `mailbox ${JSON.stringify(mailbox)} can be ${isWritten ? "read" : "searched"}` };
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof GreenticError && error.code === "HTTP_ADDRESS_DENIED")
      return { state: "failed", what: `${doing}: this host may not`, code: error.code, how: PRIVATE };
    const { isLogin, why } = whyUnreadable(error);
    return {
      state: "failed",
      what: `${doing}: ${why}`,
      code: isLogin ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_PLATFORM_UNAVAILABLE",
      how: isLogin
        ? "correct imap_user, and set imap_password or email_access_token"
        : "correct imap_host and its mailbox",
    };
  }
}

function mailboxOf(server: MailServer, parts: SetupParts): MailboxOptions {
  return {
    server,
    find: findIn(parts),
    password: async () => (await parts.secret("imap_password")) || parts.secret("smtp_password"),
    accessToken: () => parts.secret("email_access_token"),
  };
}

const findIn = ({ findAddresses }: SetupParts): ((host: string) => Promise<readonly string[]>) =>
  findAddresses ?? ((host) => hostAddresses(host, {}));
