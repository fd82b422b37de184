// A component binary, read once into a flat plan (design/mvp/Binary.md of the component model):
//   preamble 00 61 73 6d 0d 00 01 00, then sections id:byte size:u32 content
//   1 core module · 2 core instances · 4 component · 5 instances · 6 aliases · 7 types · 8 canon · 10 imports · 11 exports
// Nested components are parsed where they are instantiated, with the arguments in their imports' places, so that nothing of
// the nesting is left in the plan.
import { GreenticError, quote } from "../../types/index.ts";
import { BinaryReader } from "./binary-reader.ts";
import { Conformance } from "./conform.ts";
import { readExternName } from "./extern-name.ts";
import { parseCanon } from "./parse-canon.ts";
import { parseAlias, parseCoreInstance, readItem } from "./parse-instances.ts";
import { TypeParser } from "./parse-types.ts";
import { PlanBuilder } from "./plan-builder.ts";
import type { ComponentPlan } from "./plan.ts";
import type { LinkerLimits } from "./limits.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { ExternType, InstanceItem, Item } from "./scope.ts";
import { Scope } from "./scope.ts";
import { exportsForImport } from "./substitute.ts";

const PREAMBLE = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];

/**
 * Takes a component apart and instruments its core modules. Nothing of it runs.
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_ASYNC_UNSUPPORTED, COMPONENT_LIMIT_EXCEEDED, COMPONENT_OPCODE_REFUSED
 */
export function parseComponent(bytes: Uint8Array, limits: Partial<LinkerLimits> = {}): ComponentPlan {
  const all = { ...DEFAULT_LIMITS, ...limits };
  if (bytes.length > all.maxComponentBytes) {
    throw new GreenticError(
      "COMPONENT_LIMIT_EXCEEDED",
      `Parse component: ${bytes.length} bytes, at most ${all.maxComponentBytes}`,
      { details: { limit: "maxComponentBytes", value: all.maxComponentBytes } },
    );
  }
  const builder = new PlanBuilder(all);
  const root = new ComponentParser(builder, bytes, { start: 0, end: bytes.length, outer: [], args: undefined });
  collectExports(root.parse(), builder);
  const { coreModules, coreModuleInfos, coreInstances, lifts, lowers, imports, exports, instanceCount } = builder;
  const { startFuel } = all;
  return { coreModules, coreModuleInfos, coreInstances, lifts, lowers, imports, exports, instanceCount, startFuel };
}

function collectExports(items: InstanceItem, builder: PlanBuilder): void {
  const add = (interfaceName: string | null, name: string, item: Item): void => {
    if (item.kind !== "func" || item.item.kind !== "lift") return;
    const lift = builder.lifts[item.item.lift];
    if (lift) builder.exports.push({ interface: interfaceName, name, type: lift.type, lift: item.item.lift });
  };
  for (const [name, item] of items) {
    if (item.kind === "instance") for (const [inner, member] of item.item) add(name, inner, member);
    else add(null, name, item);
  }
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly outer: readonly Scope[];
  /** What stands for the imports; undefined in the root, whose imports are the host's. */
  readonly args: ReadonlyMap<string, Item> | undefined;
}

class ComponentParser {
  readonly #builder: PlanBuilder;
  readonly #bytes: Uint8Array;
  readonly #place: Place;
  readonly #scope: Scope;
  readonly #exports = new Map<string, Item>();
  readonly #importNames = new Set<string>();

  constructor(builder: PlanBuilder, bytes: Uint8Array, place: Place) {
    this.#builder = builder;
    this.#bytes = bytes;
    this.#place = place;
    this.#scope = new Scope(builder.instanceCount++);
    builder.checkNesting(place.outer.length);
  }

