import type { HttpStream } from "../../http/index.ts";
import type { FetchedFile } from "../provider.ts";
import type { OpenHttp } from "../providers/entry.ts";
import { unansweredOf } from "../providers/reach.ts";

/** A file of a platform by its address. */
export interface FileAddress {
  readonly url: string;
  /** Where such files are: `https://files.slack.com`. Nothing else is asked, and no redirect leaves them. */
  readonly origins: readonly string[];
  /** Credentials; they go to the first address alone. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly followRedirects?: boolean;
}

const TIMEOUT_MS = 20_000;

/** Fetches a file from one of a platform's own hosts, as it is read. Every outcome of the network is a result. */
export async function fetchUrl(
  { url, origins, headers = [], followRedirects = false }: FileAddress,
  {
    openHttp,
    maxBytes,
    signal,
  }: { readonly openHttp: OpenHttp; readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<FetchedFile> {
  const address = URL.parse(url);
  const isPlain =
    address?.protocol === "https:" && address.username === "" && address.password === "" && address.port === "";
  if (!isPlain) return { kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" };
  let response: HttpStream;
  try {
    response = await openHttp(
      { method: "GET", url, headers, timeoutMs: TIMEOUT_MS, origins, followRedirects },
      { signal, maxResponseBytes: maxBytes },
    );
  } catch (error) {
    return unansweredOf(error).kind === "denied"
      ? { kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" }
      : { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
  }
  const refusal = refusalOf(response, maxBytes);
  if (refusal !== undefined) {
    await response.body.cancel().catch(() => undefined);
    return refusal;
  }
  const mimeType = response.headers.find(([name]) => name === "content-type")?.[1];
  return { kind: "fetched", content: response.body, ...(mimeType === undefined ? {} : { mimeType }) };
}

function refusalOf({ status, headers }: HttpStream, maxBytes: number): FetchedFile | undefined {
  // 423: while Webex scans it for malware.
  if (status === 429 || status === 423 || status === 408 || status >= 500)
    return { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
  // A redirect that isn't followed leads to a login page, or somewhere that isn't the platform's.
  if (status === 401 || status === 403 || (status >= 300 && status < 400))
    return { kind: "refused", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
  if (status !== 200) return { kind: "refused", error: "MESSAGING_FILE_UNAVAILABLE" };
  const length = Number(headers.find(([name]) => name === "content-length")?.[1] ?? 0);
  return length > maxBytes ? { kind: "refused", error: "MESSAGING_FILE_TOO_LARGE" } : undefined;
}
