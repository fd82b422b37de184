/**
 * A receiver of Standard Webhooks on loopback: it checks signatures and times, takes each id once whatever it answered, and answers as
 * it is told.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../src/types/index.ts";

/** What happens to the next requests: an answer by its status, or the connection broken before or after the webhook was taken. */
type ReceiverFault = number | "reset-before" | "reset-after";

export interface WebhookReceiver {
  readonly url: string;
  /** What was taken, in order, each id once. */
  readonly taken: { readonly id: string; readonly payload: JsonObject }[];
  /** Ids of all requests that were signed well. */
  readonly seen: string[];
  /** How many requests it didn't believe. */
  readonly refused: () => number;
  readonly faults: ReceiverFault[];
  /** `Retry-After` of the answers that aren't 2xx. */
  retryAfter: string | undefined;
  /** How long a webhook that was taken waits for its answer. */
  answerAfterMs: number;
  /** Resolves once a condition holds; asked after every request. */
  readonly until: (isDone: () => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens a receiver that believes the signature of one secret, `whsec_…`. */
export async function openWebhookReceiver(secret: string, nowMs: () => number = Date.now): Promise<WebhookReceiver> {
  const waiting = new Set<() => void>();
  const known = new Set<string>();
  let refused = 0;
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const id = String(incoming.headers["webhook-id"]);
    const fault = receiver.faults.shift();
    if (!isAuthentic(incoming, body, secret, nowMs())) {
      refused++;
      outgoing.writeHead(401).end();
    } else {
      receiver.seen.push(id);
      const isTaken = fault === undefined || fault === "reset-after";
      if (isTaken && !known.has(id)) {
        known.add(id);
        receiver.taken.push({ id, payload: JSON.parse(body.toString()) as JsonObject });
      }
      if (receiver.answerAfterMs > 0) await new Promise((later) => setTimeout(later, receiver.answerAfterMs));
      if (typeof fault === "string") outgoing.destroy();
      else {
        const { retryAfter } = receiver;
        outgoing.writeHead(
          fault ?? 204,
          fault === undefined || retryAfter === undefined ? {} : { "retry-after": retryAfter },
        );
        outgoing.end();
      }
    }
    const woken = [...waiting];
    waiting.clear();
    for (const wake of woken) wake();
  };
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: [],
    seen: [],
    refused: () => refused,
    faults: [],
    retryAfter: undefined,
    answerAfterMs: 0,
    until: async (isDone) => {
      while (!isDone()) await new Promise<void>((resolve) => void waiting.add(resolve));
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return receiver;
}

function isAuthentic({ headers, method }: IncomingMessage, body: Buffer, secret: string, nowMs: number): boolean {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    String(headers[name] ?? ""),
  );
  if (method !== "POST" || id === "" || Math.abs(nowMs / 1000 - Number(timestamp)) > 300) return false;
  const mac = createHmac("sha256", Buffer.from(secret.slice(6), "base64"));
  const expected = mac.update(`${id}.${timestamp}.`).update(body).digest();
  return (signatures ?? "").split(" ").some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ""), "base64");
    return signature.startsWith("v1,") && given.length === expected.length && timingSafeEqual(given, expected);
  });
}
