import type { BinaryReader } from "./binary-reader.ts";
import { refuseFeature, valueType } from "./core-sections.ts";

/** A place where a function body is charged. */
export type Charge =
  | { readonly kind: "region"; readonly at: number; cost: number }
  /** A bulk operation; its length, shifted right by `shift` (left where negative), is the cost. */
  | { readonly kind: "bulk"; readonly at: number; readonly shift: number };

/** What a pass over a function body found; offsets are those of the module. */
export interface BodyScan {
  readonly start: number;
  readonly afterGroupCount: number;
  readonly localGroups: number;
  readonly codeStart: number;
  readonly end: number;
  /** In the order of their places. */
  readonly charges: readonly Charge[];
  /** The index of the local that holds a bulk operation's length, where there is one. */
  readonly scratchLocal: number | undefined;
}

/** Growing a memory is a call into the engine, dearer than an instruction. */
const MEMORY_GROW_COST = 2000;
/** Eight bytes a unit: filling 64 MiB takes about as long as the instructions that it is charged as. */
const MEMORY_SHIFT = 3;
/** Table entries are written with a barrier each. */
const TABLE_SHIFT = -4;

/** Walks a function body once. @throws COMPONENT_OPCODE_REFUSED, COMPONENT_BINARY_INVALID */
export function scanBody(reader: BinaryReader, params: number): BodyScan {
  const start = reader.offset;
  const localGroups = reader.u32();
  const afterGroupCount = reader.offset;
  let locals = params;
  for (let group = 0; group < localGroups; group++) {
    locals += reader.u32();
    valueType(reader);
  }
  const codeStart = reader.offset;
  const entry: Charge = { kind: "region", at: codeStart, cost: 1 };
  const charges: Charge[] = [entry];
  const open: { cost: number }[] = [entry];
  let hasBulk = false;
  while (!reader.done) {
    const at = reader.offset;
    const op = reader.byte();
    const region = open.at(-1);
    if (!region) reader.fail("instructions behind the end of a function");
    region.cost++;
    if (op === 0xfc) {
      const shift = bulkShift(reader);
      if (shift !== undefined) {
        charges.push({ kind: "bulk", at, shift });
        hasBulk = true;
      }
      continue;
    }
    skipImmediates(op, reader);
    if (op === 0x02 || op === 0x04) open.push(region);
    else if (op === 0x03) {
      const header: Charge = { kind: "region", at: reader.offset, cost: 1 };
      charges.push(header);
      open.push(header);
    } else if (op === 0x0b) open.pop();
    else if (op === 0x40) region.cost += MEMORY_GROW_COST;
  }
  const scratchLocal = hasBulk ? locals : undefined;
  return { start, afterGroupCount, localGroups, codeStart, end: reader.end, charges, scratchLocal };
}

/** Reads a 0xfc instruction behind its prefix; gives the shift of those that take a length. */
function bulkShift(reader: BinaryReader): number | undefined {
  const op = reader.u32();
  // Saturating truncations.
  if (op <= 7) return undefined;
  if (op > 17) refuseFeature(`opcode 0xfc ${op}`);
  reader.u32();
  // init and copy have two indices; drop, fill, grow and size have one.
  if (op === 8 || op === 10 || op === 12 || op === 14) reader.u32();
  switch (op) {
    case 8:
    case 10:
    case 11:
      return MEMORY_SHIFT;
    case 12:
    case 14:
    case 15:
    case 17:
      return TABLE_SHIFT;
    default:
      return undefined;
  }
}

const U32_BYTES = 5;
const I64_BYTES = 10;

/** Skips an instruction's immediates; an opcode that isn't known here is refused, because its length isn't known either. */
function skipImmediates(op: number, reader: BinaryReader): void {
  if (op >= 0x45 && op <= 0xc4) return;
  if (op >= 0x28 && op <= 0x3e) return memoryArgument(reader);
  switch (op) {
    // unreachable, nop, else, end, return, drop, select, ref.is_null
    case 0x00:
    case 0x01:
    case 0x05:
    case 0x0b:
    case 0x0f:
    case 0x1a:
    case 0x1b:
    case 0xd1:
      return;
    case 0x02:
    case 0x03:
    case 0x04:
      return blockType(reader);
    // br, br_if, call, return_call, local.*, global.*, table.get/set, memory.size/grow, i32.const, ref.func
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x12:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x3f:
    case 0x40:
    case 0x41:
    case 0xd2:
      return reader.skipLeb(U32_BYTES);
    case 0x42:
      return reader.skipLeb(I64_BYTES);
    case 0x43:
      return reader.skip(4);
    case 0x44:
      return reader.skip(8);
    case 0x0e: {
      const targets = reader.count();
      for (let index = 0; index <= targets; index++) reader.skipLeb(U32_BYTES);
      return;
    }
    case 0x11:
    case 0x13:
      reader.skipLeb(U32_BYTES);
      return reader.skipLeb(U32_BYTES);
    case 0x1c:
      reader.vector(() => valueType(reader));
      return;
    case 0xd0:
      valueType(reader);
      return;
    case 0xfd:
      return vectorImmediates(reader);
    default:
      refuseFeature(featureOf(op));
  }
}

function memoryArgument(reader: BinaryReader): void {
  if (reader.u32() & 0x40) refuseFeature("multiple memories");
  reader.skipLeb(U32_BYTES);
}

function blockType(reader: BinaryReader): void {
  const byte = reader.peek();
  if (byte === 0x40) reader.byte();
  else if (byte >= 0x60 && byte < 0x80) valueType(reader);
  else reader.skipLeb(U32_BYTES);
}

function vectorImmediates(reader: BinaryReader): void {
  const op = reader.u32();
  if (op <= 11 || op === 92 || op === 93) return memoryArgument(reader);
  if (op === 12 || op === 13) return reader.skip(16);
  if (op >= 21 && op <= 34) return reader.skip(1);
  if (op >= 84 && op <= 91) {
    memoryArgument(reader);
    return reader.skip(1);
  }
  // 0x100 to 0x113 are the relaxed ones.
  if (op > 0x113) refuseFeature(`vector opcode ${op}`);
}

function featureOf(op: number): string {
  const hex = `opcode 0x${op.toString(16).padStart(2, "0")}`;
  if (op === 0xfe) return `threads (${hex})`;
  if (op === 0xfb || op === 0xd3) return `garbage collection (${hex})`;
  if ((op >= 0x06 && op <= 0x0a) || op === 0x18 || op === 0x19 || op === 0x1f) return `exceptions (${hex})`;
  if (op === 0x14 || op === 0x15 || (op >= 0xd4 && op <= 0xd6)) return `typed function references (${hex})`;
  return hex;
}
