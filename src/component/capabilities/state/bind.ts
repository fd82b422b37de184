import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostAnswer } from "../host-request.ts";
import { refuse } from "../refuse.ts";

const STORE = "greentic:state/state-store@1.0.0";
const KV = "greentic:host/kv-v1@1.0.0";

/** The functions of `greentic:state/state-store` and `greentic:host/kv-v1`. The latter has no errors: a refusal stops the guest. */
export const stateBindings: Bindings = {
  [`${STORE}#read`]: asking(([key]) => ({ kind: "state-read", key: key as string }), valueOf),
  [`${STORE}#write`]: asking(
    ([key, value]) => ({ kind: "state-write", key: key as string, value: value as Uint8Array }),
    acknowledge,
  ),
  [`${STORE}#delete`]: asking(([key]) => ({ kind: "state-delete", key: key as string }), acknowledge),
  [`${KV}#get`]: asking(
    ([namespace, key]) => ({ kind: "state-read", namespace: namespace as string, key: key as string }),
    (answer) => {
      if (answer.kind === "ok") return new TextDecoder().decode(answer.value as Uint8Array);
      return answer.code === "not_found" ? undefined : refuse("Read key", answer);
    },
  ),
  [`${KV}#put`]: asking(
    ([namespace, key, value]) => ({
      kind: "state-write",
      namespace: namespace as string,
      key: key as string,
      value: new TextEncoder().encode(value as string),
    }),
    (answer) => {
      if (answer.kind === "fault") refuse("Write key", answer);
    },
  ),
};

function valueOf(answer: HostAnswer): unknown {
  if (answer.kind === "ok") return answer.value;
  throw new ComponentErr({ code: answer.code, message: answer.message });
}

function acknowledge(answer: HostAnswer): unknown {
  valueOf(answer);
  return "ok";
}
