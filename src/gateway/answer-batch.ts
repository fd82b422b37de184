import type { ServerResponse } from "node:http";
import type { GatewayAnswer } from "./exchange.ts";
import { toNode } from "./exchange.ts";

/**
 * Writes answers that became ready in one turn of the event loop together, at its end: each write wakes whoever waits for it, and one
 * that is awake already needs no waking.
 */
export class AnswerBatch {
  #ready: (readonly [GatewayAnswer, ServerResponse])[] = [];

  add(answer: GatewayAnswer, outgoing: ServerResponse): void {
    if (this.#ready.push([answer, outgoing]) === 1) setImmediate(() => this.#write());
  }

  #write(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const [answer, outgoing] of ready) {
      try {
        toNode(answer, outgoing);
      } catch {
        // One answer that can't be written, with a header that HTTP doesn't allow, must not keep the others.
        outgoing.destroy();
      }
    }
  }
}