  /** Parses every section; gives the component's exports. */
  parse(): InstanceItem {
    const reader = new BinaryReader(this.#bytes, this.#place.start, this.#place.end);
    for (const byte of PREAMBLE) reader.expect(byte, "component preamble");
    while (!reader.done) {
      const id = reader.byte();
      const size = reader.u32();
      const start = reader.offset;
      reader.skip(size);
      this.#builder.countDefinition();
      if (id !== 0 && id !== 1 && id !== 4) this.#builder.countBytes(size);
      const section = new BinaryReader(this.#bytes, start, start + size);
      this.#section(id, section);
      if (id !== 0 && id !== 1 && id !== 4 && !section.done) section.fail(`section ${id} is longer than its content`);
    }
    return this.#exports;
  }

  #section(id: number, reader: BinaryReader): void {
    const builder = this.#builder;
    const scope = this.#scope;
    const { outer } = this.#place;
    const types = new TypeParser(reader, builder, { scope, outer });
    const each = (read: () => void): void => {
      reader.vector(() => {
        builder.countDefinition();
        read();
      });
    };
    switch (id) {
      case 0:
        return;
      case 1:
        scope.coreModules.push(builder.addModule(this.#bytes.subarray(reader.offset, reader.end), reader.offset));
        return;
      case 2:
        return each(() => scope.coreInstances.push(parseCoreInstance(reader, scope, builder)));
      case 4:
        scope.components.push({ start: reader.offset, end: reader.end, outer: [scope, ...outer] });
        return;
      case 5:
        return each(() => scope.instances.push(this.#instance(reader)));
      case 6:
        return each(() => parseAlias(reader, [scope, ...outer], builder));
      case 7:
        return each(() => scope.types.push(types.definition()));
      case 8:
        return each(() => parseCanon(reader, { types, scope, builder }));
      case 10:
        return each(() => this.#import(reader, types));
      case 11:
        return each(() => this.#export(reader, types));
      case 3:
        return reader.fail("core types are not supported");
      default:
        return reader.fail(`section ${id} is not supported`);
    }
  }

  #instance(reader: BinaryReader): InstanceItem {
    const form = reader.byte();
    if (form === 1) {
      return this.#namedItems(reader, () => readExternName(reader));
    }
    if (form !== 0) reader.fail(`instance form ${form}`);
    const component = reader.pick(this.#scope.components, reader.u32(), "component");
    const args = this.#namedItems(reader, () => reader.name());
    return new ComponentParser(this.#builder, this.#bytes, { ...component, args }).parse();
  }

  #namedItems(reader: BinaryReader, readName: () => string): ReadonlyMap<string, Item> {
    const items = new Map<string, Item>();
    reader.vector(() => {
      this.#builder.countDefinition();
      const name = readName();
      if (items.has(name)) reader.duplicate(name);
      items.set(name, readItem(reader, this.#scope));
    });
    return items;
  }

  #import(reader: BinaryReader, types: TypeParser): void {
    const start = reader.offset;
    const name = readExternName(reader);
    if (this.#importNames.has(name)) reader.duplicate(name);
    this.#importNames.add(name);
    const declared = types.externType();
    const { args } = this.#place;
    if (!args) {
      this.#scope.define(this.#fromHost(name, declared, reader));
      return;
    }
    const given = args.get(name);
    if (!given) reader.fail(`no argument for import ${quote(name)}`, start);
    const conformance = new Conformance(this.#builder, (problem) => reader.fail(`argument ${problem}`, start));
    this.#scope.define(conformance.item(given, declared, name));
  }

  #fromHost(name: string, declared: ExternType, reader: BinaryReader): Item {
    switch (declared.kind) {
      case "func":
        return { kind: "func", item: { kind: "import", ref: { instance: null, name }, type: declared.type } };
      case "type":
        return { kind: "type", item: declared.type };
      case "instance": {
        const items = new Map<string, Item>();
        for (const [member, extern] of exportsForImport(declared.type, this.#builder)) {
          if (extern.kind === "func") {
            const ref = { instance: name, name: member };
            items.set(member, { kind: "func", item: { kind: "import", ref, type: extern.type } });
          } else if (extern.kind === "type") items.set(member, { kind: "type", item: extern.type });
          else reader.fail(`import ${quote(name)} holds a ${extern.kind}`);
        }
        return { kind: "instance", item: items };
      }
      default:
        return reader.fail(`import ${quote(name)} is a ${declared.kind}`);
    }
  }

  #export(reader: BinaryReader, types: TypeParser): void {
    const start = reader.offset;
    const name = readExternName(reader);
    const given = readItem(reader, this.#scope);
    const declared = reader.optional(() => types.externType());
    if (this.#exports.has(name)) reader.duplicate(name);
    if (given.kind === "core-module") reader.fail("a core module is exported", start);
    const conformance = new Conformance(this.#builder, (problem) => reader.fail(`export ${problem}`, start));
    const item = declared ? conformance.item(given, declared, name) : given;
    this.#exports.set(name, item);
    this.#scope.define(item);
  }
}
