import { GreenticError } from "../../types/index.ts";
import type { ResourceType } from "./component-types.ts";
import type { CoreRef } from "./component-types.ts";
import { instrumentModule } from "./fuel-meter.ts";
import type { LinkerLimits } from "./limits.ts";
import type { CoreInstancePlan, CoreModuleInfo, ExportPlan, ImportPlan, LiftPlan, LowerPlan } from "./plan.ts";
import type { FuncItem } from "./scope.ts";

/** Collects the plan while the component is parsed, and counts what it costs. */
export class PlanBuilder {
  readonly limits: LinkerLimits;
  readonly coreModules: Uint8Array[] = [];
  readonly coreModuleInfos: CoreModuleInfo[] = [];
  readonly coreInstances: CoreInstancePlan[] = [];
  readonly lifts: LiftPlan[] = [];
  readonly lowers: LowerPlan[] = [];
  readonly imports: ImportPlan[] = [];
  readonly exports: ExportPlan[] = [];
  instanceCount = 0;
  /** A module that is instantiated from several places is instrumented once. */
  readonly #moduleAt = new Map<number, number>();
  readonly #importOf = new Map<string, number>();
  #resources = 0;
  #definitions = 0;
  #memories = 0;

  constructor(limits: LinkerLimits) {
    this.limits = limits;
  }

  /** Counts one definition. @throws COMPONENT_LIMIT_EXCEEDED */
  countDefinition(): void {
    if (++this.#definitions > this.limits.maxDefinitions) this.#exceeded("maxDefinitions", this.limits.maxDefinitions);
  }

  checkNesting(depth: number): void {
    if (depth > this.limits.maxNesting) this.#exceeded("maxNesting", this.limits.maxNesting);
  }

  addModule(bytes: Uint8Array, offset: number): number {
    const known = this.#moduleAt.get(offset);
    if (known !== undefined) return known;
    const { bytes: instrumented, info } = instrumentModule(bytes, this.limits, offset);
    this.coreModuleInfos.push(info);
    const index = this.coreModules.push(instrumented) - 1;
    this.#moduleAt.set(offset, index);
    return index;
  }

  addCoreInstance(plan: CoreInstancePlan): number {
    if (this.coreInstances.length >= this.limits.maxCoreInstances) {
      this.#exceeded("maxCoreInstances", this.limits.maxCoreInstances);
    }
    if (this.coreModuleInfos[plan.module]?.definesMemory && ++this.#memories > this.limits.maxMemories) {
      this.#exceeded("maxMemories", this.limits.maxMemories);
    }
    return this.coreInstances.push(plan) - 1;
  }

  addResource(definedBy: number | null, destructor: CoreRef | null): ResourceType {
    return { kind: "resource", id: ++this.#resources, definedBy, destructor };
  }

  /** Makes a component function callable from core code; only now is an import one that the component can reach. */
  addLower(func: FuncItem, rest: Pick<LowerPlan, "options" | "instance">): number {
    if (func.kind === "lift") {
      const { type } = this.lifts[func.lift] as LiftPlan;
      return this.lowers.push({ target: { kind: "lift", index: func.lift }, type, ...rest }) - 1;
    }
    const key = JSON.stringify([func.ref.instance, func.ref.name]);
    let index = this.#importOf.get(key);
    // Two imports under one name can differ in the identity of their resources; then each is its own.
    if (index === undefined || this.imports[index]?.type !== func.type) {
      index = this.imports.push({ ...func.ref, type: func.type }) - 1;
      this.#importOf.set(key, index);
    }
    return this.lowers.push({ target: { kind: "import", index }, type: func.type, ...rest }) - 1;
  }

  #exceeded(limit: keyof LinkerLimits, value: number): never {
    throw new GreenticError("COMPONENT_LIMIT_EXCEEDED", `Parse component: more than ${value} (${limit})`, {
      details: { limit, value },
    });
  }
}
