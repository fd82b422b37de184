import { checkImports, findLinks, inspectComponent } from "../component/index.ts";
import type { ComponentInfo } from "../component/index.ts";
import { openPack } from "../pack/index.ts";
import type { FullChecks, PackFinding } from "../pack/index.ts";
import { isGreenticError } from "../types/index.ts";
import { checkPackFlows } from "./check-flows.ts";
import { validatorCheck } from "./pack-validators.ts";
import type { Validator } from "./pack-validators.ts";

/** Tells a component's family and the interface that shows it, for the manifest. @throws COMPONENT_BINARY_INVALID */
export function probeComponent(bytes: Uint8Array): { readonly abi: string; readonly world: string } {
  const info = inspectComponent(bytes);
  return { abi: info.abi, world: worldOf(info) };
}

/** Names what a component offers: its first exported interface, else its first function. */
function worldOf(info: ComponentInfo): string {
  return info.exports.find((name) => name.includes("/") && !name.startsWith("wasi:")) ?? info.exports[0] ?? "none";
}

/** Makes the checks of `verify --full`: every flow by doctor, every component's imports against its grants and its neighbours. */
export async function fullChecks(
  bytes: Uint8Array,
  options: { readonly nowMs: number; readonly validators?: readonly Validator[] },
): Promise<FullChecks> {
  // Opened without trust, only to know what flows may refer to: the verdict on signatures is verify's own.
  const pack = await openPack(bytes, {
    trust: { publishers: [], revoked: new Set(), threshold: 1, rejectUnsigned: false },
    nowMs: options.nowMs,
    policy: { sbom: "warn" },
    probeComponent,
  }).catch(() => undefined);
  // Public manifests declare less than their components import; what isn't granted is denied when it is called.
  const isPublic = pack !== undefined && pack.generation !== "native";
  const flows = new Map((pack ? await checkPackFlows(pack) : []).map((check) => [check.file, check.findings]));
  const found = new Map(
    [...(pack?.components ?? [])].flatMap(([name, entry]) => {
      const info = inspected(pack?.read(entry.path));
      return info === undefined ? [] : [[name, { info, grants: entry.grants }] as const];
    }),
  );
  return {
    checkPack: validatorCheck(pack, options.validators ?? []),
    checkFlow: (flow): readonly PackFinding[] =>
      (flows.get(flow.path) ?? []).map(({ code, severity, message, at }) => ({
        code,
        severity,
        path: flow.path,
        message: `${at.line}:${at.column}: ${message}`,
      })),
    checkComponent: (component): readonly PackFinding[] => {
      try {
        const links = findLinks(component.name, found);
        const linked = new Set(links.map((link) => link.interface));
        checkImports(inspectComponent(component.bytes).imports, component.grants, linked);
        return [];
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        return [
          { code: error.code, severity: isPublic ? "warning" : "error", path: component.path, message: error.message },
        ];
      }
    },
  };
}

/** What a component is, where it is one; where it isn't, its own check says so. */
function inspected(bytes: Uint8Array | undefined): ComponentInfo | undefined {
  try {
    return bytes === undefined ? undefined : inspectComponent(bytes);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return undefined;
  }
}
