import type { CapabilityDeclaration } from "../declaration.ts";

/** Outbound HTTP. `wasi:http` isn't here: it is admitted always, and every request without a grant is denied. */
export const http: CapabilityDeclaration = {
  name: "http",
  interfaces: ["greentic:http/http-client@1.0.0", "greentic:http/http-client@1.1.0", "greentic:host/http-v1@1.0.0"],
  isGranted: ({ http }) => http.length > 0,
};
