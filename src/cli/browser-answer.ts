import { once } from "node:events";
import { createServer } from "node:http";
import { GreenticError, quote } from "../types/index.ts";

const PATH = "/callback";
const BACK = "You can close this page and go back to the command line.\n";

/** A listener on this machine that a browser comes back to. */
export interface BrowserAnswer extends AsyncDisposable {
  readonly url: string;
  /** The query with which the browser came back. */
  readonly answer: Promise<URLSearchParams>;
}

/** Waits on this machine for the browser that an authorization server sends back. @throws CLI_USAGE_INVALID where the port is in use */
export async function listenForAnswer(port: number): Promise<BrowserAnswer> {
  const { promise, resolve: answered } = Promise.withResolvers<URLSearchParams>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const isBack = url.pathname === PATH;
    response.writeHead(isBack ? 200 : 404, { "content-type": "text/plain; charset=utf-8", connection: "close" });
    response.end(isBack ? BACK : "");
    if (isBack) answered(url.searchParams);
  });
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new GreenticError("CLI_USAGE_INVALID", `Listen on port ${port}: it is in use; choose another with --port`, {
      cause,
    });
  }
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}${PATH}`,
    answer: promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Reads `--port`. @throws CLI_USAGE_INVALID */
export function portOption(text: string | undefined): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new GreenticError("CLI_USAGE_INVALID", `Log in: expected --port from 0 to 65535, got ${quote(text ?? "")}`);
}
