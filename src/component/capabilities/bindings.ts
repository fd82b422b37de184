import type { HostFunction, ImportRef } from "../linker/index.ts";
import { assetsBindings } from "./assets/bind.ts";
import { controlBindings } from "./control/bind.ts";
import type { Bindings, GuestCall } from "./guest-call.ts";
import { httpBindings } from "./http/bind.ts";
import { bindWasiHttp } from "./http/wasi-bind.ts";
import { oauthBindings } from "./oauth/bind.ts";
import { runtimeConfigBindings } from "./runtime-config/bind.ts";
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
  ...oauthBindings,
  ...runtimeConfigBindings,
};
const bound: ReadonlyMap<string, HostFunction> = new Map([
  ...Object.entries(all).map(([name, binding]) => [name, noting(name, binding)] as const),
  // Asking for the time is no use of the host: a guest may do it in every round of a loop.
  ...Object.entries(controlBindings),
]);

/** Finds the host function of an import; every call of it that reaches the host is noted. */
export function bindImport(ref: ImportRef): HostFunction | undefined {
  return ref.instance === null ? undefined : (bound.get(`${ref.instance}#${ref.name}`) ?? bindWasiHttp(ref));
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
