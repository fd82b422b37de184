import type { CapabilityDeclaration } from "../declaration.ts";

/** The pack's own configuration values; they need no grant, since they hold no secrets and are the pack's anyway. */
export const runtimeConfig: CapabilityDeclaration = {
  name: "runtime-config",
  interfaces: ["greentic:runtime-config/runtime-config@1.0.0"],
  isGranted: () => true,
};
