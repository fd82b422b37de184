import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

/** Reads a secret that the guest was granted by name; undefined where there is none. */
export async function answerSecret(
  { name }: Extract<HostRequest, { kind: "secret" }>,
  { ctx, grants, services }: CallScope,
): Promise<HostAnswer> {
  if (!grants.secrets.includes(name)) return fault("denied", "the secret isn't granted");
  return { kind: "ok", value: await services.secret(ctx, name) };
}
