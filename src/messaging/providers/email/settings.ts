import type { JsonObject } from "../../../types/index.ts";
import type { ChannelQuestion } from "../entry.ts";
import { domainOf, readAddress } from "./address.ts";
import { DEFAULT_MEGABYTES, DEFAULT_PER_MINUTE, DEFAULT_PER_SENDER } from "./limits.ts";

/** How a connection is kept private. `plain` only where the operator says so, or on this machine. */
export type Security = "tls" | "starttls" | "plain" | "local";

/** A server that the channel talks to. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `local`: plain on this machine alone, `starttls` everywhere else. */
  readonly security: Security;
  readonly user: string | undefined;
}

/** A channel's settings, read. */
export interface EmailSettings {
  /** As `readAddress` gives it; the first one is what it writes from. */
  readonly own: readonly string[];
  readonly domain: string;
  readonly fromName: string;
  readonly smtp: MailServer | undefined;
  readonly imap: (MailServer & { readonly mailbox: string; readonly moveTo: string | undefined }) | undefined;
  /** The mailbox in which the server itself keeps what was sent. */
  readonly sentMailbox: string | undefined;
  readonly listen: { readonly host: string; readonly port: number; readonly peers: readonly string[] } | undefined;
  readonly authserv: string | undefined;
  readonly isProofNeeded: boolean;
  readonly perMinute: number;
  readonly perSenderHour: number;
  readonly maxBytes: number;
  readonly subject: string | undefined;
  readonly hasImages: boolean;
}

const ADDRESS = { pattern: /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,253}$/, words: "an address" };
const ADDRESSES = {
  pattern: /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,253}(?:\s*,\s*[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,253})*$/,
  words: "addresses with commas between them",
};
const HOST = { pattern: /^(?:[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45})$/, words: "a host's name" };
const PORT = { pattern: /^[1-9]\d{0,4}$/, words: "a port" };
const SECURITY = { pattern: /^(?:tls|starttls|plain)$/, words: "tls, starttls or plain" };
const COUNT = { pattern: /^[1-9]\d{0,4}$/, words: "a number from 1 to 99999" };
const LINE = { pattern: /^[^\p{C}]{1,200}$/u, words: "one line of at most 200 characters" };
const LISTEN = { pattern: /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/, words: "host:port" };

const hasProof = (config: JsonObject): boolean => config["require"] === "dmarc";
const hasImap = (config: JsonObject): boolean => typeof config["sent_mailbox"] === "string";

