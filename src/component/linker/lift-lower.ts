import type { AbiContext } from "./abi-context.ts";
import type { FlatValue } from "./codec.ts";
import type { FunctionAbi } from "./function-abi.ts";

/** Lowers a call's arguments for the callee; may allocate in its memory. */
export function lowerParams(cx: AbiContext, abi: FunctionAbi, args: readonly unknown[]): readonly FlatValue[] {
  const { params } = abi;
  const flat: FlatValue[] = [];
  if (!abi.paramsInMemory) {
    for (let index = 0; index < params.length; index++) params[index]?.lower(cx, args[index], flat);
    return flat;
  }
  const pointer = cx.allocate(abi.paramsSize, abi.paramsAlign);
  for (let index = 0; index < params.length; index++) {
    params[index]?.store(cx, args[index], pointer + (abi.paramOffsets[index] ?? 0));
  }
  flat.push(pointer | 0);
  return flat;
}

/** Lifts the arguments with which core code calls an import. */
export function liftParams(cx: AbiContext, abi: FunctionAbi, flat: readonly unknown[]): unknown[] {
  const { params } = abi;
  const args: unknown[] = [];
  if (abi.paramsCost > 0) cx.charge(abi.paramsCost);
  if (!abi.paramsInMemory) {
    const reader = { values: flat, next: 0 };
    for (let index = 0; index < params.length; index++) args.push(params[index]?.lift(cx, reader));
    return args;
  }
  const pointer = Number(flat[0]) >>> 0;
  cx.check(pointer, abi.paramsSize, abi.paramsAlign);
  for (let index = 0; index < params.length; index++) {
    args.push(params[index]?.load(cx, pointer + (abi.paramOffsets[index] ?? 0)));
  }
  return args;
}

/** Lifts what a core function returned. */
export function liftResult(cx: AbiContext, abi: FunctionAbi, raw: unknown): unknown {
  const { result } = abi;
  if (!result) return undefined;
  if (abi.resultCost > 0) cx.charge(abi.resultCost);
  if (!abi.resultInMemory) return result.lift(cx, { values: [raw], next: 0 });
  const pointer = Number(raw) >>> 0;
  cx.check(pointer, result.size, result.align);
  return result.load(cx, pointer);
}

/** Lowers an import's result for the caller: as the core result, or to the place that its last argument names. */
export function lowerResult(
  cx: AbiContext,
  abi: FunctionAbi,
  outcome: { readonly value: unknown; readonly flat: readonly unknown[] },
): FlatValue | undefined {
  const { result } = abi;
  if (!result) return undefined;
  if (!abi.resultInMemory) {
    const out: FlatValue[] = [];
    result.lower(cx, outcome.value, out);
    return out[0];
  }
  const pointer = Number(outcome.flat[abi.arity - 1]) >>> 0;
  cx.check(pointer, result.size, result.align);
  result.store(cx, outcome.value, pointer);
  return undefined;
}
