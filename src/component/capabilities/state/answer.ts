import { formatStateKey, stateKey } from "../../../types/index.ts";
import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";
import { componentKey } from "./component-key.ts";

type StateRequest = Extract<HostRequest, { kind: "state-read" | "state-write" | "state-delete" }>;

const MAX_VALUE_BYTES = 1 << 20;

/** Reads, writes or deletes a value under the component's own prefix: `component/key`. */
export async function answerState(request: StateRequest, scope: CallScope): Promise<HostAnswer> {
  const { ctx, component, grants, services } = scope;
  if (grants.state === "none") return fault("denied", "state isn't granted");
  if (request.kind !== "state-read" && grants.state === "read") return fault("denied", "state is granted for reading");
  const key = formatStateKey(stateKey(component, componentKey(request)));
  switch (request.kind) {
    case "state-read": {
      const value = await services.stateRead(ctx, key);
      return value === undefined ? fault("not_found", "the key has no value") : { kind: "ok", value };
    }
    case "state-write":
      if (!(request.value instanceof Uint8Array)) return fault("invalid", "the value isn't bytes");
      if (request.value.byteLength > MAX_VALUE_BYTES) return fault("invalid", "the value is larger than 1 MiB");
      await services.stateWrite(ctx, key, request.value);
      return { kind: "ok", value: undefined };
    default:
      await services.stateDelete(ctx, key);
      return { kind: "ok", value: undefined };
  }
}
