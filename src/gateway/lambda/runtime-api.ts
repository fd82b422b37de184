import { setTimeout as pause } from "node:timers/promises";
import { isGreenticError, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { serveFunctionUrl } from "./function-url.ts";

export interface RuntimeApiOptions {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API says. */
  readonly api: string;
  /** The host that answers, on this machine. */
  readonly url: string;
  /** Tells whether anything waits for turns or sends. */
  readonly isIdle: () => Promise<boolean>;
  /** Ends the loop once the invocation at hand is answered. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** How long what an invocation began may take behind its answer. */
const BEHIND_MS = 20_000;
/** What is left before the function's own deadline. */
const MARGIN_MS = 2_000;
/** Counts of what waits may be a second old. */
const SETTLE_MS = 1_200;
const LOOK_MS = 100;
const RETRY_MS = 500;
const MAX_EVENT_BYTES = 8 << 20;

/**
 * Takes invocations of AWS Lambda and answers them by the host. The answer leaves at once; the next invocation is asked for when what the last
 * one began is done, since a process that has asked is frozen until there is one. What isn't done by then is in the store, and goes
 * on in whichever process thaws first.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function serveRuntimeApi(options: RuntimeApiOptions): Promise<void> {
  const { api, signal, onError } = options;
  const base = `http://${api}/2018-06-01/runtime`;
  while (!signal.aborted) {
    let next: Response;
    try {
      next = await fetch(`${base}/invocation/next`, { signal });
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      continue;
    }
    const id = next.headers.get("lambda-runtime-aws-request-id") ?? "";
    const deadlineMs = Number(next.headers.get("lambda-runtime-deadline-ms") ?? Number.NaN);
    try {
      const event = parseJson(new Uint8Array(await next.arrayBuffer()), { maxBytes: MAX_EVENT_BYTES });
      const answer: JsonValue = isTick(event) ? { ok: true } : await serveFunctionUrl(options.url, event);
      await post(`${base}/invocation/${encodeURIComponent(id)}/response`, answer);
    } catch (error) {
      onError(error);
      // The code alone: what a request held is nobody's to read in a log.
      const errorType = isGreenticError(error) ? error.code : "GATEWAY_EVENT_FAILED";
      const told = { errorType, errorMessage: "the invocation failed; the host's log says more" };
      await post(`${base}/invocation/${encodeURIComponent(id)}/error`, told).catch(onError);
    }
    await settle(options, Number.isFinite(deadlineMs) ? deadlineMs : Date.now() + BEHIND_MS);
  }
}

/** The clock that wakes a function for timers and for what is overdue. */
function isTick(event: JsonValue): boolean {
  return isJsonObject(event) && event["greentic"] === "tick";
}

async function post(url: string, body: JsonValue): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
}

async function settle({ isIdle, signal, onError }: RuntimeApiOptions, deadlineMs: number): Promise<void> {
  const begunMs = Date.now();
  const untilMs = Math.min(begunMs + BEHIND_MS, deadlineMs - MARGIN_MS);
  while (!signal.aborted && Date.now() < untilMs) {
    const isDone = await isIdle().catch((error: unknown) => (onError(error), true));
    if (isDone && Date.now() - begunMs >= SETTLE_MS) return;
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
