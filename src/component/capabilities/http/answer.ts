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
  const { secretHeaders = [] } = grants;
  // What the guest says in the host's place would be taken for the host's word, or show where it stands.
  const own = secretHeaders.find(({ header }) => headers.some(([name]) => name.toLowerCase() === header));
  if (own !== undefined) return fault("denied", `the host sets ${own.header}`);
  const value = await services.http(ctx, {
    method,
    url,
    headers,
    origins: grants.http,
    followRedirects,
    ...(secretHeaders.length > 0 && { secretHeaders }),
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return { kind: "ok", value };
}
