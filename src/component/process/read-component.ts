import { createHash } from "node:crypto";
import { bindImport } from "../capabilities/bindings.ts";
import { bindLink } from "../capabilities/bind-link.ts";
import { abiOf } from "../families/families.ts";
import type { ComponentInfo } from "../host.ts";
import type { ComponentPlan, LinkedComponent, LinkerLimits } from "../linker/index.ts";
import { linkComponent, parseComponent, resolveWasi } from "../linker/index.ts";

/** A component taken apart, checked and compiled. */
export interface ReadComponent {
  readonly info: ComponentInfo;
  readonly plan: ComponentPlan;
  readonly linked: LinkedComponent;
}

/**
 * Parses, instruments and links a component; nothing of it runs. Imports are bound whatever the grants: those are the parent's to
 * judge, before and at every host call. An interface that the host doesn't have is left to be linked.
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_LIMIT_EXCEEDED, COMPONENT_OPCODE_REFUSED, COMPONENT_ASYNC_UNSUPPORTED,
 * COMPONENT_IMPORT_UNGRANTED where the host's interface has no such function
 */
export function readComponent(bytes: Uint8Array, limits: LinkerLimits): ReadComponent {
  const plan = parseComponent(bytes, limits);
  const linked = linkPlan(plan);
  const info: ComponentInfo = {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.byteLength,
    abi: abiOf(linked.exports),
    imports: [...new Set(plan.imports.map(({ instance, name }) => instance ?? name))],
    exports: [...new Set(linked.exports.map((item) => item.interface ?? item.name))],
  };
  return { info, plan, linked };
}

/** Binds what the host has to a plan and compiles its modules. @throws COMPONENT_BINARY_INVALID, COMPONENT_IMPORT_UNGRANTED */
export function linkPlan(plan: ComponentPlan): LinkedComponent {
  return linkComponent(plan, (ref) => bindImport(ref) ?? resolveWasi(ref) ?? bindLink(ref));
}
