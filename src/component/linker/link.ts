import { GreenticError, quote } from "../../types/index.ts";
import type { ImportRef, LinkedComponent, ResolveImport } from "./contract.ts";
import { functionAbi } from "./function-abi.ts";
import { LinkedInstance } from "./instance.ts";
import type { Linked, LinkedLift, LinkedLower } from "./linked.ts";
import type { ComponentPlan } from "./plan.ts";
import { findSwitches } from "./switching.ts";
import type { WasmModule } from "./wasm.ts";
import { wasm } from "./wasm.ts";

/**
 * Binds a component's imports to the host's functions and compiles its modules.
 * @throws COMPONENT_IMPORT_UNGRANTED with every import that `resolve` has nothing for, COMPONENT_BINARY_INVALID
 */
export function linkComponent(plan: ComponentPlan, resolve: ResolveImport): LinkedComponent {
  const hosts = plan.imports.map((ref) => resolve(ref));
  const missing = plan.imports.filter((_ref, index) => hosts[index] === undefined);
  if (missing.length > 0) refuseImports(missing);
  const lifts = plan.lifts.map((lift, index): LinkedLift => ({
    index,
    instance: lift.instance,
    core: lift.core,
    options: lift.options,
    abi: functionAbi(lift.type),
  }));
  const lowers = plan.lowers.map((lower, index): LinkedLower => {
    const host = lower.target.kind === "import" ? hosts[lower.target.index] : undefined;
    const lift = lower.target.kind === "lift" ? lifts[lower.target.index] : undefined;
    const target = host ? ({ kind: "host", host } as const) : lift && ({ kind: "lift", lift } as const);
    if (!target) throw new TypeError("Link component: its plan is broken");
    return { index, instance: lower.instance, options: lower.options, abi: functionAbi(lower.type), target };
  });
  const linked: Linked = {
    plan,
    modules: plan.coreModules.map(compile),
    lifts,
    lowers,
    switches: findSwitches(
      plan,
      lowers.flatMap(({ index, abi, target }) => (target.kind === "lift" ? [{ index, type: abi.lowered }] : [])),
    ),
    findExport: exportFinder(plan, lifts),
  };
  return {
    imports: plan.imports.map(({ instance, name, type }) => ({ instance, name, type })),
    exports: plan.exports.map((item) => ({ interface: item.interface, name: item.name, type: item.type })),
    instantiate: (state, options = {}) => new LinkedInstance(linked, state, options),
  };
}

function compile(bytes: Uint8Array): WasmModule {
  try {
    return new wasm.Module(bytes);
  } catch (error) {
    throw new GreenticError("COMPONENT_BINARY_INVALID", "Link component: a core module does not compile", {
      cause: error,
    });
  }
}

function exportFinder(plan: ComponentPlan, lifts: readonly LinkedLift[]): Linked["findExport"] {
  const byInterface = new Map<string | null, Map<string, LinkedLift>>();
  for (const item of plan.exports) {
    const functions = byInterface.get(item.interface) ?? new Map<string, LinkedLift>();
    byInterface.set(item.interface, functions);
    const lift = lifts[item.lift];
    if (lift) functions.set(item.name, lift);
  }
  return (ref) => byInterface.get(ref.interface)?.get(ref.name);
}

/** More names than this stand only in the details: a component can import very many. */
const MAX_NAMES_IN_MESSAGE = 100;

function refuseImports(missing: readonly ImportRef[]): never {
  const names = [...new Set(missing.map(({ instance, name }) => (instance === null ? name : `${instance}#${name}`)))];
  const shown = names.slice(0, MAX_NAMES_IN_MESSAGE).map(quote).join(", ");
  const more = names.length > MAX_NAMES_IN_MESSAGE ? ", …" : "";
  throw new GreenticError(
    "COMPONENT_IMPORT_UNGRANTED",
    `Link component: ${names.length} imports are not granted: ${shown}${more}`,
    { details: { imports: names } },
  );
}
