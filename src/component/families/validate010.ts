import type { JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { Family } from "./family.ts";
import { operationUnknown } from "./operation-unknown.ts";
import { fromWit, toWit } from "./wit-json.ts";
import { schemaOfType } from "./wit-schema.ts";

/**
 * Validators of packs: `applies` and `validate` take `{ manifest_cbor, sbom_json, file_index }`, the manifest in base64, the SBOM
 * as text or JSON; `applies` gives a boolean, `validate` a list of diagnostics.
 */
export const validate010: Family = {
  abi: "validate010",
  bind(exports) {
    const served = ["applies", "validate"]
      .map((name) => exports.find("greentic:pack-validate/validator@0.1.", name))
      .filter((ref) => ref !== undefined);
    if (served.length === 0) return undefined;
    const operations = served.map(({ name }) => name);
    return {
      abi: "validate010",
      operations,
      isOpen: false,
      async call(instance, { operation, input }) {
        const ref = served.find(({ name }) => name === operation);
        if (ref === undefined) throw operationUnknown(operation, operations);
        const given = inputsOf(input);
        const args = ref.type.params.map(({ type }) => toWit(type, given, ""));
        const answer = await instance.call(ref, args);
        return { kind: "ok", output: ref.type.result === null ? null : fromWit(ref.type.result, answer) };
      },
      describe: () =>
        Promise.resolve({
          operations: served.map(({ name, type }) => ({
            name,
            inputSchema: schemaOfType(type.params[0]?.type ?? null),
            outputSchema: schemaOfType(type.result),
          })),
          i18nKeys: [],
        }),
    };
  },
};

function inputsOf(input: JsonValue): JsonValue {
  const inputs = isJsonObject(input) && isJsonObject(input["inputs"]) ? input["inputs"] : input;
  if (!isJsonObject(inputs)) return inputs;
  const { sbom_json: sbom } = inputs;
  return sbom === undefined || typeof sbom === "string" ? inputs : { ...inputs, sbom_json: JSON.stringify(sbom) };
}
