import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { tenantId } from "../types/index.ts";
import { Admission } from "./admission.ts";
import type { GatewayRequest } from "./exchange.ts";
import { DEFAULT_LIMITS } from "./options.ts";

const clock = { ms: 0 };
const requestOf = (address: string, path = "/v1/webhook/acme/f"): GatewayRequest => ({
  method: "POST",
  path,
  query: "",
  address,
  header: () => undefined,
  headers: () => ({}),
  stream: async function* () {},
  body: () => Promise.reject(new TypeError("nothing is read before admission")),
});
const admissionOf = (limits: Partial<typeof DEFAULT_LIMITS>): Admission =>
  new Admission({
    limits: { ...DEFAULT_LIMITS, ...limits },
    world: { monotonicMs: () => clock.ms },
    defaultTenant: tenantId("demo"),
    isKnown: (tenant) => tenant === "acme" || tenant === "demo",
  });
const letsIn = (admission: Admission, request: GatewayRequest, times: number): number => {
  let count = 0;
  for (let i = 0; i < times; i++) {
    try {
      admission.admit(request);
      count++;
    } catch (error) {
      expect(error).toMatchObject({ code: "GATEWAY_RATE_LIMITED" });
      expect((error as { readonly retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    }
  }
  return count;
};

test("Admission lets an address send its rate, twice that at once, and others theirs", () => {
  verifies("gateway.rates");
  const admission = admissionOf({ requestsPerSecond: 10 });
  expect(letsIn(admission, requestOf("203.0.113.9"), 50)).toBe(20);
  expect(letsIn(admission, requestOf("203.0.113.10"), 50)).toBe(20);
  clock.ms += 1_000;
  expect(letsIn(admission, requestOf("203.0.113.9"), 50)).toBe(10);
});

test("Admission counts a customer's whole IPv6 network as one, and this machine not at all", () => {
  const admission = admissionOf({ requestsPerSecond: 10 });
  expect(letsIn(admission, requestOf("2001:db9:1:2::5"), 20)).toBe(20);
  expect(letsIn(admission, requestOf("2001:db9:1:2::6"), 20)).toBe(0);
  expect(letsIn(admission, requestOf("2001:db9:1:3::6"), 20)).toBe(20);
  for (const own of ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""])
    expect(letsIn(admission, requestOf(own), 100)).toBe(100);
});

test("Admission bounds a tenant by each of its routes together, and nobody by names that don't exist", () => {
  const admission = admissionOf({ tenantRequestsPerSecond: 5 });
  expect(letsIn(admission, requestOf("127.0.0.1", "/v1/webhook/acme/f"), 4)).toBe(4);
  expect(letsIn(admission, requestOf("127.0.0.1", "/v1/messaging/ingress/slack/acme"), 4)).toBe(4);
  expect(letsIn(admission, requestOf("127.0.0.1", "/v1/messaging/webchat/acme/token"), 4)).toBe(2);
  expect(letsIn(admission, requestOf("127.0.0.1", "/webhook/f"), 20)).toBe(10);
  expect(letsIn(admission, requestOf("127.0.0.1", "/v1/webhook/made-up/f"), 100)).toBe(100);
});
