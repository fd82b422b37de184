import type { CapabilityDeclaration } from "../declaration.ts";

/** The session's state under the component's own prefix: values by key, and the older key-value store with namespaces. */
export const state: CapabilityDeclaration = {
  name: "state",
  interfaces: ["greentic:state/state-store@1.0.0", "greentic:host/kv-v1@1.0.0"],
  isGranted: ({ state }) => state !== "none",
};
