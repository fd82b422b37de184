import { localeIn } from "../messaging/index.ts";
import type { GatewayRequest } from "./exchange.ts";

/** The languages of an Accept-Language header that are read: browsers name a few, and nobody needs more. */
const MAX_RANGES = 16;

/** Finds what language a request speaks: `X-Greentic-Locale`, then what is `told` in order, then Accept-Language. */
export function requestLocale(
  request: Pick<GatewayRequest, "header">,
  ...told: readonly unknown[]
): string | undefined {
  for (const one of [request.header("x-greentic-locale"), ...told]) {
    const locale = localeIn(one);
    if (locale !== undefined) return locale;
  }
  return acceptedLocale(request.header("accept-language"));
}

/** The language that an Accept-Language header likes best. @see RFC 9110, section 12.5.4 */
function acceptedLocale(header: string | undefined): string | undefined {
  let best: { readonly locale: string; readonly quality: number } | undefined;
  for (const range of (header ?? "").split(",", MAX_RANGES)) {
    const [tag = "", ...parameters] = range.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2);
    const quality = weight === undefined ? 1 : Number(weight);
    const locale = localeIn(tag);
    if (locale !== undefined && quality > (best?.quality ?? 0) && quality <= 1) best = { locale, quality };
  }
  return best?.locale;
}
