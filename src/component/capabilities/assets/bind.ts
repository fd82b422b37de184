import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";

/** The functions of `greentic:host/assets`. */
export const assetsBindings: Bindings = {
  "greentic:host/assets@1.0.0#read": asking(
    ([path]) => ({ kind: "asset", path: path as string }),
    (answer) => {
      if (answer.kind === "ok") return answer.value;
      throw new ComponentErr(`${answer.code}: ${answer.message}`);
    },
  ),
};
