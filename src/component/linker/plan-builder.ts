import { GreenticError } from "../../types/index.ts";
import type { CoreRef, ResourceType } from "./component-types.ts";
import type { CoreFunctionType, CoreSignature, CoreType } from "./core-types.ts";
import { instrumentModule } from "./fuel-meter.ts";
import { functionAbi } from "./function-abi.ts";
import type { LinkerLimits } from "./limits.ts";
import type { CoreInstancePlan, CoreModuleInfo, ExportPlan, ImportPlan, LiftPlan, LowerPlan } from "./plan.ts";
import type { FuncItem } from "./scope.ts";

const RESOURCE_FUNCTIONS: Readonly<Record<"resource-new" | "resource-drop" | "resource-rep", CoreFunctionType>> = {
  "resource-new": { params: "i", results: "i" },
  "resource-drop": { params: "i", results: "" },
  "resource-rep": { params: "i", results: "i" },
};

/** Core modules are most of a component and read once; the rest is read at a few bytes in a microsecond. */
const READ_SHARE = 4;
const COMPARISONS_PER_DEFINITION = 10;
const CORE_DEFINITIONS_PER_DEFINITION = 5;

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
  /** What each core module imports and exports; nothing that a plan needs. */
  readonly #signatures: CoreSignature[] = [];
  /** A module that is instantiated from several places is instrumented once. */
  readonly #moduleAt = new Map<number, number>();
  readonly #importOf = new Map<string, number>();
  #resources = 0;
  #definitions = 0;
  #comparisons = 0;
  #parsedBytes = 0;
  #memories = 0;
  #tables = 0;
  #coreDefinitions = 0;

  constructor(limits: LinkerLimits) {
    this.limits = limits;
  }

  /** Counts one definition. @throws COMPONENT_LIMIT_EXCEEDED */
  countDefinition(): void {
    if (++this.#definitions > this.limits.maxDefinitions) this.#exceeded("maxDefinitions", this.limits.maxDefinitions);
  }

  /** Counts bytes that are read, again for every instantiation of the component that they stand in. @throws COMPONENT_LIMIT_EXCEEDED */
  countBytes(count: number): void {
    this.#parsedBytes += count;
    const most = this.limits.maxComponentBytes / READ_SHARE;
    if (this.#parsedBytes > most) this.#exceeded("maxComponentBytes", most);
  }

  /** Counts a step of comparing types. @throws COMPONENT_LIMIT_EXCEEDED */
  countComparison(): void {
    const most = COMPARISONS_PER_DEFINITION * this.limits.maxDefinitions;
    if (++this.#comparisons > most) this.#exceeded("maxDefinitions", most);
  }

  checkNesting(depth: number): void {
    if (depth > this.limits.maxNesting) this.#exceeded("maxNesting", this.limits.maxNesting);
  }

  addModule(bytes: Uint8Array, offset: number): number {
    const known = this.#moduleAt.get(offset);
    if (known !== undefined) return known;
    const { bytes: instrumented, info, signature } = instrumentModule(bytes, this.limits, offset);
    this.coreModuleInfos.push(info);
    this.#signatures.push(signature);
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
    // Each has room for all of its module's definitions, however often that is instantiated.
    const { functions, tableCount, globalCount, exports } = this.signatureOf(plan.module);
    this.#tables += tableCount;
    if (this.#tables > this.limits.maxTables) this.#exceeded("maxTables", this.limits.maxTables);
    this.#coreDefinitions += functions.length + globalCount + exports.size;
    const most = CORE_DEFINITIONS_PER_DEFINITION * this.limits.maxDefinitions;
    if (this.#coreDefinitions > most) this.#exceeded("maxDefinitions", most);
    return this.coreInstances.push(plan) - 1;
  }

  /** Gives what a core module imports and exports. */
  signatureOf(module: number): CoreSignature {
    const signature = this.#signatures[module];
    if (!signature) throw new TypeError("Parse component: a core module without a signature");
    return signature;
  }

  /** Gives the type of a core definition; undefined where the instance exports nothing of its name. */
  coreTypeOf(ref: CoreRef): CoreType | undefined {
    switch (ref.kind) {
      case "export": {
        const instance = this.coreInstances[ref.coreInstance];
        return instance && this.signatureOf(instance.module).exports.get(ref.name);
      }
      case "lower": {
        const { type } = this.lowers[ref.lower] as LowerPlan;
        return { kind: "func", type: functionAbi(type).lowered };
      }
      default:
        return { kind: "func", type: RESOURCE_FUNCTIONS[ref.kind] };
    }
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
