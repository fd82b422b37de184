import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A tool of somebody's that seals names, and counts what it was asked under which key. */
export interface SealTool extends AsyncDisposable {
  readonly url: string;
  /** Name → the idempotency key of each call. */
  readonly calls: ReadonlyMap<string, readonly string[]>;
}

/** Serves `POST /seal/{name}`. */
export async function openSealTool(): Promise<SealTool> {
  const calls = new Map<string, readonly string[]>();
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url?.split("/").at(-1) ?? "");
    calls.set(name, [...(calls.get(name) ?? []), String(request.headers["idempotency-key"])]);
    request.resume();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ sealed: name }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
