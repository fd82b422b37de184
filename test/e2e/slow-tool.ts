import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A tool of somebody's that answers when it is let. */
export interface SlowTool extends AsyncDisposable {
  readonly url: string;
  /** Calls so far, by what they asked for. */
  readonly calls: readonly string[];
  /** Resolves with the next call, which then hangs. */
  hold(): Promise<string>;
  /** Holds the next call no more. */
  free(): void;
  /** Answers the calls that hang. */
  answer(): void;
}

/** Serves a tool that answers at once unless it is held. */
export async function openSlowTool(): Promise<SlowTool> {
  const calls: string[] = [];
  const hanging: ServerResponse[] = [];
  let held: ((asked: string) => void) | undefined;
  const done = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"done":true}');
  };
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url?.split("/").at(-1) ?? "");
    calls.push(asked);
    if (held === undefined) done(response);
    else {
      hanging.push(response);
      held(asked);
      held = undefined;
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    hold: () =>
      new Promise((called) => {
        held = called;
      }),
    free: () => {
      held = undefined;
    },
    answer: () => hanging.splice(0).forEach(done),
    async [Symbol.asyncDispose]() {
      for (const response of hanging) response.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
