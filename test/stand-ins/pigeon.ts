/**
 * The invented platform of `gtc new NAME --template provider` on loopback: messages in signed webhooks that come again until they got a
 * 2xx, messages out by `POST /v1/messages` with its own pace and faults, and the registration of a webhook.
 */
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A message that reached a loft. */
interface PigeonSend {
  readonly loft: string;
  readonly text: string;
  readonly key: string;
}

/** What happens to the next sends: answered so, or broken off before or after the message was taken. */
type PigeonFault = "429" | "500" | "403" | "reset-before" | "reset-after";

export interface PigeonOptions {
  /** Part of its headers' names. */
  readonly name: string;
  readonly token: string;
  readonly secret: string;
}

export async function openPigeonStandIn(options: PigeonOptions): Promise<PigeonStandIn> {
  const pigeon = new PigeonStandIn(options);
  await pigeon.listen();
  return pigeon;
}

export class PigeonStandIn implements AsyncDisposable {
  readonly sends: PigeonSend[] = [];
  readonly faults: PigeonFault[] = [];
  /** What was registered. */
  webhook: { readonly url: string; readonly secret: string } | undefined;
  url = "";
  readonly #options: PigeonOptions;
  readonly #server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing));
  readonly #waiting = new Set<() => void>();
  #serial = 0;

  constructor(options: PigeonOptions) {
    this.#options = options;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  /** The headers of a body as it signs it. */
  sign(body: string, { secret = this.#options.secret, atMs = Date.now() } = {}): Record<string, string> {
    const timestamp = String(Math.floor(atMs / 1000));
    const signed = `${timestamp}.${createHash("sha256").update(body).digest("hex")}`;
    const mac = createHmac("sha256", secret).update(signed).digest("hex");
    return { [`x-${this.#options.name}-timestamp`]: timestamp, [`x-${this.#options.name}-signature`]: `v1=${mac}` };
  }

  /** The body of a webhook in which somebody says something. */
  said(text: string, { id = `p${++this.#serial}`, loft = "7", bot = false } = {}): string {
    return JSON.stringify({ events: [{ id, loft, from: { id: bot ? "worker" : "ada", is_bot: bot }, text }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
    const isKnown = incoming.headers.authorization === `Bearer ${this.#options.token}`;
    const answer = (status: number, value: object, headers: Record<string, string> = {}): void => {
      outgoing.writeHead(status, { "content-type": "application/json", ...headers });
      outgoing.end(JSON.stringify(value));
    };
    if (!isKnown) return answer(401, {});
    if (incoming.method === "PUT" && incoming.url === "/v1/webhook") {
      this.webhook = { url: body["url"] ?? "", secret: body["secret"] ?? "" };
      return answer(200, {});
    }
    const fault = this.faults.shift();
    if (fault === "reset-before") return void outgoing.destroy();
    if (fault === "429") return answer(429, {}, { "retry-after": "1" });
    if (fault === "500" || fault === "403") return answer(Number(fault), {});
    this.sends.push({ loft: body["loft"] ?? "", text: body["text"] ?? "", key: body["key"] ?? "" });
    if (fault === "reset-after") outgoing.destroy();
    else answer(200, { id: `out${this.sends.length}` });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
