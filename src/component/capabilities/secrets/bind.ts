import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostFaultCode } from "../host-request.ts";

const ERRORS: Partial<Record<HostFaultCode, string>> = { denied: "denied", invalid: "invalid-key" };

/** The functions of `greentic:secrets-store/secrets-store`. */
export const secretsBindings: Bindings = {
  "greentic:secrets-store/secrets-store@1.0.0#get": asking(
    ([name]) => ({ kind: "secret", name: name as string }),
    (answer) => {
      if (answer.kind === "ok") return answer.value;
      throw new ComponentErr(ERRORS[answer.code] ?? "internal");
    },
  ),
};
