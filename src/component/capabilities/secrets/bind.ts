import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostFaultCode } from "../host-request.ts";
import { refuse } from "../refuse.ts";

const ERRORS: Partial<Record<HostFaultCode, string>> = {
  denied: "denied",
  invalid: "invalid-key",
  not_found: "not-found",
};

const get = asking(
  ([name]) => ({ kind: "secret", name: name as string }),
  (answer) => {
    // A secret that isn't there is none, not an error: `not-found` is left for names that can't have one.
    if (answer.kind === "ok") return answer.value;
    throw new ComponentErr(ERRORS[answer.code] ?? "internal");
  },
);

/** Returns nothing, so a refusal stops the guest: a write that is lost silently is worse. */
const put = asking(
  ([name, value]) => ({ kind: "secret-write", name: name as string, value: value as Uint8Array }),
  (answer) => {
    if (answer.kind === "fault") refuse("Write secret", answer);
  },
);

/** The functions of `greentic:secrets-store/secrets-store`. */
export const secretsBindings: Bindings = {
  "greentic:secrets-store/secrets-store@1.0.0#get": get,
  "greentic:secrets-store/secrets-store@1.1.0#get": get,
  "greentic:secrets-store/secrets-store@1.1.0#put": put,
};
