import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostAnswer } from "../host-request.ts";

const INTERFACE = "greentic:state/state-store@1.0.0";

/** The functions of `greentic:state/state-store`. */
export const stateBindings: Bindings = {
  [`${INTERFACE}#read`]: asking(([key]) => ({ kind: "state-read", key: key as string }), valueOf),
  [`${INTERFACE}#write`]: asking(
    ([key, value]) => ({ kind: "state-write", key: key as string, value: value as Uint8Array }),
    acknowledge,
  ),
  [`${INTERFACE}#delete`]: asking(([key]) => ({ kind: "state-delete", key: key as string }), acknowledge),
};

function valueOf(answer: HostAnswer): unknown {
  if (answer.kind === "ok") return answer.value;
  throw new ComponentErr({ code: answer.code, message: answer.message });
}

function acknowledge(answer: HostAnswer): unknown {
  valueOf(answer);
  return "ok";
}
