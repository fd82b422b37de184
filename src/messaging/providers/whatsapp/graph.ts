import type { HttpResponse } from "../../../http/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { Unanswered } from "../reach.ts";

/** How a call of set-up ended. */
export type GraphAnswer =
  | { readonly kind: "ok"; readonly answer: JsonObject }
  | { readonly kind: "unauthenticated" }
  /** With the platform's own words for why. */
  | { readonly kind: "refused"; readonly why: string }
  | Unanswered;

const GRAPH_ORIGIN = "https://graph.facebook.com";
const MAX_WHY = 200;
// Invalid parameters of a token, no permission, expired.
const UNAUTHENTICATED = new Set([3, 10, 102, 190]);

/** Calls the Graph API: a GET, or a POST of a JSON body. `path` begins with the version. Network failures are results. */
export async function callGraph(
  path: string,
  { http, bearer, body, method }: { http: SendHttp; bearer: string; body?: JsonObject; method?: "DELETE" },
): Promise<GraphAnswer> {
  if (!/^[\x21-\x7e]+$/.test(bearer)) return { kind: "unauthenticated" };
  let response: HttpResponse;
  try {
    response = await http({
      method: method ?? (body === undefined ? "GET" : "POST"),
      url: `${GRAPH_ORIGIN}/${path}`,
      headers: [
        ["authorization", `Bearer ${bearer}`],
        ...(body === undefined ? [] : [["content-type", "application/json"] as const]),
      ],
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
      timeoutMs: 20_000,
      origins: [GRAPH_ORIGIN],
      followRedirects: false,
    });
  } catch (error) {
    return unansweredOf(error);
  }
  const answer = parseAnswer(response.body);
  const error = objectIn(answer?.error);
  if (error !== undefined) {
    const code = Number(error.code);
    if (UNAUTHENTICATED.has(code) || (code >= 200 && code <= 299)) return { kind: "unauthenticated" };
    const words = textIn(error.error_user_msg) ?? textIn(error.message) ?? `status ${response.status}`;
    return { kind: "refused", why: words.includes(bearer) ? "" : words.slice(0, MAX_WHY) };
  }
  if (response.status < 200 || response.status >= 300 || answer === undefined) return { kind: "unknown" };
  return { kind: "ok", answer };
}

function parseAnswer(body: Uint8Array): JsonObject | undefined {
  try {
    const answer = parseJson(body, { maxBytes: 1 << 20 });
    return isJsonObject(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}
