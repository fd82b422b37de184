import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { ComponentAbi, ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import { contextValue } from "./context-value.ts";
import type { ExportTable } from "./export-table.ts";
import { tryCall } from "./export-table.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall } from "./family.ts";
import type { NodeError } from "./guest-error.ts";
import { failure, nodeFailure } from "./guest-error.ts";
import { guestJson, guestValue, plainText } from "./guest-text.ts";
import { NOTHING_DESCRIBED, readDescription } from "./manifest-description.ts";

interface Tagged {
  readonly tag: string;
  readonly val: unknown;
}

/**
 * Nodes that speak JSON text: `invoke(exec-ctx, op, input)`. `describe` gives their manifest; `invoke-stream` takes
 * `{ op, input }` and gives the list of events.
 */
export function jsonNode(abi: ComponentAbi, prefix: string): Family {
  return {
    abi,
    bind(exports) {
      const invoke = exports.find(prefix, "invoke");
      return invoke === undefined ? undefined : new JsonNode(abi, invoke, { exports, prefix });
    },
  };
}

class JsonNode implements BoundFamily {
  readonly abi: ComponentAbi;
  readonly operations: readonly string[];
  readonly isOpen = true;
  readonly #invoke: ExportRef;
  readonly #stream: ExportRef | undefined;
  readonly #manifest: ExportRef | undefined;

  constructor(abi: ComponentAbi, invoke: ExportRef, of: { readonly exports: ExportTable; readonly prefix: string }) {
    this.abi = abi;
    this.#invoke = invoke;
    this.#stream = of.exports.find(of.prefix, "invoke-stream");
    this.#manifest = of.exports.find(of.prefix, "get-manifest");
    this.operations = [
      ...(this.#manifest === undefined ? [] : ["describe"]),
      ...(this.#stream === undefined ? [] : ["invoke-stream"]),
    ];
  }

  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    if (call.operation === "describe" && this.#manifest !== undefined) {
      return { kind: "ok", output: guestJson((await instance.call(this.#manifest, [])) as string) };
    }
    if (call.operation === "invoke-stream" && this.#stream !== undefined) {
      return await stream(instance, this.#stream, call);
    }
    return await this.#answer(() => instance.call(this.#invoke, argumentsOf(this.#invoke, call)));
  }

  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    const text = await tryCall(instance, this.#manifest);
    return typeof text === "string" ? readDescription(guestValue(text)) : NOTHING_DESCRIBED;
  }

  async #answer(ask: () => Promise<unknown>): Promise<FamilyAnswer> {
    try {
      const answer = (await ask()) as Tagged | string;
      // A variant of ok and err in what is published, a result in what was built by hand.
      if (typeof answer === "string") return { kind: "ok", output: guestValue(answer) };
      return answer.tag === "ok"
        ? { kind: "ok", output: guestValue(answer.val as string) }
        : nodeFailure(answer.val as NodeError);
    } catch (error) {
      if (error instanceof ComponentErr) return nodeFailure(error.value as NodeError);
      throw error;
    }
  }
}

function argumentsOf(ref: ExportRef, call: FamilyCall): readonly unknown[] {
  const [context] = ref.type.params;
  const ctx = context === undefined ? {} : contextValue(context.type, call);
  return [ctx, call.operation, JSON.stringify(call.input)];
}

async function stream(instance: ComponentInstance, ref: ExportRef, call: FamilyCall): Promise<FamilyAnswer> {
  const { op, input } = isJsonObject(call.input) ? call.input : ({} as JsonObject);
  const inner = { ...call, operation: typeof op === "string" ? op : "", input: input ?? null };
  const events = (await instance.call(ref, argumentsOf(ref, inner))) as readonly Tagged[];
  const output = events.map(({ tag, val }): JsonValue => {
    if (tag === "done") return "done";
    return { [tag]: tag === "data" ? guestValue(val as string) : (val as JsonValue) };
  });
  const failed = events.find(({ tag }) => tag === "error");
  if (failed === undefined) return { kind: "ok", output };
  const message = plainText(String(failed.val)) || "The component reported a failure";
  return failure({ code: "COMPONENT_FAILED", message, retryable: false, details: output });
}
