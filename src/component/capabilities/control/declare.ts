import type { CapabilityDeclaration } from "../declaration.ts";

/** Cooperation with the host: a guest can leave in order shortly before it would be stopped. */
export const control: CapabilityDeclaration = {
  name: "control",
  interfaces: [
    "greentic:component/control@0.4.0",
    "greentic:component/control@0.5.0",
    "greentic:component/control@0.6.0",
  ],
  isGranted: () => true,
};
