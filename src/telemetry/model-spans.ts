// Spans and metrics of language models by OpenTelemetry's GenAI conventions: names, figures and codes, never what was said.
// @see https://opentelemetry.io/docs/specs/semconv/gen-ai/
import type { Attributes, Meter } from "@opentelemetry/api";
import type { TurnEvent } from "./turn-event.ts";

type ModelEnded = Extract<TurnEvent, { kind: "model.ended" }>;

const TOKEN_BOUNDS = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];
const SECOND_BOUNDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/** What a client span of one answer carries. */
export function modelAttributes(event: ModelEnded): Attributes {
  return {
    ...shared(event),
    flow_id: event.flow,
    node_id: event.node,
    "gen_ai.request.max_tokens": event.maxTokens,
    ...(event.finishReason !== undefined && { "gen_ai.response.finish_reasons": [event.finishReason] }),
    ...(event.inputTokens !== undefined && { "gen_ai.usage.input_tokens": event.inputTokens }),
    ...(event.outputTokens !== undefined && { "gen_ai.usage.output_tokens": event.outputTokens }),
  };
}

/** Makes the recorder of token usage, durations and times to the first chunk. */
export function createModelMetrics(meter: Meter): (event: ModelEnded) => void {
  const usage = meter.createHistogram("gen_ai.client.token.usage", {
    unit: "{token}",
    description: "Tokens of questions and answers",
    advice: { explicitBucketBoundaries: TOKEN_BOUNDS },
  });
  const duration = meter.createHistogram("gen_ai.client.operation.duration", {
    unit: "s",
    description: "Wall time of an answer",
    advice: { explicitBucketBoundaries: SECOND_BOUNDS },
  });
  const firstChunk = meter.createHistogram("gen_ai.client.operation.time_to_first_chunk", {
    unit: "s",
    description: "Time until the first part of a streamed answer",
    advice: { explicitBucketBoundaries: SECOND_BOUNDS },
  });
  return (event) => {
    const attributes = { ...shared(event), tenant: event.ctx.tenant };
    const { inputTokens, outputTokens, firstChunkMs } = event;
    if (inputTokens !== undefined) usage.record(inputTokens, { ...attributes, "gen_ai.token.type": "input" });
    if (outputTokens !== undefined) usage.record(outputTokens, { ...attributes, "gen_ai.token.type": "output" });
    duration.record(event.durationMs / 1_000, attributes);
    if (firstChunkMs !== undefined) firstChunk.record(firstChunkMs / 1_000, attributes);
  };
}

function shared(event: ModelEnded): Attributes {
  return {
    "gen_ai.operation.name": "chat",
    // The wire format: which product answers, an address doesn't say.
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": event.requestModel,
    ...(event.responseModel !== undefined && { "gen_ai.response.model": event.responseModel }),
    "server.address": event.server.address,
    "server.port": event.server.port,
    ...(event.errorCode !== undefined && { "error.type": event.errorCode }),
  };
}
