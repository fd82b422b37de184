import type { Codec } from "./codec.ts";
import { MAX_FLAT } from "./codec.ts";
import { codecOf } from "./codec-of.ts";
import { layoutOf } from "./codec-record.ts";
import type { FunctionType } from "./component-types.ts";
import type { CoreFunctionType } from "./core-types.ts";
import { typeWeight } from "./type-weight.ts";

/** How a function type crosses into core code, worked out once. */
export interface FunctionAbi {
  readonly params: readonly Codec[];
  readonly paramOffsets: readonly number[];
  readonly paramsSize: number;
  readonly paramsAlign: number;
  /** Whether the parameters are passed in memory. */
  readonly paramsInMemory: boolean;
  readonly result: Codec | null;
  /** Whether the result is passed in memory. */
  readonly resultInMemory: boolean;
  /** Whether the function returns `result<…>`, whose error side is thrown. */
  readonly returnsResult: boolean;
  /** Whether a parameter holds a borrow, so that the call must count them. */
  readonly hasBorrows: boolean;
  /** What lifting the parameters and the result takes of the budget, apart from their lists and strings. */
  readonly paramsCost: number;
  readonly resultCost: number;
  /** Core parameters of the lowered function. */
  readonly arity: number;
  /** The types of the core function that can be lifted to this one, and of the one that lowering makes. */
  readonly lifted: CoreFunctionType;
  readonly lowered: CoreFunctionType;
  /** Whether values lie in memory, and whether the callee, or the caller, must be able to allocate it. */
  readonly needsMemory: boolean;
  readonly calleeAllocates: boolean;
  readonly callerAllocates: boolean;
}

/** Smaller values are free: calls with them are bounded by time, and their number should not be. */
const FREE_COST = 256;

function costOf(codecs: readonly Codec[]): number {
  const cost = codecs.reduce((sum, codec) => sum + codec.cost, 0);
  return cost > FREE_COST ? cost : 0;
}

const cache = new WeakMap<FunctionType, FunctionAbi>();

/** Gives the ABI of a function type. @see CanonicalABI.md, flattening: at most 16 flat parameters and 1 flat result */
export function functionAbi(type: FunctionType): FunctionAbi {
  const known = cache.get(type);
  if (known) return known;
  const params = type.params.map((param) => codecOf(param.type));
  const result = type.result && codecOf(type.result);
  const layout = layoutOf(params);
  const flatParams = params.reduce((sum, codec) => sum + codec.flat.length, 0);
  const paramsInMemory = flatParams > MAX_FLAT;
  const resultInMemory = result !== null && result.flat.length > 1;
  const flat = paramsInMemory ? "i" : params.map((codec) => codec.flat).join("");
  const paramsPoint = type.params.some((param) => typeWeight(param.type).hasPointer);
  const resultPoints = type.result !== null && typeWeight(type.result).hasPointer;
  const abi: FunctionAbi = {
    params,
    paramOffsets: layout.offsets,
    paramsSize: layout.size,
    paramsAlign: layout.align,
    paramsInMemory,
    result,
    resultInMemory,
    returnsResult: type.result?.kind === "result",
    hasBorrows: type.params.some((param) => typeWeight(param.type).hasBorrow),
    paramsCost: costOf(params),
    resultCost: costOf(result ? [result] : []),
    arity: (paramsInMemory ? 1 : flatParams) + (resultInMemory ? 1 : 0),
    lifted: { params: flat, results: resultInMemory ? "i" : (result?.flat ?? "") },
    lowered: { params: resultInMemory ? `${flat}i` : flat, results: resultInMemory ? "" : (result?.flat ?? "") },
    needsMemory: paramsInMemory || resultInMemory || paramsPoint || resultPoints,
    calleeAllocates: paramsInMemory || paramsPoint,
    callerAllocates: resultPoints,
  };
  cache.set(type, abi);
  return abi;
}
