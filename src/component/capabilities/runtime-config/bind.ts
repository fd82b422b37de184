import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostFaultCode } from "../host-request.ts";

const ERRORS: Partial<Record<HostFaultCode, string>> = { denied: "denied", invalid: "invalid-key" };

/** The functions of `greentic:runtime-config/runtime-config`. */
export const runtimeConfigBindings: Bindings = {
  "greentic:runtime-config/runtime-config@1.0.0#get": asking(
    ([key]) => ({ kind: "config", key: key as string }),
    (answer) => {
      if (answer.kind === "ok") return answer.value;
      throw new ComponentErr(ERRORS[answer.code] ?? "internal");
    },
  ),
};
