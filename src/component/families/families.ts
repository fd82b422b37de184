import type { ComponentAbi } from "../host.ts";
import type { ExportRef } from "../linker/index.ts";
import { exec } from "./exec.ts";
import type { Family } from "./family.ts";
import { mcp250618 } from "./mcp250618.ts";

/** The families that are served, in the order in which they are probed. */
const FAMILIES: readonly Family[] = [mcp250618, exec];

// Families that are recognised and not served, by an export that only they have.
const RECOGNISED: readonly (readonly [prefix: string, abi: ComponentAbi])[] = [
  ["greentic:component/node@0.6.", "node06"],
  ["greentic:component/node@0.5.", "node05"],
  ["greentic:component/node@0.4.", "node04"],
  ["greentic:component/runtime@0.6.1", "runtime061"],
  ["greentic:component/component-runtime@0.6.0", "component060"],
  ["provider:common/ingress@0.0.2", "ingress002"],
  ["greentic:pack-validate/validator@0.1.0", "validate010"],
  ["wasi:cli/run@", "command"],
];

/** Finds the family that serves a component; undefined where none does. */
export function familyOf(exports: readonly ExportRef[]): Family | undefined {
  return FAMILIES.find((family) => family.probe(exports));
}

/** Names the calling convention that a component's exports show, served or not. */
export function abiOf(exports: readonly ExportRef[]): ComponentAbi {
  const family = familyOf(exports);
  if (family !== undefined) return family.abi;
  const found = RECOGNISED.find(([prefix]) => exports.some((item) => item.interface?.startsWith(prefix) === true));
  return found?.[1] ?? "none";
}
