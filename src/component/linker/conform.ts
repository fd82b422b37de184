// Whether what a component is given, or exports, is what it declares (design/mvp/Subtyping.md): types are compared by structure,
// resources by identity, and an instance may have more than is declared; what isn't declared isn't seen.
import { quote } from "../../types/index.ts";
import type { FunctionType, NamedType, ResourceType, ValueType } from "./component-types.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { ExternType, FuncItem, InstanceType, Item, TypeItem } from "./scope.ts";

/** Compares against one declaration; resources that the declaration introduces are whatever it is given for them. */
export class Conformance {
  readonly #builder: PlanBuilder;
  readonly #fail: (problem: string) => never;
  readonly #bindings = new Map<ResourceType, ResourceType>();
  /** Pairs of types that were found the same; types share their parts without bound. */
  readonly #same = new Map<ValueType, Set<ValueType>>();

  constructor(builder: PlanBuilder, fail: (problem: string) => never) {
    this.#builder = builder;
    this.#fail = fail;
  }

  /** Gives what is seen of an item through its declaration. Refuses one that doesn't conform. */
  item(given: Item, declared: ExternType, name: string): Item {
    this.#builder.countComparison();
    switch (declared.kind) {
      case "func":
        if (given.kind !== "func") return this.#wrongKind(given, declared, name);
        if (!this.#function(this.#typeOf(given.item), declared.type)) this.#fail(`${quote(name)} has another type`);
        return given;
      case "type":
        if (given.kind !== "type") return this.#wrongKind(given, declared, name);
        if (declared.isAbstract) this.#bind(declared.type, given.item, name);
        else if (!this.#type(given.item, declared.type)) this.#fail(`type ${quote(name)} is another`);
        return given;
      case "instance":
        if (given.kind !== "instance") return this.#wrongKind(given, declared, name);
        return { kind: "instance", item: this.#instance(given.item, declared.type) };
      default:
        // Components are checked where they are instantiated, with their real arguments.
        return given.kind === "component" ? given : this.#wrongKind(given, declared, name);
    }
  }

  #wrongKind(given: Item, declared: ExternType, name: string): never {
    return this.#fail(`${quote(name)} is a ${given.kind}, not a ${declared.kind}`);
  }

  #typeOf(func: FuncItem): FunctionType {
    if (func.kind === "import") return func.type;
    return this.#builder.lifts[func.lift]?.type ?? this.#fail("a broken function");
  }

  #bind(declared: TypeItem, given: TypeItem, name: string): void {
    if (declared.kind !== "resource" || given.kind !== "resource") this.#fail(`type ${quote(name)} is not a resource`);
    this.#bindings.set(declared, given);
  }

  #instance(given: ReadonlyMap<string, Item>, declared: InstanceType): ReadonlyMap<string, Item> {
    const seen = new Map<string, Item>();
    for (const [name, extern] of declared.exports) {
      const item = given.get(name) ?? this.#fail(`an instance has no ${extern.kind} ${quote(name)}`);
      seen.set(name, this.item(item, extern, name));
    }
    return seen;
  }

  #type(given: TypeItem, declared: TypeItem): boolean {
    switch (declared.kind) {
      case "resource":
        return given.kind === "resource" && this.#resource(given, declared);
      case "func":
        return given.kind === "func" && this.#function(given, declared);
      case "instance-type":
        return given.kind === "instance-type" && this.#instanceType(given, declared);
      case "component-type":
        return given.kind === "component-type";
      default:
        return isValueType(given) && this.#value(given, declared);
    }
  }

  #instanceType(given: InstanceType, declared: InstanceType): boolean {
    if (given.exports.size !== declared.exports.size) return false;
    for (const [name, extern] of declared.exports) {
      this.#builder.countComparison();
      const other = given.exports.get(name);
      if (other?.kind !== extern.kind) return false;
      if (extern.kind === "component") continue;
      if (extern.kind === "type" && extern.isAbstract) {
        if (other.kind !== "type" || other.type.kind !== "resource" || extern.type.kind !== "resource") return false;
        this.#bindings.set(extern.type, other.type);
      } else if (other.kind === "component" || !this.#type(other.type, extern.type)) return false;
    }
    return true;
  }

  #resource(given: ResourceType, declared: ResourceType): boolean {
    return given === (this.#bindings.get(declared) ?? declared);
  }

  #function(given: FunctionType, declared: FunctionType): boolean {
    return this.#named(given.params, declared.params) && this.#optional(given.result, declared.result);
  }

  #named(given: readonly NamedType[], declared: readonly NamedType[]): boolean {
    return (
      given.length === declared.length &&
      given.every((item, index) => {
        const other = declared[index];
        return other !== undefined && item.name === other.name && this.#value(item.type, other.type);
      })
    );
  }

  #optional(given: ValueType | null, declared: ValueType | null): boolean {
    if (given === null || declared === null) return given === declared;
    return this.#value(given, declared);
  }

  #value(given: ValueType, declared: ValueType): boolean {
    this.#builder.countComparison();
    if (this.#same.get(declared)?.has(given)) return true;
    if (!this.#compare(given, declared)) return false;
    const known = this.#same.get(declared) ?? new Set();
    this.#same.set(declared, known.add(given));
    return true;
  }

  #compare(given: ValueType, declared: ValueType): boolean {
    switch (declared.kind) {
      case "record":
        return given.kind === "record" && this.#named(given.fields, declared.fields);
      case "variant":
        return (
          given.kind === "variant" &&
          given.cases.length === declared.cases.length &&
          given.cases.every((item, index) => {
            const other = declared.cases[index];
            return other !== undefined && item.name === other.name && this.#optional(item.type, other.type);
          })
        );
      case "list":
        return given.kind === "list" && this.#value(given.element, declared.element);
      case "tuple":
        return (
          given.kind === "tuple" &&
          given.items.length === declared.items.length &&
          given.items.every((item, index) => this.#optional(item, declared.items[index] ?? null))
        );
      case "flags":
      case "enum":
        return (
          given.kind === declared.kind &&
          given.names.length === declared.names.length &&
          given.names.every((name, index) => name === declared.names[index])
        );
      case "option":
        return given.kind === "option" && this.#value(given.some, declared.some);
      case "result":
        return (
          given.kind === "result" && this.#optional(given.ok, declared.ok) && this.#optional(given.err, declared.err)
        );
      case "own":
      case "borrow":
        return given.kind === declared.kind && this.#resource(given.resource, declared.resource);
      default:
        return given.kind === declared.kind;
    }
  }
}

function isValueType(type: TypeItem): type is ValueType {
  return !["resource", "func", "instance-type", "component-type"].includes(type.kind);
}
