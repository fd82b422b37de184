import type { HostFunction, ImportRef } from "../linker/index.ts";
import { assetsBindings } from "./assets/bind.ts";
import { controlBindings } from "./control/bind.ts";
import type { Bindings, GuestCall } from "./guest-call.ts";
import { httpBindings } from "./http/bind.ts";
import { secretsBindings } from "./secrets/bind.ts";
import { stateBindings } from "./state/bind.ts";
import { telemetryBindings } from "./telemetry/bind.ts";
import { toolsBindings } from "./tools/bind.ts";

const all: Bindings = {
  ...httpBindings,
  ...secretsBindings,
  ...stateBindings,
  ...telemetryBindings,
  ...toolsBindings,
  ...assetsBindings,
  ...controlBindings,
};
const noted = new Map(Object.entries(all).map(([name, binding]) => [name, noting(name, binding)]));

/** Finds the host function of an import; every call of it is noted. */
export function bindImport(ref: ImportRef): HostFunction | undefined {
  return ref.instance === null ? undefined : noted.get(`${ref.instance}#${ref.name}`);
}

function noting(name: string, binding: HostFunction): HostFunction {
  return {
    isAsync: binding.isAsync,
    call: (state, args) => {
      (state as GuestCall).note(name);
      return binding.call(state, args);
    },
  };
}
