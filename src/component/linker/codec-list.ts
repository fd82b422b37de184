import type { AbiContext } from "./abi-context.ts";
import type { Codec } from "./codec.ts";
import { misfit } from "./codec.ts";
import { nextI32 } from "./codec-primitive.ts";
import type { ValueType } from "./component-types.ts";

type NumericArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;
type NumericArrayConstructor = new (buffer: ArrayBuffer) => NumericArray;

/** Lists of numbers are typed arrays; guests are little-endian and so is every machine that V8's WebAssembly runs on. */
const NUMERIC: ReadonlyMap<string, NumericArrayConstructor> = new Map<string, NumericArrayConstructor>([
  ["u8", Uint8Array],
  ["s8", Int8Array],
  ["u16", Uint16Array],
  ["s16", Int16Array],
  ["u32", Uint32Array],
  ["s32", Int32Array],
  ["u64", BigUint64Array],
  ["s64", BigInt64Array],
  ["f32", Float32Array],
  ["f64", Float64Array],
]);

/** What an array or typed array takes beside its elements. */
const ARRAY_COST = 96;
const SLOT_COST = 8;

/** Makes the codec of a list. */
export function listCodec(element: Codec, type: ValueType): Codec {
  const Numeric = NUMERIC.get(type.kind);
  const loadAt = Numeric
    ? (cx: AbiContext, pointer: number, length: number): unknown =>
        loadNumeric(cx, pointer, length * element.size, Numeric)
    : (cx: AbiContext, pointer: number, length: number): unknown => loadItems(cx, pointer, length, element);
  const load = (cx: AbiContext, pointer: number, length: number): unknown => {
    const size = length * element.size;
    cx.checkByteLength(size);
    cx.check(pointer, size, element.align);
    return loadAt(cx, pointer, length);
  };
  return {
    size: 8,
    align: 4,
    flat: "ii",
    cost: 8,
    load(cx, pointer) {
      const { view } = cx;
      return load(cx, view.getUint32(pointer, true), view.getUint32(pointer + 4, true));
    },
    store(cx, value, pointer) {
      storeList(cx, value, element, Numeric);
      const { view } = cx;
      view.setUint32(pointer, cx.storedPointer, true);
      view.setUint32(pointer + 4, cx.storedLength, true);
    },
    lift(cx, source) {
      const pointer = nextI32(source) >>> 0;
      return load(cx, pointer, nextI32(source) >>> 0);
    },
    lower(cx, value, out) {
      storeList(cx, value, element, Numeric);
      out.push(cx.storedPointer | 0, cx.storedLength | 0);
    },
  };
}

function loadNumeric(cx: AbiContext, pointer: number, size: number, Numeric: NumericArrayConstructor): NumericArray {
  cx.charge(size + ARRAY_COST);
  const array = new Numeric(cx.bytes.slice(pointer, pointer + size).buffer);
  if (array instanceof Float32Array || array instanceof Float64Array) makeCanonical(array);
  return array;
}

/** Leaves only one NaN, as single floats are passed too. */
function makeCanonical(array: Float32Array | Float64Array): void {
  for (let index = 0; index < array.length; index++) if (Number.isNaN(array[index])) array[index] = Number.NaN;
}

function loadItems(cx: AbiContext, pointer: number, length: number, element: Codec): unknown[] {
  // Charged before the loop: a guest's length is a promise of work.
  cx.charge(length * (element.cost + SLOT_COST) + ARRAY_COST);
  const items: unknown[] = [];
  for (let index = 0; index < length; index++) items.push(element.load(cx, pointer + index * element.size));
  return items;
}

function storeList(cx: AbiContext, value: unknown, element: Codec, Numeric: NumericArrayConstructor | undefined): void {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView))) misfit("list", value);
  const list = value as ArrayLike<unknown>;
  const { length } = list;
  const pointer = cx.allocate(length * element.size, element.align);
  if (Numeric && value instanceof Numeric) {
    cx.bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), pointer);
  } else {
    for (let index = 0; index < length; index++) element.store(cx, list[index], pointer + index * element.size);
  }
  cx.storedPointer = pointer;
  cx.storedLength = length;
}
