// Rewrites a core module so that it can be stopped and can't grow past its caps. One pass; no index is renumbered, because
// everything new stands at the end of its index space:
//   global $fuel (mut i64)      charged at the regions of code-regions.ts and, by their length, at bulk operations
//   global $meter (mut externref)  who to ask for more
//   table $refuel (1 funcref)   slot 0: the host's (externref) -> () that refills, waits or stops
// The original must be valid by itself (V8 decides); that is what keeps guest code from naming the new indices.
import { quote } from "../../types/index.ts";
import { BinaryReader } from "./binary-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { BodyScan } from "./core-code.ts";
import { scanBody } from "./core-code.ts";
import type { CoreSignature } from "./core-types.ts";
import { readCoreSignature } from "./core-types.ts";
import { limits, splitSections, valueType } from "./core-sections.ts";
import type { LinkerLimits } from "./limits.ts";
import type { CoreModuleInfo } from "./plan.ts";
import { wasm } from "./wasm.ts";

/** Names that the linker adds to a module's exports start with it; a component may not use it. */
const RESERVED_PREFIX = "$greentic.";
export const FUEL_EXPORT = "$greentic.fuel";
export const METER_EXPORT = "$greentic.meter";
export const REFUEL_EXPORT = "$greentic.refuel";
export const MEMORY_EXPORT = "$greentic.memory";

/** Refuses a name that could reach what the linker adds to modules. */
export function refuseReserved(name: string, reader: BinaryReader): void {
  if (name.startsWith(RESERVED_PREFIX)) reader.fail(`name ${quote(name)} is reserved`);
}

/** Tells the engine that refuelling is rare, so that it keeps registers for what isn't. @see the branch hinting proposal */
const BRANCH_HINTS = "metadata.code.branch_hint";

const FUNCREF = 0x70;
const EXTERNREF = 0x6f;
const I64 = 0x7e;
const I32 = 0x7f;

/** A core module with its meter. */
export interface InstrumentedModule {
  readonly bytes: Uint8Array;
  readonly info: CoreModuleInfo;
  /** What the original imports and exports. */
  readonly signature: CoreSignature;
}

interface Indices {
  readonly fuel: number;
  readonly meter: number;
  readonly refuelType: number;
  readonly refuelTable: number;
}

/**
 * Instruments a core module.
 * @param base the module's offset in the component, for messages
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_OPCODE_REFUSED, COMPONENT_LIMIT_EXCEEDED
 */
export function instrumentModule(original: Uint8Array, caps: LinkerLimits, base = 0): InstrumentedModule {
  const module = new ModuleRewriter(original, caps, base);
  const result = module.rewrite();
  if (!wasm.validate(original)) {
    new BinaryReader(original, 0, 0, base).fail("the core module is not valid");
  }
  return result;
}

class ModuleRewriter {
  readonly #bytes: Uint8Array;
  readonly #caps: LinkerLimits;
  readonly #module: BinaryReader;
  readonly #sections: ReadonlyMap<number, BinaryReader>;
  readonly #out = new ByteWriter();
  #importedGlobals = 0;
  #importedTables = 0;
  #importedMemories = 0;

  constructor(bytes: Uint8Array, caps: LinkerLimits, base: number) {
    this.#bytes = bytes;
    this.#caps = caps;
    this.#module = new BinaryReader(bytes, 0, bytes.length, base);
    this.#sections = splitSections(this.#module.part());
  }

