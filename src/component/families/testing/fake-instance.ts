import { ctxOf } from "../../testing/call-support.ts";
import type { FunctionType, ValueType } from "../../linker/component-types.ts";
import type { ComponentInstance, ExportRef } from "../../linker/index.ts";
import type { JsonValue } from "../../../types/index.ts";
import { familyOf } from "../families.ts";
import type { FamilyAnswer, FamilyCall } from "../family.ts";

/** Short names of types for tests: a primitive's own, `list<u8>` as bytes, and the constructors below. */
export const T = {
  string: { kind: "string" },
  bool: { kind: "bool" },
  u8: { kind: "u8" },
  u32: { kind: "u32" },
  u64: { kind: "u64" },
  s64: { kind: "s64" },
  f64: { kind: "f64" },
  char: { kind: "char" },
  bytes: { kind: "list", element: { kind: "u8" } },
} as const satisfies Readonly<Record<string, ValueType>>;

export function record(fields: Readonly<Record<string, ValueType>>): ValueType {
  return { kind: "record", fields: Object.entries(fields).map(([name, type]) => ({ name, type })) };
}

export function option(some: ValueType): ValueType {
  return { kind: "option", some };
}

export function list(element: ValueType): ValueType {
  return { kind: "list", element };
}

export function result(ok: ValueType | null, err: ValueType | null): ValueType {
  return { kind: "result", ok, err };
}

export function func(params: Readonly<Record<string, ValueType>>, answer: ValueType | null = null): FunctionType {
  return {
    kind: "func",
    params: Object.entries(params).map(([name, type]) => ({ name, type })),
    result: answer,
  };
}

/** An export that answers by a function of its arguments; an Error that it returns is thrown. */
export interface FakeExport extends ExportRef {
  readonly answer: (...args: readonly never[]) => unknown;
}

/** Makes an export: `"interface#name"`, or a name of the top level. */
export function fake(path: string, type: FunctionType, answer: FakeExport["answer"]): FakeExport {
  const [name = "", of] = path.split("#").toReversed();
  return { interface: of ?? null, name, type, answer };
}

/** A component whose exports are functions of the test; what was called with what is on record. */
export function component(exports: readonly FakeExport[]) {
  const calls: (readonly unknown[])[] = [];
  const family = familyOf(exports);
  const instance: ComponentInstance = {
    stats: { fuel: 0, peakMemoryBytes: 0 },
    async call(ref, args) {
      const found = exports.find((item) => item.interface === ref.interface && item.name === ref.name);
      calls.push([ref.name, ...args]);
      const answer = (found?.answer as ((...args: readonly unknown[]) => unknown) | undefined)?.(...args);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const invoke = async (operation: string, input: JsonValue, more: Partial<FamilyCall> = {}): Promise<FamilyAnswer> => {
    if (family === undefined) throw new TypeError("It shows no family");
    return await family.call(instance, { ctx: ctxOf(), component: "c", operation, input, config: undefined, ...more });
  };
  return { family, calls, invoke, describe: async () => await family?.describe(instance) };
}
