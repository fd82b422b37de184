import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

/** Sends a guest's request to the origins that it was granted. */
export async function answerHttp(
  request: Extract<HostRequest, { kind: "http" }>,
  { ctx, grants, services }: CallScope,
): Promise<HostAnswer> {
  if (grants.http.length === 0) return fault("denied", "no origin is granted");
  const { method, url, headers, body, timeoutMs, followRedirects } = request;
  const value = await services.http(ctx, {
    method,
    url,
    headers,
    origins: grants.http,
    followRedirects,
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return { kind: "ok", value };
}