  rewrite(): InstrumentedModule {
    const out = this.#out;
    out.bytes(this.#bytes.subarray(0, 8));
    const signature = readCoreSignature(this.#sections);
    const imports = this.#imports();
    const memories = this.#countOf(5);
    const indices: Indices = {
      fuel: this.#importedGlobals + this.#countOf(6),
      meter: this.#importedGlobals + this.#countOf(6) + 1,
      refuelType: signature.types.length,
      refuelTable: this.#importedTables + this.#countOf(4),
    };
    const isMetered = signature.functions.length > 0;
    if (memories + this.#importedMemories > 1) this.#module.refuse("multiple memories");
    this.#appendTo(1, isMetered ? 1 : 0, (body) => body.raw(0x60, 1, EXTERNREF, 0));
    if (imports) out.section(2, imports);
    this.#copy(3);
    this.#tables(isMetered);
    this.#memories();
    this.#appendTo(6, isMetered ? 2 : 0, (body) => {
      body.raw(I64, 1, 0x42).s64(this.#caps.startFuel).raw(0x0b);
      body.raw(EXTERNREF, 1, 0xd0, EXTERNREF, 0x0b);
    });
    this.#exports(isMetered, memories > 0, indices);
    for (const id of [8, 9, 12]) this.#copy(id);
    const imported = signature.imports.filter(({ type }) => type.kind === "func").length;
    this.#code(signature, imported, indices);
    this.#copy(11);
    return {
      bytes: out.finish(),
      info: { isMetered, definesMemory: memories > 0, hasStart: this.#sections.has(8) },
      signature,
    };
  }

  #countOf(id: number): number {
    return this.#sections.get(id)?.part().u32() ?? 0;
  }

  #copy(id: number): void {
    const section = this.#sections.get(id);
    if (section) this.#out.section(id, this.#bytes.subarray(section.offset, section.end));
  }

  /** Copies a vector section with `added` entries behind its own. */
  #appendTo(id: number, added: number, write: (body: ByteWriter) => void): void {
    const section = this.#sections.get(id);
    if (added === 0) return this.#copy(id);
    const body = new ByteWriter();
    body.u32((section?.u32() ?? 0) + added);
    if (section) body.bytes(this.#bytes.subarray(section.offset, section.end));
    write(body);
    this.#out.section(id, body.finish());
  }

  #imports(): Uint8Array | undefined {
    const reader = this.#sections.get(2);
    if (!reader) return undefined;
    const body = new ByteWriter();
    const count = reader.count();
    body.u32(count);
    for (let index = 0; index < count; index++) {
      const start = reader.offset;
      reader.name();
      refuseReserved(reader.name(), reader);
      const kind = reader.byte();
      const copy = (): void => void body.bytes(this.#bytes.subarray(start, reader.offset));
      if (kind === 0) {
        reader.u32();
        copy();
      } else if (kind === 1) {
        valueType(reader);
        copy();
        limits(reader, body, { cap: this.#caps.maxTableElements, what: "table" });
        this.#importedTables++;
      } else if (kind === 2) {
        copy();
        limits(reader, body, { cap: this.#caps.maxMemoryPages, what: "memory" });
        this.#importedMemories++;
      } else if (kind === 3) {
        valueType(reader);
        reader.byte();
        copy();
        this.#importedGlobals++;
      } else reader.refuse("exception tags");
    }
    return body.finish();
  }

  #tables(isMetered: boolean): void {
    const reader = this.#sections.get(4);
    if (!reader && !isMetered) return;
    const body = new ByteWriter();
    const count = reader?.count() ?? 0;
    body.u32(count + (isMetered ? 1 : 0));
    for (let index = 0; index < count; index++) {
      if (!reader) break;
      if (reader.peek() === 0x40) reader.refuse("tables with an initial value");
      const start = reader.offset;
      valueType(reader);
      body.bytes(this.#bytes.subarray(start, reader.offset));
      limits(reader, body, { cap: this.#caps.maxTableElements, what: "table" });
    }
    if (isMetered) body.raw(FUNCREF, 1, 1, 1);
    this.#out.section(4, body.finish());
  }

  #memories(): void {
    const reader = this.#sections.get(5);
    if (!reader) return;
    const body = new ByteWriter();
    const count = reader.count();
    body.u32(count);
    for (let index = 0; index < count; index++) {
      limits(reader, body, { cap: this.#caps.maxMemoryPages, what: "memory" });
    }
    this.#out.section(5, body.finish());
  }

  #exports(isMetered: boolean, definesMemory: boolean, indices: Indices): void {
    const section = this.#sections.get(7);
    if (section) {
      const reader = section.part();
      reader.vector(() => {
        refuseReserved(reader.name(), reader);
        reader.byte();
        reader.u32();
      });
    }
    this.#appendTo(7, (isMetered ? 3 : 0) + (definesMemory ? 1 : 0), (body) => {
      if (isMetered) {
        body.name(FUEL_EXPORT).raw(3).u32(indices.fuel);
        body.name(METER_EXPORT).raw(3).u32(indices.meter);
        body.name(REFUEL_EXPORT).raw(1).u32(indices.refuelTable);
      }
      if (definesMemory) body.name(MEMORY_EXPORT).raw(2).u32(0);
    });
  }

  #code(signature: CoreSignature, importedFunctions: number, indices: Indices): void {
    const reader = this.#sections.get(10);
    if (!reader) return;
    const count = reader.count();
    const section = new ByteWriter(reader.end - reader.offset);
    section.u32(count);
    const hints = new ByteWriter();
    let hintedFunctions = 0;
    for (let index = 0; index < count; index++) {
      const size = reader.u32();
      const start = reader.offset;
      reader.skip(size);
      const params = signature.functions[index]?.params.length ?? 0;
      const scan = scanBody(reader.part(start, start + size), params);
      const { body, unlikely } = this.#meteredBody(scan, indices);
      section.sized(body);
      if (unlikely.length === 0) continue;
      hintedFunctions++;
      hints.u32(importedFunctions + index).u32(unlikely.length);
      for (const offset of unlikely) hints.u32(offset).raw(1, 0);
    }
    if (hintedFunctions > 0) {
      const named = new ByteWriter(hints.length + 32).name(BRANCH_HINTS).u32(hintedFunctions).bytes(hints.finish());
      this.#out.section(0, named.finish());
    }
    this.#out.section(10, section.finish());
  }

  #meteredBody(scan: BodyScan, indices: Indices): { readonly body: ByteWriter; readonly unlikely: readonly number[] } {
    const { hasBulk, hasLoop, localCount } = scan;
    const out = new ByteWriter(scan.end - scan.start + 64 * scan.charges.length);
    const groups = (hasLoop ? 1 : 0) + (hasBulk ? 1 : 0);
    out.u32(scan.localGroups + groups).bytes(this.#bytes.subarray(scan.afterGroupCount, scan.codeStart));
    if (hasLoop) out.raw(1, I64);
    if (hasBulk) out.raw(1, I32);
    const fuel = new FuelCode(out, indices, hasLoop ? localCount : undefined);
    fuel.restore();
    let copied = scan.codeStart;
    for (const charge of scan.charges) {
      out.bytes(this.#bytes.subarray(copied, charge.at));
      copied = charge.at;
      switch (charge.kind) {
        case "restore":
          fuel.restore();
          break;
        case "save":
          fuel.save();
          break;
        case "bulk":
          fuel.chargeBulk(charge.shift, hasLoop ? localCount + 1 : localCount);
          break;
        default:
          fuel.charge(charge.cost, charge.isChecked);
      }
    }
    return { body: out.bytes(this.#bytes.subarray(copied, scan.end)), unlikely: fuel.unlikely };
  }
}

/** Writes what is added to a function body; every piece leaves the stack as it was. */
class FuelCode {
  readonly #out: ByteWriter;
  readonly #indices: Indices;
  /** The local that fuel is counted in; undefined where it is counted in the global itself. */
  readonly #local: number | undefined;
  /** Offsets of the branches that are hardly ever taken. */
  readonly unlikely: number[] = [];

  constructor(out: ByteWriter, indices: Indices, local: number | undefined) {
    this.#out = out;
    this.#indices = indices;
    this.#local = local;
  }

  /** `local = global`. */
  restore(): void {
    if (this.#local !== undefined) this.#out.raw(0x23).u32(this.#indices.fuel).raw(0x21).u32(this.#local);
  }

  /** `global = local`. */
  save(): void {
    if (this.#local !== undefined) this.#out.raw(0x20).u32(this.#local).raw(0x24).u32(this.#indices.fuel);
  }

  /** `fuel -= cost`, and where that is checked `if (fuel < 0) refuel(meter)`. */
  charge(cost: number, isChecked: boolean): void {
    this.#get();
    this.#out.raw(0x42).s64(cost);
    this.#subtract(isChecked);
  }

  /** The length is on top of the stack: keeps it there, and charges it shifted right, left where negative. */
  chargeBulk(shift: number, scratch: number): void {
    this.#out.raw(0x22).u32(scratch);
    this.#get();
    this.#out.raw(0x20).u32(scratch).raw(0xad, 0x42).s64(Math.abs(shift));
    this.#out.raw(shift < 0 ? 0x86 : 0x88);
    this.#subtract(true);
  }

  #get(): void {
    if (this.#local === undefined) this.#out.raw(0x23).u32(this.#indices.fuel);
    else this.#out.raw(0x20).u32(this.#local);
  }

  #subtract(isChecked: boolean): void {
    const { fuel, meter, refuelType, refuelTable } = this.#indices;
    const out = this.#out.raw(0x7d);
    if (this.#local === undefined) out.raw(0x24).u32(fuel);
    else out.raw(isChecked ? 0x22 : 0x21).u32(this.#local);
    if (!isChecked) return;
    if (this.#local === undefined) out.raw(0x23).u32(fuel);
    out.raw(0x42, 0, 0x53);
    this.unlikely.push(out.length);
    out.raw(0x04, 0x40);
    this.save();
    out.raw(0x23).u32(meter).raw(0x41, 0, 0x11).u32(refuelType).u32(refuelTable);
    this.restore();
    out.raw(0x0b);
  }
}
