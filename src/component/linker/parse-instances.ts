import { quote } from "../../types/index.ts";
import type { BinaryReader } from "./binary-reader.ts";
import type { CoreRef } from "./component-types.ts";
import { CoreMatching } from "./core-matching.ts";
import type { CoreType } from "./core-types.ts";
import { refuseReserved } from "./fuel-meter.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { CoreInstanceItem, Item, Scope, TypeItem } from "./scope.ts";
import { typeWeight } from "./type-weight.ts";

/** Reads a sort and an index, and picks the item. */
export function readItem(reader: BinaryReader, scope: Scope): Item {
  const start = reader.offset;
  const sort = reader.byte();
  switch (sort) {
    case 0:
      reader.expect(0x11, "core module");
      return { kind: "core-module", item: reader.pick(scope.coreModules, reader.u32(), "core module") };
    case 1:
      return { kind: "func", item: reader.pick(scope.funcs, reader.u32(), "function") };
    case 3:
      return { kind: "type", item: reader.pick(scope.types, reader.u32(), "type") };
    case 4:
      return { kind: "component", item: reader.pick(scope.components, reader.u32(), "component") };
    case 5:
      return { kind: "instance", item: reader.pick(scope.instances, reader.u32(), "instance") };
    default:
      return reader.fail(`sort ${sort} is not supported`, start);
  }
}

/** Reads one definition of the core instance section. */
export function parseCoreInstance(reader: BinaryReader, scope: Scope, builder: PlanBuilder): CoreInstanceItem {
  const start = reader.offset;
  const form = reader.byte();
  if (form === 0) {
    const module = reader.pick(scope.coreModules, reader.u32(), "core module");
    const given = new Map<string, CoreInstanceItem>();
    reader.vector(() => {
      builder.countDefinition();
      const name = reader.name();
      reader.expect(0x12, "core instance");
      if (given.has(name)) reader.duplicate(name);
      given.set(name, reader.pick(scope.coreInstances, reader.u32(), "core instance"));
    });
    const args = new CoreMatching(reader, builder).arguments(module, given, start);
    return { kind: "instance", coreInstance: builder.addCoreInstance({ module, args }) };
  }
  if (form !== 1) reader.fail(`core instance form ${form}`);
  const items = new Map<string, CoreRef>();
  reader.vector(() => {
    builder.countDefinition();
    const name = reader.name();
    refuseReserved(name, reader);
    const space = coreSpace(reader, scope, reader.byte());
    if (items.has(name)) reader.duplicate(name);
    items.set(name, reader.pick(space, reader.u32(), "core definition"));
  });
  return { kind: "bundle", items };
}

function coreSpace(reader: BinaryReader, scope: Scope, sort: number): CoreRef[] {
  switch (sort) {
    case 0:
      return scope.coreFuncs;
    case 1:
      return scope.coreTables;
    case 2:
      return scope.coreMemories;
    case 3:
      return scope.coreGlobals;
    default:
      return reader.fail(`core sort ${sort} is not supported`);
  }
}

/** Reads one definition of the alias section; `scopes` are the component's own and those around it, nearest first. */
export function parseAlias(reader: BinaryReader, scopes: readonly [Scope, ...Scope[]], builder: PlanBuilder): void {
  const [scope] = scopes;
  const start = reader.offset;
  const sort = reader.byte();
  const coreSort = sort === 0 ? reader.byte() : undefined;
  const target = reader.byte();
  switch (target) {
    case 0: {
      const instance = reader.pick(scope.instances, reader.u32(), "instance");
      const name = reader.name();
      const item = instance.get(name);
      if (!item) reader.fail(`instance has no export ${quote(name)}`, start);
      const expected = coreSort === 0x11 ? "core-module" : SORT_KIND.get(sort);
      if (item.kind !== expected) reader.fail(`export ${quote(name)} is a ${item.kind}`, start);
      scope.define(item);
      return;
    }
    case 1: {
      if (coreSort === undefined) reader.fail("core export alias of a component sort", start);
      const instance = reader.pick(scope.coreInstances, reader.u32(), "core instance");
      const name = reader.name();
      refuseReserved(name, reader);
      const ref = coreExport(reader, instance, name);
      const type = builder.coreTypeOf(ref);
      if (!type) reader.fail(`core instance has no export ${quote(name)}`, start);
      if (type.kind !== CORE_KINDS[coreSort]) reader.fail(`core export ${quote(name)} is a ${type.kind}`, start);
      coreSpace(reader, scope, coreSort).push(ref);
      return;
    }
    case 2: {
      const outer = reader.pick(scopes, reader.u32(), "outer scope");
      const index = reader.u32();
      if (sort === 3) {
        const type = reader.pick(outer.types, index, "type");
        if (outer !== scope) refuseOuterResource(type, reader, start);
        scope.types.push(type);
      } else if (sort === 4) scope.components.push(reader.pick(outer.components, index, "component"));
      else if (coreSort === 0x11) scope.coreModules.push(reader.pick(outer.coreModules, index, "core module"));
      else reader.fail(`outer alias of sort ${sort}`, start);
      return;
    }
    default:
      reader.fail(`alias target ${target}`, start);
  }
}

/** Resources are made anew with every instance, so a component can't know those of the one around it. */
export function refuseOuterResource(type: TypeItem, reader: BinaryReader, at: number): void {
  if (namesResource(type)) reader.fail("an alias of an outer type that names a resource", at);
}

function namesResource(type: TypeItem): boolean {
  switch (type.kind) {
    case "resource":
      return true;
    case "func":
      return (
        type.params.some((param) => namesResource(param.type)) || (type.result !== null && namesResource(type.result))
      );
    case "instance-type":
    case "component-type":
      return false;
    default:
      return typeWeight(type).hasResource;
  }
}

const CORE_KINDS: readonly CoreType["kind"][] = ["func", "table", "memory", "global"];

const SORT_KIND: ReadonlyMap<number, Item["kind"]> = new Map([
  [1, "func"],
  [3, "type"],
  [4, "component"],
  [5, "instance"],
] as const);

function coreExport(reader: BinaryReader, instance: CoreInstanceItem, name: string): CoreRef {
  if (instance.kind === "instance") return { kind: "export", coreInstance: instance.coreInstance, name };
  const ref = instance.items.get(name);
  return ref ?? reader.fail(`core instance has no export ${quote(name)}`);
}
