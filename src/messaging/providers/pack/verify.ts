import { createHmac } from "node:crypto";
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { WebhookRequest } from "../../provider.ts";
import { verifySlack } from "../slack/verify.ts";
import { isOneOf, verifyStandardWebhook } from "../webhook/standard-webhooks.ts";

/** How the host makes sure that a request of a provider pack's channel is the platform's. Every one but `component` names a secret. */
export type VerifyRule =
  /** The pack's own ingress does it: the pack or the operator says so. */
  | { readonly scheme: "component" }
  /** A header that holds the secret itself. */
  | { readonly scheme: "header"; readonly header: string; readonly secret: string }
  /** A query parameter that holds the secret itself, for platforms that sign nothing. */
  | { readonly scheme: "query"; readonly parameter: string; readonly secret: string }
  /** A header with the HMAC of the raw body. */
  | {
      readonly scheme: "hmac";
      readonly header: string;
      readonly secret: string;
      readonly algorithm: "sha1" | "sha256";
      readonly encoding: "hex" | "base64";
      readonly prefix: string;
    }
  | { readonly scheme: "slack"; readonly secret: string }
  | { readonly scheme: "standard-webhooks"; readonly secret: string }
  /** What the component's `identify-instance` reads out of the request must be the secret. */
  | { readonly scheme: "instance"; readonly secret: string };

/** A rule, and whether GET requests come to the component unverified: handshakes, which never bring messages. */
export type HostVerification = VerifyRule & { readonly handshake: boolean };

const HEADER = /^[a-z0-9][a-z0-9-]{0,63}$/;
const SECRET = /^[a-z0-9][a-z0-9_.-]{0,63}$/;
const PARAMETER = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
const PREFIX = /^[\x21-\x7e]{0,16}$/;
const KEYS = ["scheme", "header", "parameter", "secret", "algorithm", "encoding", "prefix", "handshake"];

/** What the public packs' platforms are known to do, by the type of the built-in channel of that name. */
export const PLATFORM_RULES: Readonly<Record<string, HostVerification>> = {
  telegram: {
    scheme: "header",
    header: "x-telegram-bot-api-secret-token",
    secret: "telegram_secret_token",
    handshake: false,
  },
  slack: { scheme: "slack", secret: "slack_signing_secret", handshake: false },
  whatsapp: {
    scheme: "hmac",
    header: "x-hub-signature-256",
    secret: "whatsapp_app_secret",
    algorithm: "sha256",
    encoding: "hex",
    prefix: "sha256=",
    handshake: true,
  },
  webex: {
    scheme: "hmac",
    header: "x-spark-signature",
    secret: "webex_webhook_secret",
    algorithm: "sha1",
    encoding: "hex",
    prefix: "",
    handshake: false,
  },
};

/** Reads a channel's `config.verify`: a rule, or the name of a platform whose rule it is. Returns what is wrong with it as a text. */
export function readVerifyRule(value: JsonValue): HostVerification | string {
  if (typeof value === "string") {
    if (value === "component") return { scheme: "component", handshake: false };
    if (Object.hasOwn(PLATFORM_RULES, value)) return PLATFORM_RULES[value] as HostVerification;
    return `config.verify: expected component, ${Object.keys(PLATFORM_RULES).join(", ")} or a table with "scheme"`;
  }
  if (!isJsonObject(value)) return 'config.verify: expected a name or a table with "scheme"';
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return `config.verify: unknown key; expected ${KEYS.join(", ")}`;
  const handshake = value["handshake"] ?? false;
  if (typeof handshake !== "boolean") return "config.verify.handshake: expected true or false";
  if (value["scheme"] === "component") return { scheme: "component", handshake };
  const secret = matching(value, "secret", SECRET);
  if (secret === undefined) return "config.verify.secret: expected the name of a secret";
  const rule = ruleOf(value, secret);
  return typeof rule === "string" ? rule : { ...rule, handshake };
}

