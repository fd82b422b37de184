import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonValue } from "../types/index.ts";

/** A request that reached the judge's platform. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** When it came, milliseconds of this process's monotonic clock. */
  readonly atMs: number;
}

/** What a request is answered, or that its connection breaks. */
export type PlatformAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: JsonValue }
  | "break-off";

const MAX_SEEN = 10_000;

/** A messaging platform on loopback that does what the judge says: it takes, refuses, is late or breaks off, and keeps what it saw. */
export class JudgePlatform implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** Decides what a request comes to, once it is seen. */
  answer: (request: SeenRequest) => PlatformAnswer | Promise<PlatformAnswer> = () => ({ status: 200 });
  readonly #server = createServer((incoming, outgoing) => {
    this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
  });

  static async open(): Promise<JudgePlatform> {
    const platform = new JudgePlatform();
    platform.#server.listen(0, "127.0.0.1");
    await once(platform.#server, "listening");
    return platform;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = incoming;
    const body = Buffer.concat(chunks).toString("utf8");
    const request = { method, url, headers, body, atMs: performance.now() };
    if (this.seen.length < MAX_SEEN) this.seen.push(request);
    const answer = await this.answer(request);
    if (answer === "break-off") return void outgoing.destroy();
    outgoing.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    outgoing.end(JSON.stringify(answer.body ?? {}));
  }
}
