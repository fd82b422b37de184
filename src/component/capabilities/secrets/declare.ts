import type { CapabilityDeclaration } from "../declaration.ts";

/** Reading secrets by name. */
export const secrets: CapabilityDeclaration = {
  name: "secrets",
  interfaces: ["greentic:secrets-store/secrets-store@1.0.0"],
  isGranted: ({ secrets }) => secrets.length > 0,
};
