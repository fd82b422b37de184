import type { JsonObject } from "../../../types/index.ts";
import type { WebhookRequest } from "../../provider.ts";
import type { ConnectorKeys } from "./keys.ts";

/** What a request must prove. */
export interface TeamsVerification {
  readonly keys: ConnectorKeys;
  /** The app's id: whom the token is for. */
  readonly appId: string;
  readonly nowMs: number;
}

/** What a verified token says. */
export interface TeamsClaims {
  readonly serviceUrl: string;
  /** The channels that its key may speak for. */
  readonly endorsements: readonly string[];
}

const ISSUER = "https://api.botframework.com";
const CLOCK_SKEW_S = 300;
const MAX_TOKEN_LENGTH = 8_192;

/**
 * Verifies the connector's token of a request: RS256 alone, by a key of the platform's own list, whatever else the token's header
 * names; issuer, audience and times. Undefined where anything is wrong. @throws MESSAGING_PLATFORM_UNAVAILABLE where no keys can be had
 */
export async function verifyToken(
  { headers }: WebhookRequest,
  { keys, appId, nowMs }: TeamsVerification,
): Promise<TeamsClaims | undefined> {
  const { authorization } = headers;
  if (typeof authorization !== "string" || authorization.length > MAX_TOKEN_LENGTH || appId === "") return undefined;
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization)?.[1];
  // The last digit of each part has bits that mean nothing: a token has one spelling here.
  if (token === undefined || token.split(".").some((part) => !isCanonical(part))) return undefined;
  const { decodeProtectedHeader, jwtVerify } = await import("jose");
  let kid: unknown;
  try {
    const header = decodeProtectedHeader(token);
    if (header.alg !== "RS256") return undefined;
    ({ kid } = header);
  } catch {
    return undefined;
  }
  const key = typeof kid === "string" ? await keys.find(kid) : undefined;
  if (key === undefined) return undefined;
  const { endorsements } = key;
  try {
    const { payload } = await jwtVerify(token, await key.verifying(), {
      algorithms: ["RS256"],
      issuer: ISSUER,
      audience: appId,
      clockTolerance: CLOCK_SKEW_S,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp", "serviceurl"],
    });
    const { aud, serviceurl: serviceUrl } = payload;
    // One audience: a token for several could be somebody else's, passed on.
    return typeof serviceUrl === "string" && aud === appId ? { serviceUrl, endorsements } : undefined;
  } catch {
    return undefined;
  }
}

const isCanonical = (base64url: string): boolean =>
  Buffer.from(base64url, "base64url").toString("base64url") === base64url;

/** Tells whether a token was made for an activity: the same service URL, by a key that is endorsed for its channel. */
export function isFor({ serviceUrl, endorsements }: TeamsClaims, activity: JsonObject): boolean {
  return (
    activity.serviceUrl === serviceUrl &&
    typeof activity.channelId === "string" &&
    activity.channelId === "msteams" &&
    endorsements.includes(activity.channelId)
  );
}
