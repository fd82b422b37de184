import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import type { ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import type { Family, FamilyAnswer, FamilyCall } from "./family.ts";
import { failure, payloadFailure } from "./guest-error.ts";
import { guestValue, plainText } from "./guest-text.ts";
import { operationUnknown } from "./operation-unknown.ts";

/**
 * Webhook receivers: `handle-webhook` takes `{ headers, body }`, headers as an object or list of pairs, the body as the text that
 * arrived, as JSON or as `body_b64`; `sync-subscriptions` takes `{ config, state }`.
 */
export const ingress002: Family = {
  abi: "ingress002",
  bind(exports) {
    const webhook = exports.find("provider:common/ingress@0.0.", "handle-webhook");
    const subscriptions = exports.find("provider:common/subscriptions@0.0.", "sync-subscriptions");
    const served = [webhook, subscriptions].filter((ref) => ref !== undefined);
    if (served.length === 0) return undefined;
    const operations = served.map(({ name }) => name);
    return {
      abi: "ingress002",
      operations,
      isOpen: false,
      async call(instance, call) {
        const ref = served.find(({ name }) => name === call.operation);
        if (ref === undefined) throw operationUnknown(call.operation, operations);
        return await textAnswer(() => instance.call(ref, argumentsOf(ref, call)));
      },
      describe: () => Promise.resolve({ operations: operations.map((name) => ({ name })), i18nKeys: [] }),
    };
  },
};

/** Reads a `result<string, string>` whose texts are JSON, or plain. */
async function textAnswer(ask: () => Promise<unknown>): Promise<FamilyAnswer> {
  try {
    const output = guestValue((await ask()) as string);
    const failed = payloadFailure(output, "COMPONENT_FAILED");
    return failed === undefined ? { kind: "ok", output } : failure(failed);
  } catch (error) {
    if (!(error instanceof ComponentErr)) throw error;
    const said = guestValue(String(error.value));
    const record = isJsonObject(said) ? said : undefined;
    const failed = record && payloadFailure({ error: record, ...record, ok: false }, "COMPONENT_FAILED");
    if (failed !== undefined) return failure(failed);
    const message = plainText(String(error.value)) || "The component reported a failure";
    return failure({ code: "COMPONENT_FAILED", message, retryable: false });
  }
}

function argumentsOf(ref: ExportRef, { input, config }: FamilyCall): readonly string[] {
  const record: JsonObject = isJsonObject(input) ? input : {};
  if (ref.name === "sync-subscriptions") {
    return [jsonText(record["config"] ?? config ?? {}), jsonText(record["state"] ?? {})];
  }
  const isRequest = "headers" in record || "body" in record || "body_b64" in record;
  return [jsonText(headersOf(record["headers"])), bodyOf(isRequest ? record : { body: input })];
}

function headersOf(headers: JsonValue | undefined): JsonValue {
  if (!Array.isArray(headers)) return headers ?? {};
  const pairs = (headers as readonly JsonValue[]).filter(
    (pair): pair is readonly [string, JsonValue] => Array.isArray(pair) && typeof pair[0] === "string",
  );
  return Object.fromEntries(pairs.map(([name, value]) => [name, value ?? ""]));
}

/** A body's text goes in as it came: signatures are over its bytes. */
function bodyOf({ body, body_b64: encoded }: JsonObject): string {
  if (typeof encoded !== "string") return jsonText(body ?? null);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(encoded, "base64"));
  } catch (error) {
    throw new GreenticError("COMPONENT_INPUT_INVALID", `Call component: "/body_b64" wants UTF-8 in base64`, {
      cause: error,
    });
  }
}

function jsonText(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
