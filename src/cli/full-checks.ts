import { inspectComponent, unmetImports } from "../component/index.ts";
import { openPack } from "../pack/index.ts";
import type { FullChecks, PackFinding } from "../pack/index.ts";
import { isGreenticError } from "../types/index.ts";
import { checkPackFlows } from "./check-flows.ts";

/** Tells a component's family and world for the manifest. @throws COMPONENT_BINARY_INVALID */
export function probeComponent(bytes: Uint8Array): { readonly abi: string; readonly world: string } {
  const { abi, world } = inspectComponent(bytes);
  return { abi, world };
}

/** Makes the checks of `verify --full`: every flow by doctor, every component's imports against its grants. */
export async function fullChecks(bytes: Uint8Array, options: { readonly nowMs: number }): Promise<FullChecks> {
  // Opened without trust, only to know what flows may refer to: the verdict on signatures is verify's own.
  const pack = await openPack(bytes, {
    trust: { publishers: [], revoked: new Set(), threshold: 1, rejectUnsigned: false },
    nowMs: options.nowMs,
    policy: { sbom: "warn" },
  }).catch(() => undefined);
  const flows = new Map((pack ? checkPackFlows(pack) : []).map((check) => [check.file, check.findings]));
  return {
    checkFlow: (flow): readonly PackFinding[] =>
      (flows.get(flow.path) ?? []).map(({ code, severity, message, at }) => ({
        code,
        severity,
        path: flow.path,
        message: `${at.line}:${at.column}: ${message}`,
      })),
    checkComponent: (component): readonly PackFinding[] => {
      try {
        return unmetImports(component.bytes, component.grants).map((name) => ({
          code: "COMPONENT_IMPORT_UNGRANTED",
          severity: "error",
          path: component.path,
          message: `Check component: import ${name} is not granted`,
        }));
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        return [{ code: error.code, severity: "error", path: component.path, message: error.message }];
      }
    },
  };
}
