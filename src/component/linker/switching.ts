// A call between components may wait, but only where nothing but WebAssembly stands below it: not in start functions and
// destructors that the host runs. Only a WebAssembly function can choose, so such calls go through one small module for each
// component, with a function for each of them that passes its number on:
//   (func (export "7") (param …) (result …)
//     (if (call $isBlocked) (then (call $now (i32.const 7) (local.get …))) (else (call $later (i32.const 7) (local.get …)))))
import { ByteWriter } from "./byte-writer.ts";
import type { ResourceType } from "./component-types.ts";
import type { CoreFunctionType } from "./core-types.ts";
import type { ComponentPlan } from "./plan.ts";
import type { CoreFunction, WasmModule } from "./wasm.ts";
import { wasm } from "./wasm.ts";

/** A call between components: of a composed function by its lowering, or of a destructor by who drops what. */
export type SwitchedCall =
  | { readonly kind: "lower"; readonly lower: number }
  | { readonly kind: "drop"; readonly resource: ResourceType; readonly instance: number };

type TypedCall = SwitchedCall & { readonly type: CoreFunctionType };

/** The calls of a component that choose, and the module that does it. */
export interface Switches {
  readonly calls: readonly TypedCall[];
  readonly module: WasmModule;
}

const DROP: CoreFunctionType = { params: "i", results: "" };

/** Tells drops of one resource in one instance from all others. */
export function dropKey(resource: ResourceType, instance: number): string {
  return `${resource.id}:${instance}`;
}

/**
 * Finds the calls that may have to do without waiting; null where there are none, as nothing runs that can't wait.
 * @param composed the lowerings whose callees are components
 */
export function findSwitches(
  plan: ComponentPlan,
  composed: readonly { readonly index: number; readonly type: CoreFunctionType }[],
): Switches | null {
  const drops = new Map<string, TypedCall>();
  let mayBlock = plan.coreModuleInfos.some(({ hasStart }) => hasStart);
  for (const { args } of plan.coreInstances) {
    for (const [, argument] of args) {
      if (argument.kind !== "bundle") continue;
      for (const [, ref] of argument.items) {
        if (ref.kind !== "resource-drop" || ref.resource.destructor === null) continue;
        mayBlock = true;
        const { resource, instance } = ref;
        drops.set(dropKey(resource, instance), { kind: "drop", resource, instance, type: DROP });
      }
    }
  }
  if (!mayBlock) return null;
  const calls: TypedCall[] = composed.map(({ index, type }) => ({ kind: "lower", lower: index, type }));
  calls.push(...drops.values());
  return calls.length === 0 ? null : { calls, module: new wasm.Module(moduleOf(calls)) };
}

/** Makes the functions of {@link Switches.calls}: `now` is for where the guest can't wait, `later` may return a promise. */
export function bindSwitches(
  { calls, module }: Switches,
  isBlocked: () => boolean,
  sides: Readonly<Record<"now" | "later", (call: SwitchedCall, flat: readonly unknown[]) => unknown>>,
): readonly CoreFunction[] {
  const callAt = (index: unknown): SwitchedCall => calls[index as number] as SwitchedCall;
  const now: CoreFunction = (index, ...flat) => sides.now(callAt(index), flat);
  const later = new wasm.Suspending((index, ...flat) => sides.later(callAt(index), flat));
  const { exports } = new wasm.Instance(module, { h: { b: () => (isBlocked() ? 1 : 0), n: now, l: later } });
  return calls.map((_call, index) => exports[`${index}`] as CoreFunction);
}

const CODES: Readonly<Record<string, number>> = { i: 0x7f, I: 0x7e, f: 0x7d, F: 0x7c };
const I32 = 0x7f;
const NO_RESULT = 0x40;

function moduleOf(calls: readonly TypedCall[]): Uint8Array {
  const codes = (letters: string): number[] => Array.from(letters, (item) => CODES[item] ?? I32);
  // Each type twice: as the guest calls, and with the call's number before the rest. Type 0 is $isBlocked's.
  const typeOf = new Map<string, number>();
  const types = new ByteWriter().raw(0x60, 0, 1, I32);
  const imports = new ByteWriter().name("h").name("b").raw(0, 0);
  for (const { type } of calls) {
    const key = spell(type);
    if (typeOf.has(key)) continue;
    const index = 2 * typeOf.size + 1;
    typeOf.set(key, index);
    const results = codes(type.results);
    for (const params of [codes(type.params), [I32, ...codes(type.params)]]) {
      types
        .raw(0x60)
        .u32(params.length)
        .raw(...params, results.length, ...results);
    }
    for (const side of ["n", "l"])
      imports
        .name("h")
        .name(side)
        .raw(0)
        .u32(index + 1);
  }
  const importCount = 2 * typeOf.size + 1;
  const functions = new ByteWriter().u32(calls.length);
  const exports = new ByteWriter().u32(calls.length);
  const code = new ByteWriter().u32(calls.length);
  for (const [index, { type }] of calls.entries()) {
    const typeIndex = typeOf.get(spell(type)) ?? 0;
    functions.u32(typeIndex);
    exports
      .name(`${index}`)
      .raw(0)
      .u32(importCount + index);
    const body = new ByteWriter().raw(0, 0x10, 0, 0x04, codes(type.results)[0] ?? NO_RESULT);
    const pass = (callee: number): void => {
      body.raw(0x41).s64(index);
      for (let param = 0; param < type.params.length; param++) body.raw(0x20).u32(param);
      body.raw(0x10).u32(callee);
    };
    // The imports of a type have the numbers of its two types.
    pass(typeIndex);
    body.raw(0x05);
    pass(typeIndex + 1);
    code.sized(body.raw(0x0b, 0x0b));
  }
  return new ByteWriter()
    .raw(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    .section(1, new ByteWriter().u32(importCount).bytes(types.finish()).finish())
    .section(2, new ByteWriter().u32(importCount).bytes(imports.finish()).finish())
    .section(3, functions.finish())
    .section(7, exports.finish())
    .section(10, code.finish())
    .finish();
}

function spell({ params, results }: CoreFunctionType): string {
  return `${params}:${results}`;
}
