/**
 * A number has a webhook of its own, so that other numbers of the account, and the app's own address, stay as they are.
 * @see https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override
 * @see https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
 */
import type { JsonObject } from "../../../types/index.ts";
import { quote } from "../../../types/index.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { NO_ADDRESS, registeredStep, unansweredStep } from "../setup.ts";
import type { GraphAnswer } from "./graph.ts";
import { callGraph } from "./graph.ts";

const FIELDS = "display_phone_number,verified_name,status,quality_rating,webhook_configuration";
const ACCOUNT = "whatsapp_business_account";
const DEFAULT_VERSION = "v25.0";

/** WhatsApp's side of a channel: the account's app, the app's fields and the number's webhook. */
export const whatsappSetup: ProviderSetup = {
  isReached: () => true,
  async register(parts) {
    const number = await askNumber(parts);
    if (number.step.state === "failed") return [number.step];
    if (parts.callbackUrl === undefined) return [number.step, NO_ADDRESS];
    const account = await subscribeAccount(parts);
    const fields = await subscribeFields(parts, parts.callbackUrl);
    return [number.step, account, fields, await setWebhook(parts, number.webhook)];
  },
  async verify(parts) {
    const number = await askNumber(parts);
    if (number.step.state === "failed") return [number.step];
    return [number.step, judgeWebhook(parts, number.webhook)];
  },
  async remove(parts) {
    const number = await askNumber(parts);
    if (number.step.state === "failed") return [number.step];
    const was = textIn(number.webhook.phone_number);
    if (was === undefined) return [{ state: "ok", what: "the number has no webhook of its own" }];
    if (parts.isDryRun) return [{ state: "planned", what: `would take the number's webhook ${was} back` }];
    const result = await call(parts, numberPath(parts), { webhook_configuration: { override_callback_uri: "" } });
    if (result.kind !== "ok") return [failedStep("Take the number's webhook back", result)];
    return [{ state: "changed", what: `took the number's webhook ${was} back` }];
  },
};

const setting = ({ config }: SetupParts, name: string): string | undefined => textIn(config[name]);
const versionOf = (parts: SetupParts): string => setting(parts, "graph_version") ?? DEFAULT_VERSION;
const numberPath = (parts: SetupParts): string => `${versionOf(parts)}/${setting(parts, "phone_number_id") ?? ""}`;

async function call(parts: SetupParts, path: string, body?: JsonObject): Promise<GraphAnswer> {
  const bearer = await parts.secret("whatsapp_access_token");
  return callGraph(path, { http: parts.http, bearer, ...(body !== undefined && { body }) });
}

async function askNumber(parts: SetupParts): Promise<{ readonly step: SetupStep; readonly webhook: JsonObject }> {
  const result = await call(parts, `${numberPath(parts)}?fields=${FIELDS}`);
  if (result.kind !== "ok") return { step: failedStep("Ask for the number", result), webhook: {} };
  const { answer } = result;
  const webhook = objectIn(answer.webhook_configuration) ?? {};
  const shown = quote(textIn(answer.display_phone_number) ?? "?");
  const status = textIn(answer.status);
  const rating = textIn(answer.quality_rating);
  // Absent where the token may not see it.
  if (status === undefined || status === "CONNECTED")
    return {
      step: { state: "ok", what: `number ${shown}${rating === undefined ? "" : `, quality ${rating}`}` },
      webhook,
    };
  return {
    step: {
      state: "failed",
      what: `number ${shown} is ${quote(status)}`,
      code: "MESSAGING_PLATFORM_REFUSED",
      how: "WhatsApp Manager → Phone numbers says what it waits for",
    },
    webhook,
  };
}

/** The account sends nothing to an app that isn't subscribed to it. */
async function subscribeAccount(parts: SetupParts): Promise<SetupStep> {
  const account = setting(parts, "business_account_id");
  if (account === undefined)
    return {
      state: "todo",
      what: "whether the app is subscribed to the business account isn't known",
      how: "set config.business_account_id (WhatsApp → API setup), or subscribe it there",
    };
  const path = `${versionOf(parts)}/${account}/subscribed_apps`;
  const known = await call(parts, path);
  if (known.kind !== "ok") return failedStep("Ask which apps the business account tells", known);
  const apps = objectsIn(known.answer.data).flatMap(
    ({ whatsapp_business_api_data: app }) => textIn(objectIn(app)?.id) ?? [],
  );
  const app = setting(parts, "app_id");
  if (app === undefined ? apps.length > 0 : apps.includes(app))
    return {
      state: "ok",
      what: `the business account tells ${app === undefined ? `the apps ${apps.join(", ")}` : "this app"}`,
    };
  if (parts.isDryRun) return { state: "planned", what: "would subscribe the app to the business account" };
  const result = await call(parts, path, {});
  if (result.kind !== "ok") return failedStep("Subscribe the app to the business account", result);
  return { state: "changed", what: "subscribed the app to the business account" };
}

