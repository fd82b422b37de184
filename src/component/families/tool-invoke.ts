import type { Family } from "./family.ts";
import { failure, payloadFailure } from "./guest-error.ts";
import { guestValue } from "./guest-text.ts";

/** Bare tools: one function `tool-invoke(string) -> string` at the top level, JSON in and out; any operation is that function. */
export const toolInvoke: Family = {
  abi: "tool-invoke",
  bind(exports) {
    const ref = exports.find(null, "tool-invoke");
    const [param, ...more] = ref?.type.params ?? [];
    const isText = param?.type.kind === "string" && more.length === 0 && ref?.type.result?.kind === "string";
    if (ref === undefined || !isText) return undefined;
    return {
      abi: "tool-invoke",
      operations: ["tool-invoke"],
      isOpen: true,
      async call(instance, { input }) {
        const text = typeof input === "string" ? input : JSON.stringify(input);
        const output = guestValue((await instance.call(ref, [text])) as string);
        const failed = payloadFailure(output, "COMPONENT_FAILED");
        return failed === undefined ? { kind: "ok", output } : failure(failed);
      },
      describe: () => Promise.resolve({ operations: [{ name: "tool-invoke" }], i18nKeys: [] }),
    };
  },
};
