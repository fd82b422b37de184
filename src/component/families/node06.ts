import type { JsonValue } from "../../types/index.ts";
import { encodeCborJson, isJsonObject, parseJson } from "../../types/index.ts";
import type { ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import { contextValue } from "./context-value.ts";
import type { ExportTable } from "./export-table.ts";
import { tryCall } from "./export-table.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall } from "./family.ts";
import type { NodeError } from "./guest-error.ts";
import { failure, nodeFailure, payloadFailure } from "./guest-error.ts";
import { guestCbor, plainText } from "./guest-text.ts";
import { NOTHING_DESCRIBED } from "./manifest-description.ts";
import { QaFunctions } from "./qa-functions.ts";
import { jsonSchemaOf } from "./schema-ir.ts";
import { fromWit } from "./wit-json.ts";

const NODE = "greentic:component/node@0.6.";
/** What a node is called with where the flow names no operation. */
const DEFAULT_OPERATION = "run";

interface InvocationResult {
  readonly ok: boolean;
  readonly outputCbor: Uint8Array;
}

interface IoSchema {
  readonly schema: { readonly tag: string; readonly val: unknown };
}

interface Descriptor {
  readonly name: string;
  readonly version: string;
  readonly summary: string | undefined;
  readonly ops: readonly {
    readonly name: string;
    readonly summary: string | undefined;
    readonly input: IoSchema;
    readonly output: IoSchema;
  }[];
  readonly schemas?: readonly { readonly id: string; readonly bytes: Uint8Array | undefined }[];
}

/** `greentic:component/node@0.6`: `invoke(op, envelope)` with CBOR in the envelope; `describe` gives the descriptor. */
export const node06: Family = {
  abi: "node06",
  bind(exports) {
    const invoke = exports.find(NODE, "invoke");
    return invoke === undefined ? undefined : new Node06(exports, invoke);
  },
};

class Node06 implements BoundFamily {
  readonly abi = "node06";
  readonly operations: readonly string[];
  readonly isOpen = true;
  readonly #invoke: ExportRef;
  readonly #describe: ExportRef | undefined;
  readonly #qa: QaFunctions;

  constructor(exports: ExportTable, invoke: ExportRef) {
    this.#invoke = invoke;
    this.#describe = exports.find(NODE, "describe");
    const of = "greentic:component/component-";
    this.#qa = new QaFunctions(exports, { qa: `${of}qa@0.6.`, i18n: `${of}i18n@0.6.` });
    this.operations = [...(this.#describe === undefined ? [] : ["describe"]), ...this.#qa.operations];
  }

  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    if (call.operation === "describe" && this.#describe?.type.result) {
      const described = await instance.call(this.#describe, []);
      return { kind: "ok", output: fromWit(this.#describe.type.result, described) };
    }
    return (await this.#qa.call(instance, call)) ?? (await this.#run(instance, call));
  }

  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    const described = (await tryCall(instance, this.#describe)) as Descriptor | undefined;
    const setup = await this.#qa.setup(instance);
    const i18nKeys = await this.#qa.i18nKeys(instance);
    if (described === undefined) return { ...NOTHING_DESCRIBED, ...(setup === undefined ? {} : { setup }), i18nKeys };
    const { name, version, summary, ops, schemas } = described;
    return {
      name: plainText(name),
      version: plainText(version),
      ...(summary === undefined ? {} : { summary: plainText(summary) }),
      operations: ops.map((op) => ({
        name: op.name,
        ...(op.summary === undefined ? {} : { summary: plainText(op.summary) }),
        ...inlineSchema("inputSchema", op.input),
        ...inlineSchema("outputSchema", op.output),
      })),
      ...configSchemaOf(schemas),
      ...(setup === undefined ? {} : { setup }),
      i18nKeys,
    };
  }

  async #run(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    const envelope = this.#invoke.type.params[1];
    const { payload, metadata, flow, node } = unwrapEnvelope(call);
    const within = {
      ...call,
      ctx: { ...call.ctx, ...(flow === undefined ? {} : { flow }), ...(node === undefined ? {} : { node }) },
    };
    const value =
      envelope &&
      contextValue(envelope.type, within, {
        "payload-cbor": encodeCborJson(payload),
        "metadata-cbor": metadata === undefined ? undefined : encodeCborJson(metadata),
      });
    try {
      const result = await instance.call(this.#invoke, [call.operation || DEFAULT_OPERATION, value]);
      const { ok, outputCbor } = result as InvocationResult;
      const output = guestCbor(outputCbor);
      const failed = payloadFailure(
        ok ? output : { ...(isJsonObject(output) ? output : { output }), ok: false },
        "COMPONENT_INVOCATION_FAILED",
      );
      return failed === undefined ? { kind: "ok", output } : failure(ok ? failed : { ...failed, details: output });
    } catch (error) {
      if (error instanceof ComponentErr) return nodeFailure(error.value as NodeError);
      throw error;
    }
  }
}

interface Unwrapped {
  readonly payload: JsonValue;
  readonly metadata: JsonValue | undefined;
  readonly flow?: string;
  readonly node?: string;
}

/**
 * Hosts of older generations wrap a node's input: `{ ctx, flow_id, node_id, op, payload: [bytes of JSON], metadata }`. Such an
 * input is unwrapped. The pack's configuration goes along as metadata.
 */
function unwrapEnvelope({ input, config }: FamilyCall): Unwrapped {
  const bare: Unwrapped = { payload: input, metadata: config === undefined ? undefined : { config } };
  if (!isJsonObject(input) || !isJsonObject(input["ctx"]) || typeof input["flow_id"] !== "string") return bare;
  const payload = jsonOfBytes(input["payload"]);
  if (payload === undefined) return bare;
  const { node_id: node, flow_id: flow } = input;
  return {
    payload,
    metadata: jsonOfBytes(input["metadata"]) ?? bare.metadata,
    flow,
    ...(typeof node === "string" ? { node } : {}),
  };
}

function jsonOfBytes(bytes: JsonValue | undefined): JsonValue | undefined {
  if (!Array.isArray(bytes) || bytes.length === 0) return undefined;
  if (!bytes.every((byte) => Number.isInteger(byte) && (byte as number) >= 0 && (byte as number) < 256))
    return undefined;
  try {
    return parseJson(Uint8Array.from(bytes as number[]));
  } catch {
    return undefined;
  }
}

function inlineSchema(as: string, { schema }: IoSchema): Readonly<Record<string, JsonValue>> {
  return schema.tag === "inline-cbor" ? readSchema(as, schema.val as Uint8Array) : {};
}

/** The schema that a component lists as `config`, as those of `greentic/component-sdk` do. */
function configSchemaOf(schemas: Descriptor["schemas"]): Readonly<Record<string, JsonValue>> {
  const bytes = schemas?.find(({ id }) => id === "config")?.bytes;
  return bytes === undefined ? {} : readSchema("configSchema", bytes);
}

function readSchema(as: string, bytes: Uint8Array): Readonly<Record<string, JsonValue>> {
  try {
    return { [as]: jsonSchemaOf(guestCbor(bytes)) };
  } catch {
    // The operation can be called without its schema.
    return {};
  }
}
