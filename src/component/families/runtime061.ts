import type { JsonValue } from "../../types/index.ts";
import { encodeCborJson, isJsonObject } from "../../types/index.ts";
import type { ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import type { ExportTable } from "./export-table.ts";
import { tryCall } from "./export-table.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall } from "./family.ts";
import { failure, payloadFailure } from "./guest-error.ts";
import { guestCbor, guestJson } from "./guest-text.ts";
import { NOTHING_DESCRIBED, readDescription } from "./manifest-description.ts";
import { operationUnknown } from "./operation-unknown.ts";
import { QaFunctions } from "./qa-functions.ts";

const OF = "greentic:component/";
const SCHEMA_CORE = "greentic:provider-schema-core/schema-core-api@1.";
/** Operations whose input has a place for the provider's configuration. */
const CONFIGURED = ["ingest_http", "send_payload"];

/**
 * Providers: `greentic:component/runtime@0.6.1` in CBOR, `greentic:provider-schema-core@1.0.0` in JSON, or both, which then
 * serve the same operations with the same payloads.
 */
export const runtime061: Family = {
  abi: "runtime061",
  bind(exports) {
    const json = exports.find(SCHEMA_CORE, "invoke");
    const cbor = exports.find(`${OF}runtime@0.6.1`, "invoke");
    const invoke = json ?? cbor;
    return invoke === undefined ? undefined : new Runtime061(exports, { ref: invoke, isJson: json !== undefined });
  },
};

interface Invoke {
  readonly ref: ExportRef;
  readonly isJson: boolean;
}

class Runtime061 implements BoundFamily {
  readonly abi = "runtime061";
  readonly operations: readonly string[];
  readonly isOpen = true;
  readonly #invoke: Invoke;
  readonly #describeCbor: ExportRef | undefined;
  readonly #describeJson: ExportRef | undefined;
  readonly #validateConfig: ExportRef | undefined;
  readonly #healthcheck: ExportRef | undefined;
  readonly #qa: QaFunctions;

  constructor(exports: ExportTable, invoke: Invoke) {
    this.#invoke = invoke;
    this.#describeCbor = exports.find(`${OF}descriptor@0.6.1`, "describe");
    this.#describeJson = exports.find(SCHEMA_CORE, "describe");
    this.#validateConfig = exports.find(SCHEMA_CORE, "validate-config");
    this.#healthcheck = exports.find(SCHEMA_CORE, "healthcheck");
    this.#qa = new QaFunctions(exports, { qa: `${OF}qa@0.6.1`, i18n: `${OF}component-i18n@0.6.1` });
    const own = {
      describe: this.#describeCbor ?? this.#describeJson,
      "validate-config": this.#validateConfig,
      healthcheck: this.#healthcheck,
    };
    const served = Object.entries(own).filter(([, ref]) => ref !== undefined);
    this.operations = [...served.map(([name]) => name), ...this.#qa.operations];
  }

  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    const { operation, input, config } = call;
    if (operation === "describe") {
      const document = await this.#document(instance);
      if (document !== undefined) return { kind: "ok", output: document };
    }
    if (operation === "validate-config" && this.#validateConfig !== undefined) {
      const given =
        input === null || (isJsonObject(input) && Object.keys(input).length === 0) ? (config ?? input) : input;
      return {
        kind: "ok",
        output: guestJson((await instance.call(this.#validateConfig, [jsonBytes(given)])) as Uint8Array),
      };
    }
    if (operation === "healthcheck" && this.#healthcheck !== undefined) {
      return { kind: "ok", output: guestJson((await instance.call(this.#healthcheck, [])) as Uint8Array) };
    }
    return (await this.#qa.call(instance, call)) ?? (await this.#run(instance, call));
  }

  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    const document = await this.#document(instance);
    const setup = await this.#qa.setup(instance);
    return {
      ...(document === undefined ? NOTHING_DESCRIBED : readDescription(document)),
      ...(setup === undefined ? {} : { setup }),
      i18nKeys: await this.#qa.i18nKeys(instance),
    };
  }

  /** What the provider says of itself, by whichever function it says it. */
  async #document(instance: ComponentInstance): Promise<JsonValue | undefined> {
    const cbor = await tryCall(instance, this.#describeCbor);
    if (cbor instanceof Uint8Array && cbor.length > 0) return guestCbor(cbor);
    const json = await tryCall(instance, this.#describeJson);
    return json instanceof Uint8Array && json.length > 0 ? guestJson(json) : undefined;
  }

  async #run(instance: ComponentInstance, { operation, input, config }: FamilyCall): Promise<FamilyAnswer> {
    const takesConfig = config !== undefined && CONFIGURED.includes(operation) && isJsonObject(input);
    const whole = takesConfig && !("config" in input) ? { ...input, config } : input;
    const { ref, isJson } = this.#invoke;
    const bytes = await instance.call(ref, [operation, isJson ? jsonBytes(whole) : encodeCborJson(whole)]);
    const output = isJson ? guestJson(bytes as Uint8Array) : guestCbor(bytes as Uint8Array);
    const failed = payloadFailure(output, "COMPONENT_FAILED");
    if (failed === undefined) return { kind: "ok", output };
    if (failed.message !== `unsupported op: ${operation}`) return failure(failed);
    // That is how providers say that they have no such operation; they are not asked which they have before every call.
    const document = await this.#document(instance);
    const known = document === undefined ? [] : readDescription(document).operations.map(({ name }) => name);
    if (known.includes(operation)) return failure(failed);
    throw operationUnknown(operation, [...known, ...this.operations]);
  }
}

function jsonBytes(value: JsonValue): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
