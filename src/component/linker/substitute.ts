import type { FunctionType, NamedType, ResourceType, ValueType } from "./component-types.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { ExternType, InstanceType, TypeItem } from "./scope.ts";

/** Instance types that were imported already; their resources belong to that import. */
const imported = new WeakSet<InstanceType>();

/** Gives an instance type's exports for one import of it, with resources of its own: resource types are generative. */
export function exportsForImport(type: InstanceType, builder: PlanBuilder): ReadonlyMap<string, ExternType> {
  for (let count = type.exports.size; count > 0; count--) builder.countDefinition();
  if (!imported.has(type)) {
    imported.add(type);
    return type.exports;
  }
  if (type.introduces.length === 0) return type.exports;
  const fresh = new Map(type.introduces.map((resource) => [resource, builder.addResource(null, null)] as const));
  const substitution = new Substitution(fresh);
  return new Map([...type.exports].map(([name, extern]) => [name, substitution.extern(extern)]));
}

/** Rebuilds types with resources replaced; shared parts stay shared. */
class Substitution {
  readonly #fresh: ReadonlyMap<ResourceType, ResourceType>;
  readonly #values = new Map<ValueType, ValueType>();

  constructor(fresh: ReadonlyMap<ResourceType, ResourceType>) {
    this.#fresh = fresh;
  }

  extern(extern: ExternType): ExternType {
    switch (extern.kind) {
      case "func":
        return { kind: "func", type: this.#function(extern.type) };
      case "type":
        return { ...extern, type: this.#item(extern.type) };
      default:
        return extern;
    }
  }

  #item(type: TypeItem): TypeItem {
    switch (type.kind) {
      case "instance-type":
      case "component-type":
        return type;
      case "func":
        return this.#function(type);
      case "resource":
        return this.#resource(type);
      default:
        return this.#value(type);
    }
  }

  #resource(type: ResourceType): ResourceType {
    return this.#fresh.get(type) ?? type;
  }

  #function(type: FunctionType): FunctionType {
    const result = type.result && this.#value(type.result);
    return { kind: "func", params: this.#named(type.params), result };
  }

  #named(items: readonly NamedType[]): readonly NamedType[] {
    return items.map((item) => ({ name: item.name, type: this.#value(item.type) }));
  }

  #value(type: ValueType): ValueType {
    const known = this.#values.get(type);
    if (known) return known;
    const made = this.#rebuild(type);
    this.#values.set(type, made);
    return made;
  }

  #rebuild(type: ValueType): ValueType {
    switch (type.kind) {
      case "record":
        return { kind: "record", fields: this.#named(type.fields) };
      case "variant":
        return {
          kind: "variant",
          cases: type.cases.map((item) => ({ name: item.name, type: item.type && this.#value(item.type) })),
        };
      case "list":
        return { kind: "list", element: this.#value(type.element) };
      case "tuple":
        return { kind: "tuple", items: type.items.map((item) => this.#value(item)) };
      case "option":
        return { kind: "option", some: this.#value(type.some) };
      case "result":
        return { kind: "result", ok: type.ok && this.#value(type.ok), err: type.err && this.#value(type.err) };
      case "own":
      case "borrow":
        return { kind: type.kind, resource: this.#resource(type.resource) };
      default:
        return type;
    }
  }
}
