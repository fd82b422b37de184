import type { Offer } from "../../flow/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../types/index.ts";

/** What a server offers and how its offers are called; the host makes one of a tenant's packs, the protocol adapter knows no more. */
export interface Offering {
  readonly title: string;
  /** What the offers are now; asked for with every listing and call. */
  list(): readonly OfferedFlow[];
  /** Calls `listener` after every change of what is offered. Returns how to stop. */
  watch(listener: () => void): () => void;
  /** Runs one turn: durable, and once for an `id`, however often it is asked for. @throws GreenticError */
  call(call: OfferedCall): Promise<OfferedTurn>;
  /** Ends a conversation that nobody will continue. */
  end(conversation: string): Promise<void>;
}

/** One flow that is offered. */
export interface OfferedFlow {
  readonly pack: string;
  /** Changes with the pack's content. */
  readonly packHash: string;
  readonly flow: string;
  readonly offer: Offer;
  readonly title?: string;
  readonly description?: string;
  readonly parameters: JsonObject;
}

/** One call of a flow, or one answer to what it waits for. */
export interface OfferedCall {
  /** Absent for answers. */
  readonly flow: OfferedFlow | undefined;
  readonly conversation: string;
  /** Names the delivery: the same id never runs twice. */
  readonly id: string;
  readonly fields: JsonObject;
  readonly text?: string;
  readonly canSample: boolean;
  readonly isDeclined?: boolean;
  /** Aborts when the caller calls the turn off. */
  readonly signal?: AbortSignal;
  /** Told of every node that ran. */
  readonly onNode?: (node: { readonly flow: string; readonly node: string }) => void;
  /** Told of every line that the flow logs. */
  readonly onLog?: (line: LogLine) => void;
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly node: string | undefined;
}

/** How a turn ended. */
export interface OfferedTurn {
  readonly status: "done" | "waiting" | "error";
  readonly reply: readonly ChannelMessageEnvelope[];
  readonly output: JsonValue;
  /** What the flow waits for, where it can say so. */
  readonly asks?:
    | { readonly kind: "form"; readonly schema: JsonObject }
    | { readonly kind: "model"; readonly request: JsonObject };
  readonly error?: { readonly code: string };
}
