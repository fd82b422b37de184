import { isJsonObject } from "../../types/index.ts";
import type { Family } from "./family.ts";
import { operationUnknown } from "./operation-unknown.ts";
import { fromWit } from "./wit-json.ts";

const OPERATION = "identify-instance";

/** Tells by a webhook request which instance of a provider it is for: `identify-instance` gives its identity or null. */
export const identity010: Family = {
  abi: "identity010",
  bind(exports) {
    const ref = exports.find("greentic:provider-instance-identity/instance-identity-api@0.1.", OPERATION);
    if (ref === undefined) return undefined;
    return {
      abi: "identity010",
      operations: [OPERATION],
      isOpen: false,
      async call(instance, { operation, input }) {
        if (operation !== OPERATION) throw operationUnknown(operation, [OPERATION]);
        const json = JSON.stringify(isJsonObject(input) ? input : { body: input });
        const args = ref.type.params.map(({ type }) =>
          type.kind === "string" ? json : new TextEncoder().encode(json),
        );
        const answer = await instance.call(ref, args);
        return { kind: "ok", output: ref.type.result === null ? null : fromWit(ref.type.result, answer) };
      },
      describe: () => Promise.resolve({ operations: [{ name: OPERATION }], i18nKeys: [] }),
    };
  },
};
