/** What the stand-ins of the clouds' services for secrets have alike. */
import { once } from "node:events";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface CloudStandIn extends AsyncDisposable {
  readonly url: string;
  /** Name → values, the oldest first. */
  readonly secrets: Map<string, string[]>;
  /** Names that nobody may read. */
  readonly denied: Set<string>;
  /** What was asked for, in order. */
  readonly asked: string[];
  /** Answers everything with this status while it is set. */
  failing: number | undefined;
}

/** Names of one page of a list. */
const PAGE = 2;

export async function openStandIn(
  scheme: "http" | "https",
  make: (listener: RequestListener) => Server,
  answer: (
    cloud: CloudStandIn,
    request: IncomingMessage,
    body: Readonly<Record<string, unknown>>,
  ) => readonly [number, object, Record<string, string>?],
): Promise<CloudStandIn> {
  const server = make((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const body = text === "" ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>);
      const [status, value, headers = {}] = answer(cloud, request, body);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cloud: CloudStandIn = {
    url: `${scheme}://localhost:${(server.address() as AddressInfo).port}`,
    secrets: new Map(),
    denied: new Set(),
    asked: [],
    failing: undefined,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return cloud;
}

/** One page of the names, from a number that the caller was given. */
export function pageOf(
  names: readonly string[],
  from: number,
): { readonly page: readonly string[]; readonly next: string | undefined } {
  const next = from + PAGE;
  return { page: names.slice(from, next), next: next < names.length ? String(next) : undefined };
}
