import type { EventStore, JSONRPCMessage } from "@modelcontextprotocol/server";
import { randomUUID } from "node:crypto";

/** Events of a session that can be fetched again, and their bytes. */
const MAX_EVENTS = 256;
const MAX_BYTES = 2 * 1_048_576;

interface Event {
  readonly id: string;
  readonly stream: string;
  readonly message: JSONRPCMessage;
  readonly sizeBytes: number;
}

/** What one session's streams carried last, so that a client that lost one can go on where it was. */
export class EventLog implements EventStore {
  readonly #events: Event[] = [];
  #sizeBytes = 0;

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const event = { id: randomUUID(), stream, message, sizeBytes: JSON.stringify(message).length };
    this.#events.push(event);
    this.#sizeBytes += event.sizeBytes;
    while (this.#events.length > MAX_EVENTS || this.#sizeBytes > MAX_BYTES) {
      this.#sizeBytes -= this.#events.shift()?.sizeBytes ?? 0;
    }
    return event.id;
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(
    lastId: string,
    { send }: { readonly send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const at = this.#events.findIndex(({ id }) => id === lastId);
    const last = this.#events[at];
    if (last === undefined) throw new Error("Replay: the event is no longer on record");
    for (const { id, stream, message } of this.#events.slice(at + 1)) {
      // The event that opens a stream has no message of its own.
      if (stream === last.stream && Object.keys(message).length > 0) await send(id, message);
    }
    return last.stream;
  }
}
