import type { CapabilityDeclaration } from "../declaration.ts";

/** Log lines; they need no grant, since they are bounded and go to the operator alone. */
export const telemetry: CapabilityDeclaration = {
  name: "telemetry",
  interfaces: ["greentic:telemetry/logger-api@1.0.0"],
  isGranted: () => true,
};
