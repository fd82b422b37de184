import type { JsonObject, JsonValue, OutcomeError } from "../../types/index.ts";
import { decodeCborJson, GreenticError, isJsonObject, quote } from "../../types/index.ts";
import { FAILED, isErrorCode } from "./invoke-component.ts";
import type { KindResult, NodeCall } from "./kind.ts";
import { fields, text } from "./kind.ts";
import { messagesOf } from "./output-messages.ts";

/** Jumps of components in one turn, unless a jump says otherwise. @see upstream reference §1.6 */
const MAX_REDIRECTS = 3;
const MAX_MESSAGE_CHARS = 2_000;
const MAX_BACKOFF_MS = 86_400_000;

/**
 * Tells what a component's output means: its own failure, its own status, or a wish of public components: to go elsewhere
 * (`greentic_control` jump, `meta.next_node`) or to answer and end (respond).
 */
export function resultOf(output: JsonValue, call: NodeCall): KindResult {
  if (!isJsonObject(output)) return { kind: "ok", status: "ok", output };
  const error = failureIn(output);
  if (error !== undefined) return { kind: "error", error, output: { ...output, ok: false, error: { ...error } } };
  const control = output["greentic_control"];
  if (control !== undefined && isJsonObject(control)) {
    const wish = wishOf(control, { output, call });
    if (wish !== undefined) return wish;
  }
  const next = text(fields(output["meta"] ?? null)["next_node"]);
  if (next !== undefined) return { kind: "goto", flow: undefined, node: next, input: undefined, output };
  const status = output["status"];
  return { kind: "ok", status: typeof status === "string" && status !== "" ? status : "ok", output };
}

/** The failure that an output tells of: `ok: false` with an error, or an error with a code. @see upstream reference Appendix C */
function failureIn(output: JsonObject): OutcomeError | undefined {
  const { ok, error } = output;
  if (ok === true || error === undefined || error === null) return undefined;
  if (ok === false) return readError(error);
  return isJsonObject(error) && typeof (error["code"] ?? error["kind"]) === "string" ? readError(error) : undefined;
}

/** Reads a component's error record; its words stay short and its code a code, since events carry it. */
export function readError(error: JsonValue): OutcomeError {
  const told = isJsonObject(error) ? error : { message: error };
  const { code = told["kind"], message, retryable, details } = told;
  const backoffMs = told["backoff_ms"] ?? told["backoffMs"];
  return {
    code: typeof code === "string" && isErrorCode(code) ? code : FAILED,
    message:
      typeof message === "string" && message !== ""
        ? message.slice(0, MAX_MESSAGE_CHARS)
        : "The component reported a failure",
    retryable: retryable === true,
    ...(typeof backoffMs === "number" && backoffMs >= 0 && backoffMs <= MAX_BACKOFF_MS ? { backoffMs } : {}),
    ...(details === undefined ? {} : { details }),
  };
}

function wishOf(
  control: JsonObject,
  from: { readonly output: JsonObject; readonly call: NodeCall },
): KindResult | undefined {
  const { v, action } = control;
  if (v !== undefined && v !== 1)
    throw new GreenticError(
      "RUNNER_CONTROL_INVALID",
      `Follow greentic_control: expected v 1, got ${quote(JSON.stringify(v))}`,
    );
  if (action === "jump") return jumpOf(control);
  if (action !== "respond") return undefined;
  const { output, call } = from;
  const card = control["card"] ?? cardIn(control["card_cbor"]);
  for (const draft of messagesOf({ text: control["text"] ?? null, card: card ?? null })) call.send(draft);
  return control["needs_user"] === true
    ? { kind: "wait", reason: "respond", output }
    : { kind: "return", value: output };
}

/** A card as components write it in bytes: a list of numbers, or base64 where they came as bytes. */
function cardIn(bytes: JsonValue | undefined): JsonValue | undefined {
  if (typeof bytes === "string" && bytes !== "") return decodeCborJson(Buffer.from(bytes, "base64"));
  if (!Array.isArray(bytes) || bytes.length === 0) return undefined;
  return decodeCborJson(Uint8Array.from(bytes, (byte: JsonValue) => (typeof byte === "number" ? byte : 0)));
}

/** A jump names its flow and node, or its target does; what goes along is the new flow's `in`. */
function jumpOf(control: JsonObject): KindResult {
  const target = fields(control["target"] ?? null);
  const flow = text(control["flow"]) ?? text(target["flow"]);
  const node = text(control["node"]) ?? text(target["node"]);
  if (flow === undefined && node === undefined)
    throw new GreenticError("RUNNER_CONTROL_INVALID", "Follow greentic_control: a jump names its flow");
  const limit = control["max_redirects"];
  return {
    kind: "goto",
    flow,
    node,
    input: control["payload"] ?? control["params"],
    maxRedirects: typeof limit === "number" && Number.isInteger(limit) && limit >= 0 ? limit : MAX_REDIRECTS,
  };
}
