import type { ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import type { TurnReport } from "./runtime.ts";

/** Names a message for the replies to it: what it says itself, else its id. */
export function correlationOf(message: ChannelMessageEnvelope): string {
  return message.correlation_id ?? message.id;
}

/** Makes the answer that a delivery keeps of its turn's report; what its nodes did is for who waited. */
export function recordReport({ steps: _steps, ...report }: TurnReport): JsonValue {
  return report as unknown as JsonValue;
}

/** Reads a report back: answers are made here only. */
export function readReport(answer: JsonValue): TurnReport {
  return { ...(answer as unknown as TurnReport), steps: [] };
}
