import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import { assets } from "./assets/declare.ts";
import { control } from "./control/declare.ts";
import type { CapabilityDeclaration } from "./declaration.ts";
import { http } from "./http/declare.ts";
import { oauth } from "./oauth/declare.ts";
import { runtimeConfig } from "./runtime-config/declare.ts";
import { secrets } from "./secrets/declare.ts";
import { state } from "./state/declare.ts";
import { telemetry } from "./telemetry/declare.ts";
import { tools } from "./tools/declare.ts";

const CAPABILITIES: readonly CapabilityDeclaration[] = [
  http,
  secrets,
  state,
  telemetry,
  tools,
  assets,
  oauth,
  runtimeConfig,
  control,
];
const byInterface = new Map(
  CAPABILITIES.flatMap((capability) => capability.interfaces.map((name) => [name, capability] as const)),
);

/** Tells whether the host itself answers an interface; what it has, no component is linked for. */
export function isHostInterface(name: string): boolean {
  return name.startsWith("wasi:") || byInterface.has(name);
}

/** Names the capability behind an import; undefined for WASI and for what the host doesn't have. */
export function capabilityOf(name: string): string | undefined {
  return byInterface.get(name)?.name;
}

/**
 * Checks that grants admit every import. WASI needs none: what it reaches by itself is nothing. Interfaces that the host doesn't
 * have must be `linked` to other components.
 * @throws COMPONENT_IMPORT_UNGRANTED with the first import that isn't admitted
 */
export function checkImports(
  imports: readonly string[],
  grants: ComponentGrants,
  linked: ReadonlySet<string> = new Set(),
): void {
  for (const name of imports) {
    if (name.startsWith("wasi:")) continue;
    const capability = byInterface.get(name);
    if (capability === undefined && linked.has(name)) continue;
    if (capability?.isGranted(grants, name) === true) continue;
    const missing = capability === undefined ? "the host has no such interface" : `grant ${capability.name} is missing`;
    throw new GreenticError("COMPONENT_IMPORT_UNGRANTED", `Admit component: import ${quote(name)}: ${missing}`, {
      details: { import: name },
    });
  }
}
