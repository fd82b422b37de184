import type { TenantCtx } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import type { HostServices } from "../host.ts";

/** Whose call it is and what it may reach; every answer is given within it. */
export interface CallScope {
  readonly ctx: TenantCtx;
  /** The component's name in its pack. */
  readonly component: string;
  readonly grants: ComponentGrants;
  readonly services: HostServices;
}
