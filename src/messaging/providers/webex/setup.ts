/** @see https://developer.webex.com/docs/api/v1/webhooks */
import type { JsonObject } from "../../../types/index.ts";
import { quote, toGreenticError } from "../../../types/index.ts";
import { objectsIn, textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { NO_ADDRESS, registeredStep, unansweredStep } from "../setup.ts";
import type { WebexResult } from "./api.ts";
import { callWebex } from "./api.ts";

/** What Webex is to tell of: one webhook each. */
const RESOURCES = ["messages", "attachmentActions"] as const;

/** Webex' side of a channel: a webhook for messages and one for submitted cards. */
export const webexSetup: ProviderSetup = {
  isReached: () => true,
  async register(parts) {
    const { callbackUrl } = parts;
    const asked = await ask(parts);
    if ("state" in asked) return [asked];
    if (callbackUrl === undefined) return [asked.bot, NO_ADDRESS];
    const steps: SetupStep[] = [asked.bot];
    for (const resource of RESOURCES) {
      const own = ownOf(asked.webhooks, resource, parts);
      steps.push(await registerOne(parts, { resource, own, callbackUrl }));
    }
    return steps;
  },
  async verify(parts) {
    const asked = await ask(parts);
    if ("state" in asked) return [asked];
    const { callbackUrl } = parts;
    if (callbackUrl === undefined) return [asked.bot, NO_ADDRESS];
    const judged = RESOURCES.map((resource) =>
      judge(ownOf(asked.webhooks, resource, parts), { resource, callbackUrl }),
    );
    return [asked.bot, ...judged];
  },
  async remove(parts) {
    const asked = await ask(parts);
    if ("state" in asked) return [asked];
    const steps: SetupStep[] = [];
    for (const resource of RESOURCES) {
      const own = ownOf(asked.webhooks, resource, parts);
      if (own === undefined) steps.push({ state: "ok", what: `no webhook for ${resource} is registered` });
      else if (parts.isDryRun) steps.push({ state: "planned", what: `would take the webhook for ${resource} back` });
      else {
        const doing = `Take the webhook for ${resource} back`;
        const result = await call(parts, pathOf(own), { method: "DELETE" });
        if ("kind" in result && (result.kind === "ok" || result.kind === "missing"))
          steps.push({ state: "changed", what: `took the webhook for ${resource} back` });
        else steps.push(failedStep(doing, result));
      }
    }
    return steps;
  },
};

const nameOf = ({ address: { channel, tenant } }: SetupParts): string => `greentic ${tenant} ${channel}`;
const pathOf = ({ id }: JsonObject): string => `webhooks/${encodeURIComponent(textIn(id) ?? "")}`;

async function call(
  { http, secret }: SetupParts,
  path: string,
  options: Pick<Parameters<typeof callWebex>[1], "body" | "method"> = {},
): Promise<WebexResult | SetupStep> {
  try {
    return await callWebex(path, { http, token: () => secret("webex_bot_token"), ...options });
  } catch (error) {
    const { code, message } = toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read Webex token");
    return { state: "failed", what: message, code, how: "set webex_bot_token" };
  }
}

/** Who the bot is, and its webhooks; the step that says why not. */
async function ask(
  parts: SetupParts,
): Promise<{ readonly bot: SetupStep; readonly webhooks: readonly JsonObject[] } | SetupStep> {
  const self = await call(parts, "people/me");
  if ("state" in self || self.kind !== "ok") return failedStep("Ask Webex who the bot is", self);
  const list = await call(parts, "webhooks?max=100");
  if ("state" in list || list.kind !== "ok") return failedStep("Ask Webex for the bot's webhooks", list);
  const name = quote(textIn(self.answer.displayName) ?? "?");
  return { bot: { state: "ok", what: `the token is of ${name}` }, webhooks: objectsIn(list.answer.items) };
}

/** The channel's own webhook for a resource: by its address, else by its name, where the address has changed. */
function ownOf(webhooks: readonly JsonObject[], resource: string, parts: SetupParts): JsonObject | undefined {
  const of = webhooks.filter((one) => one.resource === resource && one.event === "created");
  return of.find(({ targetUrl }) => targetUrl === parts.callbackUrl) ?? of.find(({ name }) => name === nameOf(parts));
}

async function registerOne(
  parts: SetupParts,
  {
    resource,
    own,
    callbackUrl,
  }: { readonly resource: string; readonly own: JsonObject | undefined; readonly callbackUrl: string },
): Promise<SetupStep> {
  const isLive = own?.targetUrl === callbackUrl && own.status !== "inactive";
  if (isLive && parts.isKnown) return { state: "ok", what: `Webex tells ${callbackUrl} of ${resource}` };
  if (!parts.isDryRun) {
    const secret = await parts.secret("webex_webhook_secret");
    const body = { name: nameOf(parts), targetUrl: callbackUrl, secret };
    const result =
      own === undefined
        ? await call(parts, "webhooks", { body: { ...body, resource, event: "created" } })
        : await call(parts, pathOf(own), { method: "PUT", body: { ...body, status: "active" } });
    if ("state" in result || result.kind !== "ok") return failedStep(`Register ${callbackUrl} for ${resource}`, result);
  }
  return registeredStep(parts.isDryRun, { what: `${callbackUrl} for ${resource}`, was: textIn(own?.targetUrl) });
}

function judge(
  own: JsonObject | undefined,
  { resource, callbackUrl }: { readonly resource: string; readonly callbackUrl: string },
): SetupStep {
  const failed = (what: string, code: "MESSAGING_CHANNEL_UNREGISTERED" | "MESSAGING_CHANNEL_UNREACHED"): SetupStep => ({
    state: "failed",
    what,
    code,
    how: "gtc setup",
  });
  if (own === undefined) return failed(`no webhook for ${resource} is registered`, "MESSAGING_CHANNEL_UNREGISTERED");
  if (own.targetUrl !== callbackUrl)
    return failed(
      `Webex tells ${textIn(own.targetUrl) ?? "?"} of ${resource}, this channel is at ${callbackUrl}`,
      "MESSAGING_CHANNEL_UNREGISTERED",
    );
  if (own.status === "inactive")
    return failed(
      `Webex has switched the webhook for ${resource} off: too much of it got no 2xx`,
      "MESSAGING_CHANNEL_UNREACHED",
    );
  return { state: "ok", what: `Webex tells ${callbackUrl} of ${resource}` };
}

function failedStep(doing: string, result: WebexResult | SetupStep): SetupStep {
  if ("state" in result) return result;
  switch (result.kind) {
    case "unauthenticated":
      return {
        state: "failed",
        what: `${doing}: it doesn't take the token`,
        code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
        how: "regenerate the bot's access token at developer.webex.com and set webex_bot_token",
      };
    case "limited":
      return {
        state: "failed",
        what: `${doing}: too many calls`,
        code: "MESSAGING_RATE_LIMITED",
        how: "try again later",
      };
    case "missing":
    case "refused":
      return { state: "failed", what: `${doing}: refused`, code: "MESSAGING_PLATFORM_REFUSED" };
    case "ok":
    case "busy":
    case "server-error":
      return unansweredStep(doing, { kind: "unknown" });
    default:
      return unansweredStep(doing, result);
  }
}
