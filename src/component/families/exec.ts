import type { JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { Family, FamilyAnswer, FamilyCall } from "./family.ts";
import { guestValue, plainText } from "./guest-text.ts";
import { operationUnknown } from "./operation-unknown.ts";

interface WitOutcome {
  readonly success: boolean;
  readonly data: string | undefined;
  readonly error: string | undefined;
}

/**
 * The documented world: `execute: func(input: message) -> outcome`. An input that is a message itself keeps its fields; any
 * other becomes the content, texts as they are and the rest as JSON.
 */
export const exec: Family = {
  abi: "exec",
  bind(exports) {
    const ref = exports.find(null, "execute");
    if (ref === undefined) return undefined;
    return {
      abi: "exec",
      operations: ["execute"],
      isOpen: false,
      async call(instance, call) {
        if (call.operation !== "execute" && call.operation !== "") throw operationUnknown(call.operation, ["execute"]);
        return answerOf((await instance.call(ref, [messageOf(call)])) as WitOutcome);
      },
      describe: () => Promise.resolve({ operations: [{ name: "execute" }], i18nKeys: [] }),
    };
  },
};

function messageOf({ ctx, input }: FamilyCall): object {
  const message = isJsonObject(input) && "content" in input ? input : { content: input };
  const { id, content, sender, timestamp } = message as Readonly<Record<string, JsonValue>>;
  return {
    id: typeof id === "string" ? id : ctx.correlationId,
    content: typeof content === "string" ? content : JSON.stringify(content ?? null),
    sender: typeof sender === "string" ? sender : (ctx.user ?? ""),
    timestamp: BigInt(isMilliseconds(timestamp) ? timestamp : Date.now()),
  };
}

function isMilliseconds(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function answerOf({ success, data, error }: WitOutcome): FamilyAnswer {
  const output = data === undefined ? null : guestValue(data);
  if (success) return { kind: "ok", output };
  const message = plainText(error ?? "") || "The component reported a failure";
  return {
    kind: "error",
    error: { code: "COMPONENT_FAILED", message, retryable: false, ...(output === null ? {} : { details: output }) },
  };
}
