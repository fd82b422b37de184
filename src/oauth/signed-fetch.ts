import type { HttpOptions } from "../http/index.ts";
import { sendHttp } from "../http/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** A request that leaves with an owner's token; whoever asks for it never sees the token. */
export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body?: Uint8Array;
}

/** What came back. */
export interface SignedAnswer {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Uint8Array;
}

/** Headers that say whose the request is: the broker's own to set. */
const OWN = new Set(["authorization", "proxy-authorization", "cookie", "host", "dpop"]);

/**
 * Sends a request with a bearer token to the origins that the provider's declaration lists, and to no other by redirect.
 * @throws OAUTH_REQUEST_INVALID, HTTP_ORIGIN_DENIED and what else `sendHttp` throws
 */
export async function signedFetch(
  request: SignedRequest,
  {
    accessToken,
    origins,
    http,
  }: { readonly accessToken: string; readonly origins: readonly string[]; readonly http: HttpOptions },
): Promise<SignedAnswer> {
  for (const { name } of request.headers)
    if (OWN.has(name.toLowerCase()))
      throw new GreenticError("OAUTH_REQUEST_INVALID", `Sign a request: header ${quote(name)} is the broker's to set`);
  const answer = await sendHttp(
    {
      method: request.method,
      url: request.url,
      headers: [
        ...request.headers.map(({ name, value }): readonly [string, string] => [name, value]),
        ["authorization", `Bearer ${accessToken}`],
      ],
      origins,
      followRedirects: false,
      ...(request.body !== undefined && { body: request.body }),
    },
    http,
  );
  return {
    status: answer.status,
    headers: answer.headers.filter(([name]) => name !== "set-cookie").map(([name, value]) => ({ name, value })),
    body: answer.body,
  };
}
