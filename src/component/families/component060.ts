import type { JsonValue } from "../../types/index.ts";
import { encodeCborJson, isJsonObject } from "../../types/index.ts";
import type { ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import type { ExportTable } from "./export-table.ts";
import { tryCall } from "./export-table.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall } from "./family.ts";
import { failure, payloadFailure } from "./guest-error.ts";
import { guestCbor } from "./guest-text.ts";
import { NOTHING_DESCRIBED, readDescription } from "./manifest-description.ts";
import { QaFunctions } from "./qa-functions.ts";
import { jsonSchemaOf } from "./schema-ir.ts";

const OF = "greentic:component/component-";
const SCHEMAS = ["input-schema", "output-schema", "config-schema"] as const;

/**
 * `greentic:component/component-runtime@0.6.0`: `run(input, state)` in CBOR. The component has one piece of work, so that any
 * operation that isn't one of its other functions is that; its state begins empty and isn't kept.
 */
export const component060: Family = {
  abi: "component060",
  bind(exports) {
    const run = exports.find(`${OF}runtime@0.6.`, "run");
    return run === undefined ? undefined : new Component060(exports, run);
  },
};

class Component060 implements BoundFamily {
  readonly abi = "component060";
  readonly operations: readonly string[];
  readonly isOpen = true;
  readonly #run: ExportRef;
  readonly #documents: ReadonlyMap<string, ExportRef>;
  readonly #qa: QaFunctions;

  constructor(exports: ExportTable, run: ExportRef) {
    this.#run = run;
    this.#qa = new QaFunctions(exports, { qa: `${OF}qa@0.6.`, i18n: `${OF}i18n@0.6.` });
    const documents = ["describe", "get-component-info", ...SCHEMAS].map((name) => {
      const of = name.endsWith("-schema") ? "schema" : "descriptor";
      return [name, exports.find(`${OF}${of}@0.6.`, name)] as const;
    });
    this.#documents = new Map(
      documents.filter((entry): entry is readonly [string, ExportRef] => entry[1] !== undefined),
    );
    this.operations = [...this.#documents.keys(), ...this.#qa.operations];
  }

  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    const document = this.#documents.get(call.operation);
    if (document !== undefined) {
      return { kind: "ok", output: guestCbor((await instance.call(document, [])) as Uint8Array) };
    }
    return (await this.#qa.call(instance, call)) ?? (await this.#answer(instance, call));
  }

  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    const described = await this.#document(instance, "describe");
    const info = described ?? (await this.#document(instance, "get-component-info"));
    const description = info === undefined ? NOTHING_DESCRIBED : readDescription(info);
    const [input, output, config] = [
      await this.#document(instance, "input-schema"),
      await this.#document(instance, "output-schema"),
      await this.#document(instance, "config-schema"),
    ];
    const setup = await this.#qa.setup(instance);
    const own = {
      name: "run",
      ...(input === undefined ? {} : { inputSchema: jsonSchemaOf(input) }),
      ...(output === undefined ? {} : { outputSchema: jsonSchemaOf(output) }),
    };
    return {
      ...description,
      operations: description.operations.length > 0 ? description.operations : [own],
      ...(description.configSchema === undefined && config !== undefined ? { configSchema: jsonSchemaOf(config) } : {}),
      ...(setup === undefined ? {} : { setup }),
      i18nKeys: await this.#qa.i18nKeys(instance),
    };
  }

  async #document(instance: ComponentInstance, name: string): Promise<JsonValue | undefined> {
    const bytes = await tryCall(instance, this.#documents.get(name));
    if (!(bytes instanceof Uint8Array)) return undefined;
    try {
      return guestCbor(bytes);
    } catch {
      return undefined;
    }
  }

  async #answer(instance: ComponentInstance, { input, config }: FamilyCall): Promise<FamilyAnswer> {
    // Components of this family take their configuration with their input.
    const whole = config !== undefined && isJsonObject(input) && !("config" in input) ? { ...input, config } : input;
    const result = await instance.call(this.#run, [encodeCborJson(whole), encodeCborJson({})]);
    const { output: bytes } = result as { readonly output: Uint8Array };
    const output = guestCbor(bytes);
    const failed = payloadFailure(output, "COMPONENT_FAILED");
    return failed === undefined ? { kind: "ok", output } : failure(failed);
  }
}
