import type { CoreRef, FunctionType, ResourceType, ValueType } from "./component-types.ts";
import type { ImportRef } from "./contract.ts";

/** What stands in the type index space. */
export type TypeItem = ValueType | FunctionType | ResourceType | InstanceType | ComponentType;

/** The type of an instance: what it exports. */
export interface InstanceType {
  readonly kind: "instance-type";
  readonly exports: ReadonlyMap<string, ExternType>;
  /** Resources that it introduces; each import of the type makes them anew. */
  readonly introduces: readonly ResourceType[];
}

/** The type of a component: a component is checked where it is instantiated, with its real arguments. */
interface ComponentType {
  readonly kind: "component-type";
}

/** What an import or an export is declared to be. */
export type ExternType =
  | { readonly kind: "func"; readonly type: FunctionType }
  /** Abstract: any resource, whatever it is; otherwise this type and no other. */
  | { readonly kind: "type"; readonly type: TypeItem; readonly isAbstract: boolean }
  | { readonly kind: "instance"; readonly type: InstanceType }
  | { readonly kind: "component" };

/** A component function: lifted from core code, or the host's. */
export type FuncItem =
  | { readonly kind: "lift"; readonly lift: number }
  | { readonly kind: "import"; readonly ref: ImportRef; readonly type: FunctionType };

/** A component instance: a map of what it exports. */
export type InstanceItem = ReadonlyMap<string, Item>;

/** A component that isn't instantiated yet: its bytes and the scopes that it sees. */
export interface ComponentItem {
  readonly start: number;
  readonly end: number;
  readonly outer: readonly Scope[];
}

/** Anything that has a name in a component. */
export type Item =
  | { readonly kind: "func"; readonly item: FuncItem }
  | { readonly kind: "type"; readonly item: TypeItem }
  | { readonly kind: "component"; readonly item: ComponentItem }
  | { readonly kind: "instance"; readonly item: InstanceItem }
  | { readonly kind: "core-module"; readonly item: number };

/** A core instance: instantiated, or a bundle of definitions under new names. */
export type CoreInstanceItem =
  | { readonly kind: "instance"; readonly coreInstance: number }
  | { readonly kind: "bundle"; readonly items: ReadonlyMap<string, CoreRef> };

/** The index spaces of a component, or of a component or instance type (which fills only `types` and `instances`). */
export class Scope {
  /** The component instance being made; that of the enclosing component in a type. */
  readonly instance: number;
  readonly types: TypeItem[] = [];
  readonly funcs: FuncItem[] = [];
  readonly instances: InstanceItem[] = [];
  readonly components: ComponentItem[] = [];
  readonly coreModules: number[] = [];
  readonly coreInstances: CoreInstanceItem[] = [];
  readonly coreFuncs: CoreRef[] = [];
  readonly coreMemories: CoreRef[] = [];
  readonly coreTables: CoreRef[] = [];
  readonly coreGlobals: CoreRef[] = [];

  constructor(instance: number) {
    this.instance = instance;
  }

  /** Appends an item to the index space of its kind. */
  define(item: Item): void {
    switch (item.kind) {
      case "func":
        this.funcs.push(item.item);
        return;
      case "type":
        this.types.push(item.item);
        return;
      case "component":
        this.components.push(item.item);
        return;
      case "instance":
        this.instances.push(item.item);
        return;
      case "core-module":
        this.coreModules.push(item.item);
        return;
    }
  }
}
