import type { CapabilityDeclaration } from "../declaration.ts";

/** Outbound HTTP. */
export const http: CapabilityDeclaration = {
  name: "http",
  interfaces: ["greentic:http/http-client@1.0.0", "greentic:http/http-client@1.1.0"],
  isGranted: ({ http }) => http.length > 0,
};
