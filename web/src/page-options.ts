import { chosenLocale } from "./chosen-locale.ts";

/** What the address, the embedding site and the browser say before anything is fetched. */
export interface PageOptions {
  readonly tenant: string;
  /** BCP 47. */
  readonly locale: string;
  readonly scheme: "light" | "dark" | "auto";
  /** The site's own accent, which wins over the tenant's; whatever it is, it is made readable. */
  readonly accent: string | undefined;
  /** Replaces the worker's sentence while the conversation is empty. */
  readonly greeting: string | undefined;
  /** The site whose launcher opened this page in its panel. */
  readonly embeddingOrigin: string | undefined;
  /** The same site, where its own server hands out the tokens. */
  readonly tokenSite: string | undefined;
}

/** The same rule as the runtime's tenant ids: safe in a path. */
const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const GREETING_LENGTH = 280;

/** Reads the page's options; what is malformed counts as absent. */
export function readPageOptions(): PageOptions {
  const query = new URLSearchParams(location.search);
  const meta = (name: string): string | undefined =>
    document.querySelector<HTMLMetaElement>(`meta[name="greentic-${name}"]`)?.content;
  const tenant = [query.get("tenant"), meta("tenant")].find(
    (name) => name !== null && name !== undefined && TENANT.test(name),
  );
  const scheme = query.get("theme");
  const embeddingOrigin = window.parent === window ? undefined : originOf(query.get("origin") ?? document.referrer);
  return {
    tenant: tenant ?? "demo",
    locale:
      [chosenLocale(), query.get("locale"), ...navigator.languages].map(canonical).find((tag) => tag !== undefined) ??
      "en",
    scheme: scheme === "light" || scheme === "dark" ? scheme : "auto",
    accent: query.get("accent") ?? undefined,
    greeting: query.get("greeting")?.slice(0, GREETING_LENGTH),
    embeddingOrigin,
    tokenSite: query.get("token") === "site" ? embeddingOrigin : undefined,
  };
}

function canonical(tag: string | null | undefined): string | undefined {
  if (tag === null || tag === undefined || tag === "") return undefined;
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

function originOf(address: string): string | undefined {
  try {
    const { origin } = new URL(address);
    return origin === "null" ? undefined : origin;
  } catch {
    return undefined;
  }
}
