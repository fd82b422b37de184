import { isGreenticError } from "../../types/index.ts";
import type { ComponentAbi, ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import { command } from "./command.ts";
import { component060 } from "./component060.ts";
import { exec } from "./exec.ts";
import { ExportTable } from "./export-table.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall, GuestWorld } from "./family.ts";
import { functions } from "./functions.ts";
import { identity010 } from "./identity010.ts";
import { ingress002 } from "./ingress002.ts";
import { mcp241105 } from "./mcp241105.ts";
import { mcp250326 } from "./mcp250326.ts";
import { mcp250618 } from "./mcp250618.ts";
import { node04 } from "./node04.ts";
import { node05 } from "./node05.ts";
import { node06 } from "./node06.ts";
import { operationUnknown } from "./operation-unknown.ts";
import { runtime061 } from "./runtime061.ts";
import { toolInvoke } from "./tool-invoke.ts";
import { validate010 } from "./validate010.ts";

/** The families in the order in which they are probed: the first that a component shows gives it its name. */
const FAMILIES: readonly Family[] = [
  mcp250618,
  mcp250326,
  mcp241105,
  exec,
  node06,
  node05,
  node04,
  component060,
  runtime061,
  ingress002,
  validate010,
  identity010,
  toolInvoke,
  command,
  functions,
];

/** Finds everything by which a component can be called; undefined where there is nothing. */
export function familyOf(exports: readonly ExportRef[]): ComponentFamilies | undefined {
  const table = new ExportTable(exports);
  const [first, ...others] = FAMILIES.map((family) => family.bind(table)).filter((bound) => bound !== undefined);
  return first === undefined ? undefined : new ComponentFamilies(first, others);
}

/** Names the calling convention that a component's exports show first. */
export function abiOf(exports: readonly ExportRef[]): ComponentAbi {
  return familyOf(exports)?.abi ?? "none";
}

/** The families that one component shows: an operation decides which of them serves it. */
export class ComponentFamilies {
  readonly abi: ComponentAbi;
  readonly #all: readonly [BoundFamily, ...BoundFamily[]];

  constructor(first: BoundFamily, others: readonly BoundFamily[]) {
    this.abi = first.abi;
    this.#all = [first, ...others];
  }

  /** @throws COMPONENT_OPERATION_UNKNOWN, COMPONENT_INPUT_INVALID, COMPONENT_OUTPUT_INVALID; Trap where the guest was stopped */
  async call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer> {
    const [first, ...others] = this.#serving(call.operation);
    let last = first;
    for (const next of others) {
      try {
        return await last.call(instance, call);
      } catch (error) {
        if (!isGreenticError(error, "COMPONENT_OPERATION_UNKNOWN")) throw error;
        last = next;
      }
    }
    return await last.call(instance, call);
  }

  /** What the call's guest finds in its world. @throws COMPONENT_OPERATION_UNKNOWN, COMPONENT_INPUT_INVALID */
  world(call: FamilyCall): GuestWorld | undefined {
    return this.#serving(call.operation)[0].world?.(call);
  }

  /** Joins what the families say: facts from the first that has them, operations from all. */
  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    let joined: ComponentDescription = { operations: [], i18nKeys: [] };
    for (const family of this.#all) {
      const own = await family.describe(instance);
      const names = new Set(joined.operations.map(({ name }) => name));
      joined = {
        ...own,
        ...joined,
        operations: [...joined.operations, ...own.operations.filter(({ name }) => !names.has(name))],
        i18nKeys: [...new Set([...joined.i18nKeys, ...own.i18nKeys])],
      };
    }
    return joined;
  }

  /** The family that has a function of that name, else those that take any. No name is the first family's affair. */
  #serving(operation: string): readonly [BoundFamily, ...BoundFamily[]] {
    const [first] = this.#all;
    if (operation === "") return [first];
    const named = this.#all.find(({ operations }) => operations.includes(operation));
    if (named !== undefined) return [named];
    const [open, ...others] = this.#all.filter(({ isOpen }) => isOpen);
    if (open !== undefined) return [open, ...others];
    throw operationUnknown(
      operation,
      this.#all.flatMap(({ operations }) => operations),
    );
  }
}
