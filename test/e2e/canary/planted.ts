/** What is planted: secrets of every kind that a host holds, and what people say of themselves. */
import { createHmac } from "node:crypto";

/** Secrets that a component reads, and does the worst with that it can. */
export const COMPONENT_SECRETS = 44;
/** What people say of themselves, in texts, names, file names, events and answers. */
const PEOPLE = 60;

const random = (n: number, what: string): string =>
  createHmac("sha256", "the canary test's").update(`${what}-${n}`).digest("base64url").slice(0, 24);
const planted = (what: string, prefix = ""): string => `${prefix}${random(0, what)}`;

export const secretOf = (n: number): string => `sk_${random(n, "secret")}`;

export const PERSONAL: readonly string[] = Array.from(
  { length: PEOPLE },
  (_unused, n) =>
    [`Ana-${random(n, "p")}`, `${random(n, "p")}@people.example`, `+62 812 ${random(n, "p")}`][n % 3] as string,
);

/** Secrets of channels, by `channel/name` as they are kept. */
export const CHANNEL_SECRETS = {
  "messaging-telegram/telegram_bot_token": planted("telegram", "123456:"),
  "messaging-telegram/telegram_secret_token": planted("telegram-secret"),
  "orders/webhook_secret": `whsec_${Buffer.from(planted("hook")).toString("base64")}`,
  "slack/slack_bot_token": planted("slack", "xoxb-1234567890-"),
  "slack/slack_signing_secret": Buffer.from(planted("slack-sign")).toString("hex").slice(0, 32),
  "whatsapp/whatsapp_access_token": planted("whatsapp", "EAAG"),
  "whatsapp/whatsapp_app_secret": Buffer.from(planted("whatsapp-app")).toString("hex").slice(0, 32),
  "whatsapp/whatsapp_verify_token": planted("whatsapp-verify"),
  "teams/teams_app_password": planted("teams"),
  "email/email_thread_secret": planted("email-thread"),
  "email/smtp_password": planted("smtp"),
  "email/imap_password": planted("imap"),
  "webex/webex_bot_token": planted("webex") + planted("webex-too"),
  "webex/webex_webhook_secret": planted("webex-hook"),
  "erp/webhook_secret": `whsec_${Buffer.from(planted("erp")).toString("base64")}`,
  "github/github_webhook_secret": planted("github"),
  "stripe/stripe_webhook_secret": planted("stripe", "whsec_"),
} as const;

/** Others that the host holds, by `category/name`. */
export const HOST_SECRETS = {
  "oauth/drive_secret": planted("oauth-client"),
  "llm/model_key": planted("model", "sk-"),
  "mcp/mcp_token": planted("mcp"),
  "shop/tool_key": planted("tool"),
} as const;

/** In the environment, beside the components' first. */
export const SERVER_SECRET = planted("environment");
export const HEADER_SECRET = planted("otlp");
/** In a mounted file. */
export const MOUNTED_SECRET = planted("mounted");
/** What an operator gives the admin API. */
export const OPERATOR_SECRET = planted("operator");
/** What strangers try. */
export const GUESSED_SECRETS = [
  planted("guess-admin", "gtadm_"),
  planted("guess-mcp"),
  planted("guess-oauth"),
] as const;

/** All that are known before the host starts. */
export const SECRETS: readonly string[] = [
  ...Array.from({ length: COMPONENT_SECRETS }, (_unused, n) => secretOf(n)),
  ...Object.values(CHANNEL_SECRETS),
  ...Object.values(HOST_SECRETS),
  SERVER_SECRET,
  HEADER_SECRET,
  MOUNTED_SECRET,
  OPERATOR_SECRET,
  ...GUESSED_SECRETS,
];
