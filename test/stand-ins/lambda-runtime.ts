import { once } from "node:events";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a function posted for an invocation. */
interface Posted {
  readonly kind: "response" | "error";
  readonly body: unknown;
}

/** The Runtime API of AWS Lambda: one invocation at a time, and none while the function has not asked for one. */
export interface LambdaRuntime extends AsyncDisposable {
  /** For AWS_LAMBDA_RUNTIME_API. */
  readonly api: string;
  invoke(event: unknown): Promise<Posted>;
  /** Resolves once the function asks for the next one: it would be frozen then. */
  asked(): Promise<void>;
}

export async function startLambdaRuntime(): Promise<LambdaRuntime> {
  let waiting: ServerResponse | undefined;
  let onAsked = Promise.withResolvers<void>();
  const posts = new Map<string, (posted: Posted) => void>();
  let count = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    if (request.method === "GET" && path === "/2018-06-01/runtime/invocation/next") {
      waiting = response;
      onAsked.resolve();
      return;
    }
    const [, id = "", kind] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      response.writeHead(kind === undefined ? 404 : 202).end();
      posts.get(id)?.({ kind: kind as Posted["kind"], body: JSON.parse(Buffer.concat(parts).toString()) });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    api: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => onAsked.promise,
    async invoke(event) {
      await onAsked.promise;
      onAsked = Promise.withResolvers();
      const id = `request-${++count}`;
      const posted = new Promise<Posted>((done) => posts.set(id, done));
      waiting
        ?.writeHead(200, {
          "content-type": "application/json",
          "lambda-runtime-aws-request-id": id,
          "lambda-runtime-deadline-ms": String(Date.now() + 60_000),
        })
        .end(JSON.stringify(event));
      return posted;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
