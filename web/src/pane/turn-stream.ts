import { effect, signal } from "@preact/signals";
import type { Conversation } from "../conversation/store.ts";
import { backoffMs, isRecord } from "../directline/index.ts";
import { addEvent } from "./turns.ts";
import type { Turn, TurnEvent } from "./turns.ts";

/** The worker's steps in this conversation, as the host tells them. Only a host in dev has them. */
export class TurnStream {
  readonly turns = signal<readonly Turn[]>([]);
  /** Whether the host is being heard. */
  readonly isHeard = signal(false);
  readonly #tenant: string;
  readonly #conversation: Conversation;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #heardId = "";

  constructor(tenant: string, conversation: Conversation) {
    this.#tenant = tenant;
    this.#conversation = conversation;
    effect(() => {
      if (conversation.connection.value.kind === "connected") this.#open();
    });
  }

  #open(): void {
    const known = this.#conversation.credentials;
    if (known === undefined) return;
    if (this.#heardId === known.conversationId && this.#socket !== undefined) return;
    if (this.#heardId !== "" && this.#heardId !== known.conversationId) this.turns.value = [];
    this.#heardId = known.conversationId;
    this.#socket?.close();
    clearTimeout(this.#timer);
    const query = new URLSearchParams({ conversation: known.conversationId, token: known.token });
    const socket = new WebSocket(
      `${location.origin.replace(/^http/, "ws")}/v1/dev/${this.#tenant}/turns?${query.toString()}`,
    );
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#attempt = 0;
      this.isHeard.value = true;
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => this.#hear(event.data));
    socket.addEventListener("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.isHeard.value = false;
      this.#attempt++;
      this.#timer = setTimeout(
        () => this.#conversation.connection.peek().kind === "connected" && this.#open(),
        backoffMs(this.#attempt),
      );
    });
  }

  #hear(data: unknown): void {
    if (typeof data !== "string" || data === "") return;
    const parsed: unknown = parse(data);
    const events = (Array.isArray(parsed) ? parsed : [parsed]).filter(isEvent);
    if (events.length > 0) this.turns.value = events.reduce(addEvent, this.turns.value);
  }
}

function isEvent(value: unknown): value is TurnEvent {
  return (
    isRecord(value) &&
    typeof value["kind"] === "string" &&
    isRecord(value["ctx"]) &&
    typeof value["ctx"]["traceId"] === "string"
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
