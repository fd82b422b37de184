import type { CapabilityDeclaration } from "../declaration.ts";

/** Invoking other tools. */
export const tools: CapabilityDeclaration = {
  name: "tools",
  interfaces: ["greentic:host/tools@1.0.0"],
  isGranted: ({ tools }) => tools.length > 0,
};
