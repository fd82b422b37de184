import type { SchemaObject } from "ajv";
import type { JsonObject, TenantId } from "../types/index.ts";
import type { AdminHost } from "./admin-host.ts";
import type { Principal, Role } from "./roles.ts";

/** Who a route is for: anybody with a credential, who has a role over the tenant in its path, or over the host. */
type RouteScope = "anyone" | "tenant" | "host";

/**
 * What a request does: `read` shows, `sensitive` shows what people wrote or how the host is guarded, `change` changes. The last two are on
 * the audit log before anything else happens.
 */
type RouteEffect = "read" | "sensitive" | "change";

/** One operation: the router, the OpenAPI document, the authorisation and the tests are made of these and of nothing else. */
export interface Route {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `/admin/v1/tenants/{tenant}/packs`; `{tenant}` is in exactly those of scope `tenant`. */
  readonly path: string;
  readonly summary: string;
  readonly scope: RouteScope;
  readonly role: Role;
  readonly effect: RouteEffect;
  /** As the audit log names it: `pack.load`. */
  readonly action: string;
  /** Schemas of what the path names beside the tenant. */
  readonly params?: Readonly<Record<string, SchemaObject>>;
  readonly query?: Readonly<Record<string, SchemaObject>>;
  readonly body?: RouteBody;
  /** Whether If-Match is heeded, and answers carry an ETag. */
  readonly hasTag?: boolean;
  readonly answer: {
    readonly status: 200 | 201 | 204;
    readonly description: string;
    readonly schema?: SchemaObject;
  };
  readonly handle: (request: AdminRequest) => Promise<AdminAnswer>;
}

/** What a route takes. */
export type RouteBody =
  | { readonly kind: "json"; readonly schema: SchemaObject }
  | { readonly kind: "bytes"; readonly mediaType: string; readonly maxBytes: number };

/** A request that was authenticated, authorised, bounded and checked against its route. */
export interface AdminRequest {
  readonly host: AdminHost;
  readonly principal: Principal;
  /** The tenant of the path. @throws TypeError where the route has none */
  readonly tenant: TenantId;
  readonly param: (name: string) => string;
  readonly query: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json: JsonObject;
  readonly bytes: Uint8Array;
  /** Compares If-Match with the tag of now. @throws ADMIN_PRECONDITION_FAILED */
  readonly expectTag: (current: string) => void;
}

export interface AdminAnswer {
  readonly body?: object;
  readonly tag?: string;
}

/** Checks a route's shape at compile time and returns it. */
export function defineRoute(route: Route): Route {
  return route;
}