/** What is asked of who sets the channel up. */
export const EMAIL_SETTINGS: readonly ChannelQuestion[] = [
  { name: "from", title: "The worker's address", isRequired: true, form: ADDRESS },
  { name: "from_name", title: "The name beside it", isRequired: false, form: LINE },
  { name: "addresses", title: "Other addresses that are the worker's too", isRequired: false, form: ADDRESSES },
  { name: "smtp_host", title: "The server that takes what is sent", isRequired: true, form: HOST },
  { name: "smtp_port", title: "Its port: 587 unless named", isRequired: false, form: PORT },
  {
    name: "smtp_security",
    title: "starttls unless named, tls on port 465; plain sends everything readable",
    isRequired: false,
    form: SECURITY,
  },
  { name: "smtp_user", title: "Who logs in there", isRequired: false, form: LINE },
  { name: "imap_host", title: "The server whose mailbox is read", isRequired: hasImap, form: HOST },
  { name: "imap_port", title: "Its port: 993 unless named", isRequired: false, form: PORT },
  {
    name: "imap_security",
    title: "tls unless named; plain reads everything readable",
    isRequired: false,
    form: SECURITY,
  },
  { name: "imap_user", title: "Who logs in there; as for sending unless named", isRequired: false, form: LINE },
  { name: "imap_mailbox", title: "The mailbox that is read: INBOX unless named", isRequired: false, form: LINE },
  {
    name: "imap_move_to",
    title: "The mailbox that messages are moved to once they are kept",
    isRequired: false,
    form: LINE,
  },
  {
    name: "sent_mailbox",
    title: "Where the server itself keeps what was sent, so that a send in doubt is looked up there",
    isRequired: false,
    form: LINE,
  },
  { name: "listen", title: "Where a mail server hands messages over by SMTP", isRequired: false, form: LISTEN },
  {
    name: "listen_peers",
    title: "Addresses that may do so, as CIDR with commas between them: this machine unless named",
    isRequired: false,
    form: { pattern: /^[0-9A-Fa-f:./]{2,49}(?:\s*,\s*[0-9A-Fa-f:./]{2,49})*$/, words: "addresses or ranges" },
  },
  {
    name: "trusted_authserv",
    title: "The name under which your own mail server writes Authentication-Results",
    isRequired: hasProof,
    form: HOST,
  },
  {
    name: "require",
    title: "Whether only senders are heard whose domain is proved: dmarc, or none",
    isRequired: false,
    form: { pattern: /^(?:dmarc|none)$/, words: "dmarc or none" },
  },
  { name: "messages_per_minute", title: "What may be sent: 60 unless named", isRequired: false, form: COUNT },
  {
    name: "messages_per_sender_hour",
    title: "What one sender may write: 60 unless named",
    isRequired: false,
    form: COUNT,
  },
  {
    name: "max_megabytes",
    title: "The largest message in and out: 25 unless named",
    isRequired: false,
    form: { pattern: /^(?:[1-9]\d?|1\d\d)$/, words: "a number from 1 to 199" },
  },
  {
    name: "subject",
    title: "Of what the worker begins; the text's first line unless named",
    isRequired: false,
    form: LINE,
  },
  {
    name: "images",
    title: "Whether cards' pictures are fetched from their https addresses when a mail is read: https, or none",
    isRequired: false,
    form: { pattern: /^(?:https|none)$/, words: "https or none" },
  },
];

/** Reads a channel's settings; what has the wrong form counts as not there, and `gtc doctor` says so. */
export function readSettings(config: JsonObject): EmailSettings {
  const setting = (name: string): string | undefined => {
    const value = config[name];
    const form = EMAIL_SETTINGS.find((one) => one.name === name)?.form;
    return typeof value === "string" && form?.pattern.test(value) === true ? value : undefined;
  };
  const count = (name: string, or: number): number => Number(setting(name) ?? or);
  const own = [setting("from"), ...(setting("addresses")?.split(",") ?? [])].flatMap((one) => {
    const address = readAddress(one?.trim());
    return address === undefined ? [] : [address];
  });
  const smtp = serverOf("smtp", setting, 587);
  const imap = serverOf("imap", setting, 993);
  const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(setting("listen") ?? "") ?? [];
  return {
    own,
    domain: domainOf(own[0] ?? "localhost"),
    fromName: setting("from_name") ?? "",
    smtp,
    imap: imap && {
      ...imap,
      user: imap.user ?? smtp?.user,
      mailbox: setting("imap_mailbox") ?? "INBOX",
      moveTo: setting("imap_move_to"),
    },
    sentMailbox: setting("sent_mailbox"),
    listen:
      host === undefined || Number(port) > 65_535
        ? undefined
        : { host, port: Number(port), peers: setting("listen_peers")?.split(/\s*,\s*/) ?? ["127.0.0.0/8", "::1"] },
    authserv: setting("trusted_authserv"),
    isProofNeeded: setting("require") === "dmarc",
    perMinute: count("messages_per_minute", DEFAULT_PER_MINUTE),
    perSenderHour: count("messages_per_sender_hour", DEFAULT_PER_SENDER),
    maxBytes: count("max_megabytes", DEFAULT_MEGABYTES) * 1_000_000,
    subject: setting("subject"),
    hasImages: setting("images") === "https",
  };
}

function serverOf(
  of: "smtp" | "imap",
  setting: (name: string) => string | undefined,
  defaultPort: number,
): MailServer | undefined {
  const host = setting(`${of}_host`);
  if (host === undefined) return undefined;
  const port = Number(setting(`${of}_port`) ?? defaultPort);
  const isTlsPort = port === 465 || port === 993;
  const security = setting(`${of}_security`) as Security | undefined;
  return { host, port, security: security ?? (isTlsPort ? "tls" : "local"), user: setting(`${of}_user`) };
}
