import { parseJson } from "../../../types/index.ts";
import type { CallScope } from "../call-scope.ts";
import { fault } from "../host-fault.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

/** Invokes a tool that the guest was granted by name; JSON in, JSON out. */
export async function answerTool(
  { name, inputJson }: Extract<HostRequest, { kind: "tool" }>,
  { ctx, grants, services }: CallScope,
): Promise<HostAnswer> {
  if (!grants.tools.includes(name)) return fault("denied", "the tool isn't granted");
  const output = await services.tool(ctx, name, parseJson(inputJson));
  return { kind: "ok", value: JSON.stringify(output) };
}
