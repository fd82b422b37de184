import { GreenticError } from "../../types/index.ts";
import { Trap } from "../linker/index.ts";
import type { HostAnswer } from "./host-request.ts";

/** Stops a guest whose request was refused where its interface has no place to say so. */
export function refuse(what: string, { code, message }: Extract<HostAnswer, { kind: "fault" }>): never {
  const cause =
    code === "denied" || code === "invalid"
      ? new GreenticError("COMPONENT_REQUEST_DENIED", `${what}: ${message}`)
      : new GreenticError("COMPONENT_REQUEST_FAILED", `${what}: ${message}`);
  throw new Trap("host", `Run guest: ${what} was refused`, { cause });
}
