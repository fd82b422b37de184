/** A header's name and value; names repeat where HTTP lets them. */
export type HttpHeader = readonly [name: string, value: string];

/** A body of known length that is read while it is sent; `read` is called again where a redirect wants it again. */
export interface HttpBody {
  readonly sizeBytes: number;
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** One outbound request, with what it may reach. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly HttpHeader[];
  readonly body?: Uint8Array;
  /** A body that isn't in memory, in place of `body`. */
  readonly stream?: HttpBody;
  /** Covers the whole exchange, redirects included. Default 30,000. */
  readonly timeoutMs?: number;
  /** Origins that the request and its redirects may reach: `https://host[:port]`, `https://*.host`. */
  readonly origins: readonly string[];
  /** Default true; false hands the redirect itself back. */
  readonly followRedirects?: boolean;
}

/** What the server answered at the end of the redirects; header names are lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: readonly HttpHeader[];
  readonly body: Uint8Array;
}

/** What the server answers while its body is still on the way; header names are lower case. */
export interface HttpStream {
  readonly status: number;
  readonly headers: readonly HttpHeader[];
  /** Fails with HTTP_RESPONSE_TOO_LARGE or HTTP_UNAVAILABLE; cancelling it closes the connection. */
  readonly body: ReadableStream<Uint8Array>;
}
