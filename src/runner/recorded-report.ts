import type { LogEntry } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, SessionKeyText } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import { fields, print } from "./kinds/kind.ts";
import type { TurnReport } from "./runtime.ts";

/** Names a message for the replies to it: what it says itself, else its id. */
export function correlationOf(message: ChannelMessageEnvelope): string {
  return message.correlation_id ?? message.id;
}

/** Makes the log entry that keeps a turn's report behind its replies. */
export function recordReport(message: ChannelMessageEnvelope | undefined, report: TurnReport): JsonObject {
  const { status, output, waitingAt, error } = report;
  return {
    type: "report",
    correlation_id: message === undefined ? "" : correlationOf(message),
    status,
    output,
    ...(waitingAt === undefined ? {} : { waiting_at: waitingAt }),
    ...(error === undefined ? {} : { error: { ...error } }),
  };
}

/** Reads a report and its replies back; undefined while the log has none. */
export function readReport(
  entries: readonly LogEntry[],
  of: { readonly session: SessionKeyText; readonly correlation: string },
): TurnReport | undefined {
  const own = entries
    .map(({ activity }) => activity)
    .filter(
      (activity): activity is JsonObject => isJsonObject(activity) && activity["correlation_id"] === of.correlation,
    );
  const record = own.findLast((activity) => activity["type"] === "report");
  if (record === undefined) return undefined;
  const { status, output, waiting_at: waitingAt, error } = record;
  const failure = fields(error ?? null);
  return {
    status: status === "waiting" || status === "error" ? status : "done",
    reply: own.filter((activity) => activity["type"] === undefined) as unknown as readonly ChannelMessageEnvelope[],
    output: output ?? null,
    session: of.session,
    ...(typeof waitingAt === "string" ? { waitingAt } : {}),
    ...(error === undefined
      ? {}
      : {
          error: {
            code: print(failure["code"]),
            message: print(failure["message"]),
            retryable: failure["retryable"] === true,
            ...(typeof failure["node"] === "string" ? { node: failure["node"] } : {}),
          },
        }),
    steps: [],
  };
}
