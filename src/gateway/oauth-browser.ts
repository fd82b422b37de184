import type { Arrival } from "../oauth/index.ts";
import { CALLBACK_PATH } from "../oauth/index.ts";
import { GreenticError } from "../types/index.ts";
import { unknownRoute } from "./answers.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import { askPage, connectedPage, FAILED_PAGE, leavePage } from "./oauth-pages.ts";
import type { OAuthRoutesOptions } from "./oauth-routes.ts";

type BrowserOptions = Pick<OAuthRoutesOptions, "broker" | "baseUrl" | "continueFlow" | "report">;

/** What a browser is told: its page, or that it didn't work. */
export async function browser(options: BrowserOptions, answer: () => Promise<GatewayAnswer>): Promise<GatewayAnswer> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof GreenticError) || error.kind === "internal")
      options.report?.({ kind: "failed", route: "/oauth", error });
    return FAILED_PAGE;
  }
}

/** Opens a consent's link: asks, or leaves for the provider. */
export async function authorize(request: GatewayRequest, id: string, options: BrowserOptions): Promise<GatewayAnswer> {
  if (request.method !== "GET" && request.method !== "POST") return unknownRoute();
  const departure = await options.broker.leave(id, { isSure: request.method === "POST" });
  if (departure.kind === "ask") return askPage(departure.provider);
  const { name, value, maxAgeSeconds } = departure.cookie;
  // Over plain HTTP, which is this machine's own, a browser would not keep a cookie that is for TLS alone.
  const isSecure = options.baseUrl()?.startsWith("https:") === true;
  const cookie = `${isSecure ? "__Host-" : ""}${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${isSecure ? "; Secure" : ""}`;
  if (request.method === "POST") return leavePage(departure.location, cookie);
  return {
    status: 302,
    headers: {
      location: departure.location,
      "set-cookie": cookie,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    },
    body: "",
  };
}

/** Takes what a provider sent the browser back with. */
export async function callback(request: GatewayRequest, path: string, options: BrowserOptions): Promise<GatewayAnswer> {
  if (request.method !== "GET") return unknownRoute();
  const isSecure = options.baseUrl()?.startsWith("https:") === true;
  const cookies = request.header("cookie") ?? "";
  const arrival: Arrival = await options.broker.arrive(path, new URLSearchParams(request.query), (name) =>
    cookieOf(cookies, `${isSecure ? "__Host-" : ""}${name}`),
  );
  if (arrival.end !== undefined) {
    try {
      await options.continueFlow(arrival.end);
    } catch (error) {
      // The tokens are kept: the flow finds them with the person's next word, or when its wait is over.
      options.report?.({ kind: "failed", route: CALLBACK_PATH, error });
    }
  }
  if (arrival.outcome === "denied") return FAILED_PAGE;
  if (arrival.returnUrl === undefined) return connectedPage(arrival.code);
  return {
    status: 302,
    headers: { location: arrival.returnUrl, "cache-control": "no-store", "referrer-policy": "no-referrer" },
    body: "",
  };
}

function cookieOf(header: string, name: string): string | undefined {
  const values = header.split(";").flatMap((part) => {
    const at = part.indexOf("=");
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : [];
  });
  // Somebody who can plant a second one must not decide which counts.
  return values.length === 1 ? values[0] : undefined;
}
