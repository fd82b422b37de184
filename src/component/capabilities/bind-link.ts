import type { HostFunction, ImportRef } from "../linker/index.ts";
import { isHostInterface } from "./declarations.ts";
import type { GuestCall } from "./guest-call.ts";

/** Makes the function of an interface that the host doesn't have: it is called in the component that the call links to it. */
export function bindLink({ instance, name }: ImportRef): HostFunction | undefined {
  if (instance === null || isHostInterface(instance)) return undefined;
  return { isAsync: true, call: (state, args) => (state as GuestCall).link(instance, name, args) };
}
