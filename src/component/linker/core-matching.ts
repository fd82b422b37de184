import { quote } from "../../types/index.ts";
import type { BinaryReader } from "./binary-reader.ts";
import type { CoreRef } from "./component-types.ts";
import type { CoreFunctionType, CoreType } from "./core-types.ts";
import { matches, spellCore } from "./core-types.ts";
import type { FunctionAbi } from "./function-abi.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { CanonOptions, CoreArgument } from "./plan.ts";
import type { CoreInstanceItem } from "./scope.ts";

const REALLOC: CoreFunctionType = { params: "iiii", results: "i" };

/** Refuses core definitions that don't fit where a component puts them, before anything of it runs. */
export class CoreMatching {
  readonly #reader: BinaryReader;
  readonly #builder: PlanBuilder;

  constructor(reader: BinaryReader, builder: PlanBuilder) {
    this.#reader = reader;
    this.#builder = builder;
  }

  /** @throws COMPONENT_BINARY_INVALID where `ref` isn't a function of this type */
  function(ref: CoreRef, type: CoreFunctionType, what: { readonly name: string; readonly at: number }): void {
    const wanted: CoreType = { kind: "func", type };
    const given = this.#builder.coreTypeOf(ref);
    if (given && matches(given, wanted)) return;
    this.#reader.fail(
      `${what.name} must be a ${spellCore(wanted)}, got ${given ? spellCore(given) : "nothing"}`,
      what.at,
    );
  }

  /** Checks what a lifted function's core side must be. */
  lift(core: CoreRef, abi: FunctionAbi, use: { readonly options: CanonOptions; readonly at: number }): void {
    const { options, at } = use;
    this.function(core, abi.lifted, { name: "the core function of a lifted one", at });
    if (options.postReturn) {
      const type = { params: abi.lifted.results, results: "" };
      this.function(options.postReturn, type, { name: "post-return", at });
    }
    this.options(abi, { options, at, allocates: abi.calleeAllocates });
  }

  /** Checks that memory and realloc are there where values lie in memory. */
  options(
    abi: FunctionAbi,
    use: { readonly options: CanonOptions; readonly at: number; readonly allocates: boolean },
  ): void {
    const { memory, realloc } = use.options;
    if (memory && this.#builder.coreTypeOf(memory)?.kind !== "memory") {
      this.#reader.fail("the canonical option memory does not name a memory", use.at);
    }
    if (realloc) this.function(realloc, REALLOC, { name: "realloc", at: use.at });
    if (realloc && !memory) this.#reader.fail("realloc without a memory", use.at);
    if (abi.needsMemory && !memory) this.#reader.fail("the function passes values in memory, but names none", use.at);
    if (use.allocates && !realloc) {
      this.#reader.fail("the function receives values in memory, but names no realloc", use.at);
    }
  }

  /**
   * Fits the arguments of an instantiation to the module's imports.
   * @returns what the module imports of them and nothing more
   */
  arguments(
    module: number,
    given: ReadonlyMap<string, CoreInstanceItem>,
    at: number,
  ): readonly (readonly [string, CoreArgument])[] {
    const bundles = new Map<string, Map<string, CoreRef>>();
    const args = new Map<string, CoreArgument>();
    for (const wanted of this.#builder.signatureOf(module).imports) {
      this.#builder.countDefinition();
      const of = `import ${quote(wanted.module)} ${quote(wanted.name)} of a core module`;
      const instance = given.get(wanted.module) ?? this.#reader.fail(`${of} has no argument`, at);
      const ref = memberOf(instance, wanted.name);
      const type = ref && this.#builder.coreTypeOf(ref);
      if (!type || !matches(type, wanted.type)) {
        const got = type ? spellCore(type) : "nothing";
        this.#reader.fail(`${of} must be a ${spellCore(wanted.type)}, got ${got}`, at);
      }
      if (instance.kind === "instance") args.set(wanted.module, instance);
      else {
        const items = bundles.get(wanted.module) ?? new Map<string, CoreRef>();
        bundles.set(wanted.module, items.set(wanted.name, ref));
      }
    }
    for (const [name, items] of bundles) args.set(name, { kind: "bundle", items: [...items] });
    return [...args];
  }
}

function memberOf(instance: CoreInstanceItem, name: string): CoreRef | undefined {
  if (instance.kind === "bundle") return instance.items.get(name);
  return { kind: "export", coreInstance: instance.coreInstance, name };
}
