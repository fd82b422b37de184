import type { CapabilityDeclaration } from "../declaration.ts";

/** Reading the assets of the component's own pack. */
export const assets: CapabilityDeclaration = {
  name: "assets",
  interfaces: ["greentic:host/assets@1.0.0"],
  isGranted: ({ assets }) => assets,
};
