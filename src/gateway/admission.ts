import { TokenBuckets } from "../messaging/index.ts";
import type { TenantId, World } from "../types/index.ts";
import { GreenticError, tenantId } from "../types/index.ts";
import type { GatewayRequest } from "./exchange.ts";
import type { GatewayLimits } from "./options.ts";

export interface AdmissionOptions {
  readonly limits: GatewayLimits;
  readonly world: Pick<World, "monotonicMs">;
  readonly defaultTenant: TenantId;
  /** Whether a tenant exists: names that somebody made up must not cost memory. */
  readonly isKnown: (tenant: TenantId) => boolean;
}

/** A second's worth may come at once, twice. */
const BURST_SECONDS = 2;

/**
 * Bounds how many intake requests one address and one tenant may send, before anything of them is read. Each gateway counts for itself.
 * Addresses of this machine aren't counted: they are its own programs, or a proxy that `trusted_proxies` should name.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #byAddress: TokenBuckets | undefined;
  readonly #byTenant: TokenBuckets | undefined;

  constructor(options: AdmissionOptions) {
    const { requestsPerSecond, tenantRequestsPerSecond } = options.limits;
    this.#options = options;
    this.#byAddress = bucketsOf(requestsPerSecond);
    this.#byTenant = bucketsOf(tenantRequestsPerSecond);
  }

  /** Lets a request in. @throws GATEWAY_RATE_LIMITED with the time after which another would be let in */
  admit(request: GatewayRequest): void {
    const nowMs = this.#options.world.monotonicMs();
    if (this.#byAddress !== undefined && !isOwnMachine(request.address))
      take(this.#byAddress, networkOf(request.address), { nowMs, whose: "this address" });
    if (this.#byTenant === undefined) return;
    const tenant = this.#tenantOf(request.path);
    if (tenant !== undefined) take(this.#byTenant, tenant, { nowMs, whose: "this tenant" });
  }

  /** The tenant that a route names; undefined where none of that name exists. */
  #tenantOf(path: string): TenantId | undefined {
    const [, first = "", second = "", third = "", fourth = "", fifth = ""] = path.split("/");
    const { defaultTenant, isKnown } = this.#options;
    if (first !== "v1") return defaultTenant;
    const name = third === "ingress" ? fifth : third === "webchat" ? fourth : second === "webhook" ? third : fourth;
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) return undefined;
    const tenant = tenantId(name);
    return isKnown(tenant) ? tenant : undefined;
  }
}

function bucketsOf(perSecond: number): TokenBuckets | undefined {
  if (perSecond === 0) return undefined;
  return new TokenBuckets({ capacity: perSecond * BURST_SECONDS, perMs: perSecond / 1_000 });
}

function take(
  buckets: TokenBuckets,
  name: string,
  { nowMs, whose }: { readonly nowMs: number; readonly whose: string },
): void {
  const bucket = buckets.of(name, nowMs);
  if (bucket.take(nowMs)) return;
  const retryAfterMs = bucket.readyAtMs(nowMs) - nowMs;
  throw new GreenticError("GATEWAY_RATE_LIMITED", `Handle request: too many of ${whose} of late`, { retryAfterMs });
}

/** Tells whether an address is this machine's own; so is one that isn't known. */
export function isOwnMachine(address: string): boolean {
  return address === "" || address === "::1" || /^(?:::ffff:)?127\./.test(address);
}

/** What counts as one sender: an address, or a /64 of IPv6, of which one customer has all. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = ""] = address.split("::");
  return `${head.split(":").slice(0, 4).join(":")}/64`;
}