function ruleOf(value: JsonObject, secret: string): VerifyRule | string {
  const header = matching(value, "header", HEADER, (name) => name.toLowerCase());
  switch (value["scheme"]) {
    case "slack":
    case "standard-webhooks":
    case "instance":
      return { scheme: value["scheme"], secret };
    case "query": {
      const parameter = value["parameter"] === undefined ? "key" : matching(value, "parameter", PARAMETER);
      return parameter === undefined
        ? "config.verify.parameter: expected a name"
        : { scheme: "query", parameter, secret };
    }
    case "header":
      return header === undefined
        ? "config.verify.header: expected the name of a header"
        : { scheme: "header", header, secret };
    case "hmac": {
      if (header === undefined) return "config.verify.header: expected the name of a header";
      const { algorithm = "sha256", encoding = "hex" } = value;
      if (algorithm !== "sha1" && algorithm !== "sha256") return "config.verify.algorithm: expected sha256 or sha1";
      if (encoding !== "hex" && encoding !== "base64") return "config.verify.encoding: expected hex or base64";
      const prefix = value["prefix"] === undefined ? "" : matching(value, "prefix", PREFIX);
      if (prefix === undefined) return "config.verify.prefix: expected up to 16 printable characters";
      return { scheme: "hmac", header, secret, algorithm, encoding, prefix };
    }
    default:
      return "config.verify.scheme: expected component, header, query, hmac, slack, standard-webhooks or instance";
  }
}

function matching(
  value: JsonObject,
  key: string,
  pattern: RegExp,
  change: (text: string) => string = (text) => text,
): string | undefined {
  const text = value[key];
  if (typeof text !== "string") return undefined;
  const changed = change(text);
  return pattern.test(changed) ? changed : undefined;
}

/**
 * Judges a request by a rule over its raw bytes; returns why it is refused, undefined where it is good. Without a secret nothing is
 * believed; what is missing is compared against something too, so that time tells nothing. Repeated headers are refused.
 */
export async function verifyRequest(
  request: WebhookRequest,
  rule: Exclude<VerifyRule, { readonly scheme: "component" }>,
  {
    secrets,
    nowMs,
    identify,
  }: {
    readonly secrets: readonly string[];
    readonly nowMs: number;
    readonly identify: () => Promise<string | undefined>;
  },
): Promise<string | undefined> {
  const given = await givenOf(request, rule, identify);
  switch (rule.scheme) {
    case "slack":
      return verifySlack(request, secrets, nowMs);
    case "standard-webhooks": {
      const [first = "", second] = secrets;
      const refused = verifyStandardWebhook(request, second === undefined ? [first] : [first, second], nowMs);
      return refused ?? (secrets.length === 0 ? "unsigned" : undefined);
    }
    case "hmac": {
      const { algorithm, encoding, prefix } = rule;
      return judge(given, secrets, (secret) => {
        const mac = createHmac(algorithm, secret).update(request.body).digest(encoding);
        return `${prefix}${mac}`;
      });
    }
    case "header":
    case "query":
    case "instance":
      break;
  }
  return judge(given, secrets, (secret) => secret);
}

async function givenOf(
  request: WebhookRequest,
  rule: VerifyRule,
  identify: () => Promise<string | undefined>,
): Promise<string | undefined> {
  switch (rule.scheme) {
    case "header":
    case "hmac": {
      const given = request.headers[rule.header];
      return typeof given === "string" ? given : undefined;
    }
    case "query": {
      const values = new URLSearchParams(queryOf(request.url)).getAll(rule.parameter);
      return values.length === 1 ? values[0] : undefined;
    }
    case "instance":
      return identify();
    case "component":
    case "slack":
    case "standard-webhooks":
      break;
  }
  return undefined;
}

function judge(
  given: string | undefined,
  secrets: readonly string[],
  expected: (secret: string) => string,
): string | undefined {
  const isKnown = isOneOf(given ?? "", (secrets.length === 0 ? [""] : secrets).map(expected));
  if (given === undefined || given === "" || secrets.length === 0) return "unsigned";
  return isKnown ? undefined : "signature";
}

/** The query of a URL without its question mark. */
export function queryOf(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}
