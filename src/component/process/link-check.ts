import { GreenticError, quote } from "../../types/index.ts";
import type { ExportRef, FunctionType, ImportedFunction, ValueType } from "../linker/index.ts";

/** Both ends of a link. */
interface LinkEnds {
  readonly interface: string;
  readonly imports: readonly ImportedFunction[];
  readonly exports: readonly ExportRef[];
}

/**
 * Checks that the one component exports every function that the other imports of an interface, with the same type. Handles don't
 * cross: each component's resources are its own.
 * @throws COMPONENT_LINK_INVALID naming the function
 */
export function checkLink({ interface: name, imports, exports }: LinkEnds): void {
  const refuse = (state: string): never => {
    throw new GreenticError("COMPONENT_LINK_INVALID", `Link ${quote(name)}: ${state}`, {
      details: { interface: name },
    });
  };
  for (const { instance, name: func, type } of imports) {
    if (instance !== name) continue;
    const served = exports.find((item) => item.interface === name && item.name === func);
    if (served === undefined) refuse(`the component that serves it has no ${quote(func)}`);
    else if (!isSameFunction(type, served.type)) refuse(`${quote(func)} has another type, or passes a resource`);
  }
}

function isSameFunction(one: FunctionType, other: FunctionType): boolean {
  const same = new Comparison();
  return (
    one.params.length === other.params.length &&
    one.params.every(({ type }, index) => same.types(type, other.params[index]?.type ?? null)) &&
    same.types(one.result, other.result)
  );
}

/** Compares types by their structure; pairs found equal are not compared again, since types share parts. */
class Comparison {
  readonly #equal = new Map<ValueType, Set<ValueType>>();

  types(one: ValueType | null, other: ValueType | null): boolean {
    if (one === null || other === null) return one === other;
    const known = this.#equal.get(one);
    if (known?.has(other) === true) return true;
    if (!this.#compare(one, other)) return false;
    if (known === undefined) this.#equal.set(one, new Set([other]));
    else known.add(other);
    return true;
  }

  #compare(one: ValueType, other: ValueType): boolean {
    switch (one.kind) {
      case "record":
        return other.kind === "record" && this.#named(one.fields, other.fields);
      case "variant":
        return other.kind === "variant" && this.#named(one.cases, other.cases);
      case "tuple":
        return other.kind === "tuple" && this.#lists(one.items, other.items);
      case "list":
        return other.kind === "list" && this.types(one.element, other.element);
      case "option":
        return other.kind === "option" && this.types(one.some, other.some);
      case "result":
        return other.kind === "result" && this.#lists([one.ok, one.err], [other.ok, other.err]);
      case "flags":
      case "enum":
        return other.kind === one.kind && one.names.join() === other.names.join();
      case "own":
      case "borrow":
        return false;
      default:
        return one.kind === other.kind;
    }
  }

  #named(one: readonly NamedPart[], other: readonly NamedPart[]): boolean {
    const parts = (items: readonly NamedPart[]): readonly (ValueType | null)[] => items.map(({ type }) => type);
    return one.every(({ name }, index) => name === other[index]?.name) && this.#lists(parts(one), parts(other));
  }

  #lists(one: readonly (ValueType | null)[], other: readonly (ValueType | null)[]): boolean {
    return one.length === other.length && one.every((type, index) => this.types(type, other[index] ?? null));
  }
}

interface NamedPart {
  readonly name: string;
  readonly type: ValueType | null;
}