/** The app's own webhook names the fields; its address serves what has no closer one. */
async function subscribeFields(parts: SetupParts, callbackUrl: string): Promise<SetupStep> {
  const app = setting(parts, "app_id");
  const verify = parts.showSecret("whatsapp_verify_token");
  if (app === undefined)
    return parts.isKnown
      ? { state: "ok", what: "the app's webhook page is as printed before" }
      : {
          state: "todo",
          what: "App dashboard → WhatsApp → Configuration: paste, and subscribe to the field messages; or set config.app_id",
          paste: `Callback URL:  ${callbackUrl}\nVerify token:  what this shows: ${verify}`,
        };
  const secret = await parts.secret("whatsapp_app_secret");
  const options = { http: parts.http, bearer: `${app}|${secret}` };
  const path = `${versionOf(parts)}/${app}/subscriptions`;
  const known = await callGraph(path, options);
  if (known.kind !== "ok")
    return failedStep("Ask for the app's webhooks", known, "see config.app_id and whatsapp_app_secret");
  const own = objectsIn(known.answer.data).find(({ object }) => object === ACCOUNT);
  const fields = objectsIn(own?.fields).flatMap(({ name }) => textIn(name) ?? []);
  if (own?.active === true && fields.includes("messages"))
    return { state: "ok", what: "the app hears the field messages" };
  if (parts.isDryRun) return { state: "planned", what: "would subscribe the app to the field messages" };
  const body = {
    object: ACCOUNT,
    callback_url: textIn(own?.callback_url) ?? callbackUrl,
    verify_token: await parts.secret("whatsapp_verify_token"),
    fields: [...new Set([...fields, "messages"])].join(","),
  };
  const result = await callGraph(path, { ...options, body });
  if (result.kind !== "ok") return failedStep("Subscribe the app to the field messages", result, STARTED);
  return { state: "changed", what: "subscribed the app to the field messages" };
}

const STARTED = "the platform calls the address at once: start the host, then run gtc setup again";

async function setWebhook(parts: SetupParts, webhook: JsonObject): Promise<SetupStep> {
  const { callbackUrl = "", isDryRun } = parts;
  const inForce = webhookInForce(webhook);
  if (inForce === callbackUrl) return { state: "ok", what: `WhatsApp posts to ${callbackUrl}` };
  if (!isDryRun) {
    const override = { override_callback_uri: callbackUrl, verify_token: await parts.secret("whatsapp_verify_token") };
    const result = await call(parts, numberPath(parts), { webhook_configuration: override });
    if (result.kind !== "ok") return failedStep(`Register ${callbackUrl} for the number`, result, STARTED);
  }
  return registeredStep(isDryRun, { what: `${callbackUrl} for the number`, was: inForce });
}

/** The closest address wins. */
function webhookInForce(webhook: JsonObject): string | undefined {
  return textIn(webhook.phone_number) ?? textIn(webhook[ACCOUNT]) ?? textIn(webhook.application);
}

function judgeWebhook({ callbackUrl }: SetupParts, webhook: JsonObject): SetupStep {
  if (callbackUrl === undefined) return NO_ADDRESS;
  const inForce = webhookInForce(webhook);
  if (inForce === callbackUrl) return { state: "ok", what: `WhatsApp posts to ${inForce}` };
  const what =
    inForce === undefined
      ? "no webhook is registered"
      : `WhatsApp posts to ${inForce}, this channel is at ${callbackUrl}`;
  return { state: "failed", what, code: "MESSAGING_CHANNEL_UNREGISTERED", how: "gtc setup" };
}

function failedStep(doing: string, result: GraphAnswer, how?: string): SetupStep {
  switch (result.kind) {
    case "unauthenticated":
      return {
        state: "failed",
        what: `${doing}: it doesn't take the token, or the token may not do this`,
        code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
        how:
          how ?? "give the system user whatsapp_business_messaging and whatsapp_business_management, and set its token",
      };
    case "refused":
      return {
        state: "failed",
        what: `${doing}: refused, ${quote(result.why)}`,
        code: "MESSAGING_PLATFORM_REFUSED",
        ...(how !== undefined && { how }),
      };
    case "ok":
      return unansweredStep(doing, { kind: "unknown" });
    default:
      return unansweredStep(doing, result);
  }
}
