import type { BinaryReader } from "./binary-reader.ts";
import type { Region } from "./code-regions.ts";
import { Regions } from "./code-regions.ts";
import { valueType } from "./core-sections.ts";

/** A bulk operation; its length, shifted right by `shift` (left where negative), is the cost. */
interface Bulk {
  readonly kind: "bulk";
  readonly at: number;
  readonly shift: number;
}

/** Where the fuel that a function counts in a local goes to the global, which others count on, and comes back. */
interface Sync {
  readonly kind: "save" | "restore";
  readonly at: number;
}

/** A place where something is added to a function body. */
type Charge = Region | Bulk | Sync;

/** The order of what stands at one place. */
const RANK: Readonly<Record<Charge["kind"], number>> = { restore: 0, region: 1, save: 2, bulk: 3 };

/** What a pass over a function body found; offsets are those of the module. */
export interface BodyScan {
  readonly start: number;
  readonly afterGroupCount: number;
  readonly localGroups: number;
  readonly codeStart: number;
  readonly end: number;
  /** In the order of their places. */
  readonly charges: readonly Charge[];
  /** Locals of the original, parameters counted. */
  readonly localCount: number;
  readonly hasBulk: boolean;
  /** Whether fuel is counted in a local: it pays where there are loops. */
  readonly hasLoop: boolean;
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
  const regions = new Regions(codeStart);
  const walk: Walk = { reader, regions, syncs: [], hasLoop: false, calls: 0 };
  const bulks: Bulk[] = [];
  while (!reader.done) {
    const at = reader.offset;
    if (regions.depth === 0) reader.fail("instructions behind the end of a function");
    const op = reader.byte();
    if (op === 0xfc) {
      regions.charge(1);
      const shift = bulkShift(reader);
      if (shift !== undefined) bulks.push({ kind: "bulk", at, shift });
    } else if (op <= LAST_CONTROL) control(op, walk);
    else {
      regions.charge(op === MEMORY_GROW ? MEMORY_GROW_COST : 1);
      skipImmediates(op, reader);
    }
  }
  const { hasLoop, syncs } = walk;
  if (walk.calls > 0 || regions.total > MAX_LEAF_COST) regions.checkEntry();
  const charges: Charge[] = [...regions.finish(), ...bulks, ...(hasLoop ? syncs : [])];
  charges.sort((a, b) => a.at - b.at || RANK[a.kind] - RANK[b.kind]);
  return {
    start,
    afterGroupCount,
    localGroups,
    codeStart,
    end: reader.end,
    charges,
    localCount: locals,
    hasBulk: bulks.length > 0,
    hasLoop,
  };
}

interface Walk {
  readonly reader: BinaryReader;
  readonly regions: Regions;
  readonly syncs: Sync[];
  hasLoop: boolean;
  calls: number;
}

const LAST_CONTROL = 0x15;
const MEMORY_GROW = 0x40;
/** What a call takes beside what is called. */
const CALL_COST = 3;
/** Functions that call none and cost no more don't look whether fuel is left; their callers do after every so many calls. */
const MAX_LEAF_COST = 1000;
const CALLS_PER_LOOK = 32;

/** Reads an instruction that decides what comes next. */
function control(op: number, walk: Walk): void {
  const { reader, regions } = walk;
  const at = reader.offset - 1;
  const sync = (kind: Sync["kind"], place: number): void => {
    if (regions.isLive) walk.syncs.push({ kind, at: place });
  };
  const branch = (depth: number): void => {
    if (depth >= regions.depth - 1) sync("save", at);
    regions.branch(depth);
  };
  switch (op) {
    case 0x00:
      return regions.stop();
    case 0x01:
      return;
    case 0x02:
      blockType(reader);
      return regions.begin("block", reader.offset);
    case 0x03:
      blockType(reader);
      walk.hasLoop = true;
      return regions.begin("loop", reader.offset);
    case 0x04:
      regions.charge(1);
      blockType(reader);
      return regions.begin("if", reader.offset);
    case 0x05:
      return regions.otherwise(reader.offset);
    case 0x0b:
      if (regions.depth === 1) sync("save", at);
      return regions.end(reader.offset);
    case 0x0c:
      regions.charge(1);
      branch(reader.u32());
      return regions.stop();
    case 0x0d:
      regions.charge(1);
      branch(reader.u32());
      return regions.split(reader.offset);
    case 0x0e: {
      regions.charge(2);
      for (let left = reader.count(); left >= 0; left--) branch(reader.u32());
      return regions.stop();
    }
    case 0x0f:
      regions.charge(1);
      branch(Number.POSITIVE_INFINITY);
      return regions.stop();
    case 0x10:
    case 0x11:
    case 0x12:
    case 0x13:
      regions.charge(CALL_COST);
      sync("save", at);
      reader.skipLeb(U32_BYTES);
      if ((op & 1) === 1) reader.skipLeb(U32_BYTES);
      if (op < 0x12) {
        sync("restore", reader.offset);
        if (++walk.calls % CALLS_PER_LOOK === 0) regions.check(reader.offset);
        return;
      }
      walk.calls++;
      regions.branch(Number.POSITIVE_INFINITY);
      return regions.stop();
    default:
      reader.refuse(featureOf(op));
  }
}

/** Reads a 0xfc instruction behind its prefix; gives the shift of those that take a length. */
function bulkShift(reader: BinaryReader): number | undefined {
  const op = reader.u32();
  // Saturating truncations.
  if (op <= 7) return undefined;
  if (op > 17) reader.refuse(`opcode 0xfc ${op}`);
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

/** Skips the immediates of an instruction that does not branch; an opcode that isn't known here is refused, because its length isn't known either. */
export function skipImmediates(op: number, reader: BinaryReader): void {
  if (op >= 0x45 && op <= 0xc4) return;
  if (op >= 0x28 && op <= 0x3e) return memoryArgument(reader);
  switch (op) {
    // drop, select, ref.is_null
    case 0x1a:
    case 0x1b:
    case 0xd1:
      return;
    // local.*, global.*, table.get/set, memory.size/grow, i32.const, ref.func
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
    case 0x1c:
      reader.vector(() => valueType(reader));
      return;
    case 0xd0:
      valueType(reader);
      return;
    case 0xfd:
      return vectorImmediates(reader);
    default:
      reader.refuse(featureOf(op));
  }
}

function memoryArgument(reader: BinaryReader): void {
  if (reader.u32() & 0x40) reader.refuse("multiple memories");
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
  if (op > 0x113) reader.refuse(`vector opcode ${op}`);
}

function featureOf(op: number): string {
  const hex = `opcode 0x${op.toString(16).padStart(2, "0")}`;
  if (op === 0xfe) return `threads (${hex})`;
  if (op === 0xfb || op === 0xd3) return `garbage collection (${hex})`;
  if ((op >= 0x06 && op <= 0x0a) || op === 0x18 || op === 0x19 || op === 0x1f) return `exceptions (${hex})`;
  if (op === 0x14 || op === 0x15 || (op >= 0xd4 && op <= 0xd6)) return `typed function references (${hex})`;
  return hex;
}
