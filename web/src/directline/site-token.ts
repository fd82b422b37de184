import { isRecord } from "./activity.ts";
import { DirectLineError } from "./rest.ts";

/** Longest wait for the site: its server asks the host in turn. */
const TIMEOUT_MS = 20_000;

/** The code where the site wants to know first who it is. */
export const SITE_TOKEN_REFUSED = "SITE_TOKEN_REFUSED";

/** A token of the site's server, and whom it is for. */
export interface SiteToken {
  readonly token: string;
  readonly userId: string;
}

/**
 * Asks the launcher that opened this page for a token that the site's own server got (`data-token-url`). It answers through a port
 * that only it was given. @throws DirectLineError
 */
export function askSiteForToken(site: string): Promise<SiteToken> {
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise<SiteToken>((resolve, reject) => {
    const late = setTimeout(() => reject(new DirectLineError("UNREACHABLE", { status: 0 })), TIMEOUT_MS);
    port1.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      clearTimeout(late);
      const { token, status } = isRecord(data) ? data : {};
      const userId = typeof token === "string" ? userOf(token) : undefined;
      if (typeof token === "string" && userId !== undefined) resolve({ token, userId });
      else reject(refusal(typeof status === "number" ? status : 0));
    });
    port1.start();
  });
  parent.postMessage({ type: "greentic:token" }, site, [port2]);
  return answered.finally(() => port1.close());
}

/** What the site's answer means here; an answer without a token, or none at that address, doesn't pass by itself. */
function refusal(status: number): DirectLineError {
  if (status === 401 || status === 403) return new DirectLineError(SITE_TOKEN_REFUSED, { status });
  const failure = new DirectLineError("SITE_TOKEN_MISSING", { status });
  return failure.isPassing ? failure : new DirectLineError(failure.code, { status: 400 });
}

/** Whom a token is for. Only the host can tell whether that is true, and does with every request. */
function userOf(token: string): string | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) && typeof claims["user"] === "string" ? claims["user"] : undefined;
  } catch {
    return undefined;
  }
}
