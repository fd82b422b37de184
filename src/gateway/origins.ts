import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import { jsonAnswer } from "./answers.ts";
import type { GatewayTenant } from "./options.ts";

/** What a request's Origin means: the host's own page or no browser, another allowed site, or neither. */
export type OriginVerdict =
  | { readonly kind: "own" }
  | { readonly kind: "allowed"; readonly origin: string }
  | { readonly kind: "denied" };

const ALLOWED_HEADERS = "authorization, content-type, x-greentic-locale, x-ms-bot-agent, x-requested-with";

/** Every other site that may embed one of a tenant's web chats. Which of them a token is for is the token's to say. */
export function originsOf(tenant: GatewayTenant | undefined): readonly string[] {
  const chats = [tenant?.webchat, ...Object.values(tenant?.teamWebchats ?? {})];
  return chats.flatMap((chat) => chat?.origins ?? []);
}

/** Judges the Origin header against the host's own name and the tenant's list. */
export function judgeOrigin(request: GatewayRequest, allowed: readonly string[]): OriginVerdict {
  const origin = request.header("origin");
  if (origin === undefined) return { kind: "own" };
  const host = request.header("host");
  const url = URL.parse(origin);
  // The scheme isn't compared: a proxy may have taken TLS off.
  if (url !== null && url.host !== "" && url.host === host?.toLowerCase()) return { kind: "own" };
  return allowed.includes(origin) ? { kind: "allowed", origin } : { kind: "denied" };
}

/** Adds what lets an allowed site read the answer. Never a wildcard, never credentials. */
export function withCors(answer: GatewayAnswer, verdict: OriginVerdict): GatewayAnswer {
  const headers = { ...answer.headers, vary: "origin" };
  return verdict.kind === "allowed"
    ? {
        ...answer,
        headers: {
          ...headers,
          "access-control-allow-origin": verdict.origin,
          "access-control-expose-headers": "retry-after",
        },
      }
    : { ...answer, headers };
}

/** Answers a preflight request. */
export function preflight(verdict: OriginVerdict): GatewayAnswer {
  if (verdict.kind === "denied") return { status: 403, headers: { vary: "origin" }, body: "" };
  const answer = jsonAnswer(204, {});
  return withCors(
    {
      ...answer,
      body: "",
      headers: {
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": "600",
      },
    },
    verdict,
  );
}
