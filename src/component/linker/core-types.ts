import type { BinaryReader } from "./binary-reader.ts";
import { skipImmediates } from "./core-code.ts";
import type { Limits } from "./core-sections.ts";
import { readLimits, valueType } from "./core-sections.ts";

/** A core function's type; a letter per value as in {@link LETTERS}. */
export interface CoreFunctionType {
  readonly params: string;
  readonly results: string;
}

/** What a core module imports or exports. */
export type CoreType =
  | { readonly kind: "func"; readonly type: CoreFunctionType }
  | { readonly kind: "table"; readonly element: string; readonly limits: Limits }
  | { readonly kind: "memory"; readonly limits: Limits }
  | { readonly kind: "global"; readonly type: string; readonly isMutable: boolean };

interface CoreImport {
  readonly module: string;
  readonly name: string;
  readonly type: CoreType;
}

/** What can be known of a core module from outside, and the types of its functions. */
export interface CoreSignature {
  readonly types: readonly CoreFunctionType[];
  /** Of the functions that it defines. */
  readonly functions: readonly CoreFunctionType[];
  readonly tableCount: number;
  readonly globalCount: number;
  readonly imports: readonly CoreImport[];
  readonly exports: ReadonlyMap<string, CoreType>;
}

/** As codecs name them, and vectors and references. */
const LETTERS: ReadonlyMap<number, string> = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
  [0x7b, "v"],
  [0x70, "r"],
  [0x6f, "e"],
]);

function letter(reader: BinaryReader): string {
  return LETTERS.get(valueType(reader)) ?? reader.fail("unknown value type");
}

/** Reads a module's signature from its sections, which stay unread. @throws COMPONENT_BINARY_INVALID, COMPONENT_OPCODE_REFUSED */
export function readCoreSignature(sections: ReadonlyMap<number, BinaryReader>): CoreSignature {
  const read = <T>(id: number, item: (reader: BinaryReader) => T): T[] => {
    const reader = sections.get(id)?.part();
    return reader ? reader.vector(() => item(reader)) : [];
  };
  const types = read(1, functionType);
  const typeAt = (reader: BinaryReader): CoreFunctionType => reader.pick(types, reader.u32(), "core type");
  const imports = read(2, (reader) => ({
    module: reader.name(),
    name: reader.name(),
    type: importType(reader, typeAt),
  }));
  const functions = read(3, typeAt);
  const tables = read(4, tableType);
  const globals = read(6, (reader) => {
    const type = globalType(reader);
    skipExpression(reader);
    return type;
  });
  const spaceOf = (kind: CoreType["kind"], own: readonly CoreType[]): readonly CoreType[] => [
    ...imports.flatMap(({ type }) => (type.kind === kind ? [type] : [])),
    ...own,
  ];
  const spaces = [
    spaceOf(
      "func",
      functions.map((type) => ({ kind: "func", type })),
    ),
    spaceOf("table", tables),
    spaceOf(
      "memory",
      read(5, (reader) => ({ kind: "memory", limits: readLimits(reader) })),
    ),
    spaceOf("global", globals),
  ];
  const exports = new Map(
    read(7, (reader): [string, CoreType] => {
      const name = reader.name();
      const space = reader.pick(spaces, reader.byte(), "core sort");
      return [name, reader.pick(space, reader.u32(), "core definition")];
    }),
  );
  return { types, functions, tableCount: tables.length, globalCount: globals.length, imports, exports };
}

function functionType(reader: BinaryReader): CoreFunctionType {
  if (reader.byte() !== 0x60) reader.refuse("types other than functions (garbage collection)", reader.offset - 1);
  const letters = (): string => reader.vector(() => letter(reader)).join("");
  return { params: letters(), results: letters() };
}

function importType(reader: BinaryReader, typeAt: (reader: BinaryReader) => CoreFunctionType): CoreType {
  const kind = reader.byte();
  switch (kind) {
    case 0:
      return { kind: "func", type: typeAt(reader) };
    case 1:
      return tableType(reader);
    case 2:
      return { kind: "memory", limits: readLimits(reader) };
    case 3:
      return globalType(reader);
    default:
      return reader.refuse("exception tags", reader.offset - 1);
  }
}

function tableType(reader: BinaryReader): CoreType {
  if (reader.peek() === 0x40) reader.refuse("tables with an initial value");
  return { kind: "table", element: letter(reader), limits: readLimits(reader) };
}

function globalType(reader: BinaryReader): CoreType {
  const type = letter(reader);
  const mutability = reader.byte();
  if (mutability > 1) reader.refuse("shared globals", reader.offset - 1);
  return { kind: "global", type, isMutable: mutability === 1 };
}

function skipExpression(reader: BinaryReader): void {
  for (;;) {
    const op = reader.byte();
    if (op === 0x0b) return;
    skipImmediates(op, reader);
  }
}

/** Whether a definition can stand where another is imported. @see the core specification, import matching */
export function matches(given: CoreType, wanted: CoreType): boolean {
  switch (wanted.kind) {
    case "func":
      return given.kind === "func" && isSameFunction(given.type, wanted.type);
    case "table":
      return given.kind === "table" && given.element === wanted.element && isWithin(given.limits, wanted.limits);
    case "memory":
      return given.kind === "memory" && isWithin(given.limits, wanted.limits);
    default:
      return given.kind === "global" && given.type === wanted.type && given.isMutable === wanted.isMutable;
  }
}

function isSameFunction(a: CoreFunctionType, b: CoreFunctionType): boolean {
  return a.params === b.params && a.results === b.results;
}

function isWithin(given: Limits, wanted: Limits): boolean {
  return given.min >= wanted.min && given.max <= wanted.max;
}

const SPELLED: Readonly<Record<string, string>> = {
  i: "i32",
  I: "i64",
  f: "f32",
  F: "f64",
  v: "v128",
  r: "funcref",
  e: "externref",
};
/** More values than this are not spelled in a message. */
const MAX_SPELLED = 20;

/** Spells a core type for a message. */
export function spellCore(type: CoreType): string {
  const spell = (letters: string): string => {
    const shown = Array.from(letters.slice(0, MAX_SPELLED), (item) => SPELLED[item] ?? item).join(" ");
    return letters.length > MAX_SPELLED ? `${shown} …` : shown;
  };
  switch (type.kind) {
    case "func":
      return `function (${spell(type.type.params)}) -> (${spell(type.type.results)})`;
    case "table":
      return `table of ${spell(type.element)} with ${spellLimits(type.limits)}`;
    case "memory":
      return `memory with ${spellLimits(type.limits)}`;
    default:
      return `${type.isMutable ? "mutable " : ""}global ${spell(type.type)}`;
  }
}

function spellLimits({ min, max }: Limits): string {
  return max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;
}
