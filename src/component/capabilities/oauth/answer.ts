import { isJsonObject, parseJson } from "../../../types/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

type OAuthRequest = Extract<HostRequest, { kind: "oauth-consent" | "oauth-exchange" | "oauth-token" }>;

const MAX_TEXT = 2048;
const MAX_SCOPES = 64;

/** Asks the host's OAuth service about a provider that the guest was granted by its id; texts out, empty where there is none. */
export async function answerOAuth(request: OAuthRequest, { ctx, grants, services }: CallScope): Promise<HostAnswer> {
  const { provider, subject } = request;
  if (!grants.oauth.includes(provider)) return fault("denied", "the provider isn't granted");
  if (!isText(subject)) return fault("invalid", "the subject is too long");
  const { oauth } = services;
  if (oauth === undefined) return fault("unavailable", "this host speaks to no OAuth provider");
  if (request.kind === "oauth-exchange") {
    const { code, redirectPath } = request;
    if (!isText(code) || !isPath(redirectPath)) return fault("invalid", "the code or the redirect path is none");
    return text(await oauth.exchange(ctx, { provider, subject, code, redirectPath }));
  }
  const { scopes } = request;
  if (!Array.isArray(scopes) || scopes.length > MAX_SCOPES || !scopes.every(isText))
    return fault("invalid", "the scopes are too many or too long");
  if (request.kind === "oauth-token") return text(await oauth.token(ctx, { provider, subject, scopes }));
  const { redirectPath, extraJson } = request;
  const extra = extraOf(extraJson);
  if (!isPath(redirectPath) || extra === undefined) return fault("invalid", "the redirect path or the extras are none");
  return { kind: "ok", value: await oauth.consentUrl(ctx, { provider, subject, scopes, redirectPath, extra }) };
}

function text(tokens: JsonObject | undefined): HostAnswer {
  return { kind: "ok", value: tokens === undefined ? "" : JSON.stringify(tokens) };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

/** A path of this host: an address of another one would carry the code there. */
function isPath(value: unknown): value is string {
  return isText(value) && /^\/(?![/\\])[^\\\u0000-\u0020\u007f]*$/.test(value);
}

function extraOf(json: unknown): JsonObject | undefined {
  if (json === "") return {};
  if (!isText(json)) return undefined;
  const extra = parseJson(json);
  return isJsonObject(extra) ? extra : undefined;
}
