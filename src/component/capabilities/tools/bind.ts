import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";

/** The functions of `greentic:host/tools`. */
export const toolsBindings: Bindings = {
  "greentic:host/tools@1.0.0#invoke": asking(
    ([name, inputJson]) => ({ kind: "tool", name: name as string, inputJson: inputJson as string }),
    (answer) => {
      if (answer.kind === "ok") return answer.value;
      throw new ComponentErr(`${answer.code}: ${answer.message}`);
    },
  ),
};
