import { join } from "node:path";

/** Holds the WIT packages of every interface between host and components, one file a package. */
export const WIT_DIRECTORY: string = join(import.meta.dirname, "wit");

/** Holds the libraries `greentic/component-sdk` and `@greentic/guest` of components in TypeScript, and `host.d.ts` with the host's modules. */
export const GUEST_LIBRARY: string = join(import.meta.dirname, "guest");

/** The interfaces that components made with `defineComponent` export. */
export const NODE_EXPORTS = [
  "greentic:component/node@0.6.0",
  "greentic:component/component-qa@0.6.0",
  "greentic:component/component-i18n@0.6.0",
] as const;

/** The interface that MCP components export. */
export const MCP_ROUTER = "wasix:mcp/router@25.6.18";

/** The interfaces that a component built here imports for each thing that it may be granted. */
export const HOST_INTERFACES = {
  http: "greentic:http/http-client@1.1.0",
  secrets: "greentic:secrets-store/secrets-store@1.0.0",
  secretsWrite: "greentic:secrets-store/secrets-store@1.1.0",
  oauth: "greentic:oauth-broker/broker-v1@1.0.0",
  state: "greentic:state/state-store@1.0.0",
  telemetry: "greentic:telemetry/logger-api@1.0.0",
  tools: "greentic:host/tools@1.0.0",
  assets: "greentic:host/assets@1.0.0",
} as const;
