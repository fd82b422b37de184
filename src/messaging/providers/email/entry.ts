import type { ProviderEntry } from "../entry.ts";
import { createEmailProvider } from "./provider.ts";
import { emailSetup } from "./setup.ts";
import { EMAIL_SETTINGS, readSettings } from "./settings.ts";

const PASSWORD = { pattern: /^[^\p{Cc}]{1,512}$/u, words: "one line" };

/** Email in the catalogue. */
export const email: ProviderEntry = {
  type: "email",
  title: "Email",
  secrets: [
    {
      name: "email_thread_secret",
      title: "What the names of messages are signed with, so that answers find their thread; any text of your own",
      isRequired: true,
      isRotated: true,
      generate: (random) => Buffer.from(random).toString("base64url"),
      form: { pattern: /^[\x21-\x7e]{16,}$/, words: "at least 16 characters without spaces" },
    },
    {
      name: "smtp_password",
      title: "The password of smtp_user",
      isRequired: false,
      form: PASSWORD,
    },
    {
      name: "imap_password",
      title: "The password of imap_user; smtp_password unless set",
      isRequired: false,
      form: PASSWORD,
    },
    {
      name: "email_access_token",
      title: "An OAuth 2 access token, which logs in instead of passwords (XOAUTH2)",
      isRequired: false,
      form: { pattern: /^[\x21-\x7e]{16,}$/, words: "at least 16 characters without spaces" },
    },
    {
      name: "email_tls_certificate",
      title: "The certificate of the listener, as PEM with its chain",
      isRequired: false,
      form: { pattern: /^\s*-----BEGIN CERTIFICATE-----/, words: "PEM" },
    },
    {
      name: "email_tls_key",
      title: "The private key of the listener, as PEM",
      isRequired: false,
      form: { pattern: /^\s*-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/, words: "PEM" },
    },
  ],
  settings: EMAIL_SETTINGS,
  setup: emailSetup,
  create: (address, { config, findAddresses, ...parts }) =>
    createEmailProvider({
      address,
      settings: readSettings(config),
      ...parts,
      ...(findAddresses !== undefined && { find: findAddresses }),
    }),
};
