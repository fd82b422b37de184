import { isJsonObject } from "../../types/index.ts";
import type { ComponentInfo } from "../host.ts";

const isText = (value: unknown): value is string => typeof value === "string";

/**
 * Reads what another process or a file says that a component is. Which component it is, is never theirs to say.
 * Undefined where it is anything else.
 */
export function checkInfo(
  value: unknown,
  known: { readonly sha256: string; readonly sizeBytes: number },
): ComponentInfo | undefined {
  if (!isJsonObject(value)) return undefined;
  const { abi, imports, exports } = value;
  if (!isText(abi) || !Array.isArray(imports) || !Array.isArray(exports)) return undefined;
  if (!imports.every(isText) || !exports.every(isText)) return undefined;
  return { sha256: known.sha256, sizeBytes: known.sizeBytes, abi: abi as ComponentInfo["abi"], imports, exports };
}
