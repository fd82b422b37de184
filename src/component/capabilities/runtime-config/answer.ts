import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

const MAX_KEY = 256;

/** Gives a value of the pack's configuration as JSON; undefined where there is none. */
export async function answerConfig(
  { key }: Extract<HostRequest, { kind: "config" }>,
  { ctx, services }: CallScope,
): Promise<HostAnswer> {
  if (typeof key !== "string" || key.trim() === "" || key.length > MAX_KEY) return fault("invalid", "the key is none");
  const value = await services.config?.(ctx, key);
  return { kind: "ok", value: value === undefined ? undefined : JSON.stringify(value) };
}
