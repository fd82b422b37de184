import type { ModelAttempt } from "../llm/index.ts";
import type { TurnEvent } from "../telemetry/index.ts";

/** Makes the event of one answer of a model: figures, names and codes, nothing that was said. */
export function modelEnded(
  { model, maxTokens, durationMs, answer, errorCode }: ModelAttempt,
  at: Pick<Extract<TurnEvent, { kind: "model.ended" }>, "ctx" | "flow" | "node" | "atMs">,
): TurnEvent {
  const { hostname, port, protocol } = new URL(model.url);
  return {
    kind: "model.ended",
    ...at,
    durationMs,
    name: model.name,
    requestModel: model.model,
    server: { address: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) },
    maxTokens,
    outcome: answer === undefined ? "error" : "ok",
    ...(answer === undefined
      ? {}
      : {
          ...(answer.model === "" ? {} : { responseModel: answer.model }),
          finishReason: answer.finishReason,
          ...answer.usage,
          ...(answer.firstChunkMs === undefined ? {} : { firstChunkMs: answer.firstChunkMs }),
        }),
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}
