import type { CapabilityDeclaration } from "../declaration.ts";

/** Tokens of OAuth providers, by the providers' ids. */
export const oauth: CapabilityDeclaration = {
  name: "oauth",
  interfaces: ["greentic:oauth-broker/broker-v1@1.0.0"],
  isGranted: ({ oauth }) => oauth.length > 0,
};
