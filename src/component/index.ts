export type { ComponentGrants } from "./grants.ts";
export { NO_GRANTS } from "./grants.ts";
export type {
  CallStats,
  ComponentAbi,
  ComponentCall,
  ComponentHost,
  ComponentInfo,
  ComponentResult,
  HostHttpRequest,
  HostHttpResponse,
  HostServices,
} from "./host.ts";
