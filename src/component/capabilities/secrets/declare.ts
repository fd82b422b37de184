import type { CapabilityDeclaration } from "../declaration.ts";

const READ_ONLY = "greentic:secrets-store/secrets-store@1.0.0";

/** Reading secrets by name, and from 1.1.0 on writing them. */
export const secrets: CapabilityDeclaration = {
  name: "secrets",
  interfaces: [READ_ONLY, "greentic:secrets-store/secrets-store@1.1.0"],
  isGranted: ({ secrets, secretsWrite }, name) => secrets.length > 0 || (name !== READ_ONLY && secretsWrite.length > 0),
};
