import { quote } from "../../types/index.ts";
import type { BinaryReader } from "./binary-reader.ts";
import type { FunctionType, NamedType, PrimitiveKind, ResourceType, ValueType } from "./component-types.ts";
import { CoreMatching } from "./core-matching.ts";
import { readExternName, readLabel } from "./extern-name.ts";
import { refuseOuterResource } from "./parse-instances.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import { refuseAsync } from "./refuse-async.ts";
import { fieldName } from "./names.ts";
import type { ExternType, InstanceType, TypeItem } from "./scope.ts";
import { Scope } from "./scope.ts";
import { typeWeight } from "./type-weight.ts";

const PRIMITIVES: readonly (readonly [number, PrimitiveKind])[] = [
  [0x7f, "bool"],
  [0x7e, "s8"],
  [0x7d, "u8"],
  [0x7c, "s16"],
  [0x7b, "u16"],
  [0x7a, "s32"],
  [0x79, "u32"],
  [0x78, "s64"],
  [0x77, "u64"],
  [0x76, "f32"],
  [0x75, "f64"],
  [0x74, "char"],
  [0x73, "string"],
];
const PRIMITIVE_OF = new Map<number, ValueType>(PRIMITIVES.map(([code, kind]) => [code, { kind }]));
const ERROR_CONTEXT = 0x64;

/** Reads type definitions into one scope; `outer` are the scopes around it, nearest first. */
export class TypeParser {
  readonly #reader: BinaryReader;
  readonly #builder: PlanBuilder;
  readonly #scope: Scope;
  readonly #outer: readonly Scope[];
  /** Undefined in a component; in a type, the resources that it introduces. */
  readonly #introduces: ResourceType[] | undefined;

  constructor(
    reader: BinaryReader,
    builder: PlanBuilder,
    where: { readonly scope: Scope; readonly outer: readonly Scope[]; readonly introduces?: ResourceType[] },
  ) {
    this.#reader = reader;
    this.#builder = builder;
    this.#scope = where.scope;
    this.#outer = where.outer;
    this.#introduces = where.introduces;
  }

  /** Reads a type definition. */
  definition(): TypeItem {
    const reader: BinaryReader = this.#reader;
    this.#builder.countDefinition();
    const code = reader.peek();
    const start = reader.offset;
    if (code === 0x40) return this.#function();
    if (code === 0x43) return refuseAsync("an asynchronous function type", reader, start);
    if (code === 0x3e) return refuseAsync("a resource with an asynchronous destructor", reader, start);
    if (code === 0x3f) return this.#resource();
    if (code === 0x41 || code === 0x42) return this.#declarations(code);
    const type = this.#valueDefinition();
    const weight = typeWeight(type);
    if (weight.depth > this.#builder.limits.maxNesting) reader.fail("type nested too deep", start);
    if (weight.size > MAX_TYPE_BYTES) reader.fail(`type of more than ${MAX_TYPE_BYTES} bytes`, start);
    return type;
  }

  /** Reads what an import or export is declared to be. */
  externType(): ExternType {
    const reader: BinaryReader = this.#reader;
    const start = reader.offset;
    const code = reader.byte();
    switch (code) {
      case 0x00:
        return reader.fail("core modules can't be imported or declared", start);
      case 0x01:
        return { kind: "func", type: this.functionAt(reader.u32()) };
      case 0x03: {
        const bound = reader.byte();
        if (bound === 0) return { kind: "type", type: this.typeAt(reader.u32()), isAbstract: false };
        if (bound !== 1) reader.fail(`type bound ${bound}`, start);
        const resource = this.#builder.addResource(null, null);
        this.#introduces?.push(resource);
        return { kind: "type", type: resource, isAbstract: true };
      }
      case 0x04:
        if (this.typeAt(reader.u32()).kind !== "component-type") reader.fail("not a component type", start);
        return { kind: "component" };
      case 0x05: {
        const type = this.typeAt(reader.u32());
        if (type.kind !== "instance-type") reader.fail("not an instance type", start);
        return { kind: "instance", type };
      }
      default:
        return reader.fail(`extern type 0x${code.toString(16)} is not supported`, start);
    }
  }

  typeAt(index: number): TypeItem {
    return this.#reader.pick(this.#scope.types, index, "type");
  }

  functionAt(index: number): FunctionType {
    const type = this.typeAt(index);
    return type.kind === "func" ? type : this.#reader.fail(`type ${index} is not a function type`);
  }

  resourceAt(index: number): ResourceType {
    const type = this.typeAt(index);
    return type.kind === "resource" ? type : this.#reader.fail(`type ${index} is not a resource`);
  }

  #value(): ValueType {
    const reader: BinaryReader = this.#reader;
    const code = reader.peek();
    if (code === ERROR_CONTEXT) refuseAsync("an error-context", reader, reader.offset);
    const primitive = PRIMITIVE_OF.get(code);
    if (primitive) {
      reader.byte();
      return primitive;
    }
    const type = this.typeAt(reader.u32());
    switch (type.kind) {
      case "func":
      case "resource":
      case "instance-type":
      case "component-type":
        return reader.fail("not a value type");
      default:
        return type;
    }
  }

  #valueDefinition(): ValueType {
    const reader: BinaryReader = this.#reader;
    const start = reader.offset;
    const code = reader.peek();
    if (PRIMITIVE_OF.has(code)) return this.#value();
    reader.byte();
    switch (code) {
      case 0x72:
        return { kind: "record", fields: this.#named("fields") };
      case 0x71:
        return { kind: "variant", cases: this.#cases() };
      case 0x70:
        return { kind: "list", element: this.#value() };
      case 0x6f:
        return { kind: "tuple", items: this.#filled(reader.vector(() => this.#value())) };
      case 0x6e:
        return { kind: "flags", names: this.#labels() };
      case 0x6d:
        return { kind: "enum", names: this.#labels() };
      case 0x6b:
        return { kind: "option", some: this.#value() };
      case 0x6a:
        return {
          kind: "result",
          ok: reader.optional(() => this.#value()),
          err: reader.optional(() => this.#value()),
        };
      case 0x69:
        return { kind: "own", resource: this.resourceAt(reader.u32()) };
      case 0x68:
        return { kind: "borrow", resource: this.resourceAt(reader.u32()) };
      case 0x66:
      case 0x65:
        return refuseAsync(code === 0x66 ? "a stream" : "a future", reader, start);
      case ERROR_CONTEXT:
        return refuseAsync("an error-context", reader, start);
      default:
        return reader.fail(`type 0x${code.toString(16)} is not supported`, start);
    }
  }

  #function(): FunctionType {
    const reader: BinaryReader = this.#reader;
    reader.byte();
    const params = reader.vector((): NamedType => ({ name: readLabel(reader), type: this.#value() }));
    this.#unique(
      params.map((param) => param.name),
      "parameters",
    );
    const start = reader.offset;
    const form = reader.byte();
    if (form === 0) {
      const result = this.#value();
      if (typeWeight(result).hasBorrow) reader.fail("a function returns a borrow", start);
      return { kind: "func", params, result };
    }
    if (form !== 1) reader.fail(`result list ${form}`);
    reader.expect(0, "empty result list");
    return { kind: "func", params, result: null };
  }

  #resource(): ResourceType {
    const reader: BinaryReader = this.#reader;
    if (this.#introduces) reader.fail("a resource is defined inside a type");
    reader.byte();
    reader.expect(0x7f, "representation i32");
    const start = reader.offset;
    const destructor = reader.optional(() => reader.pick(this.#scope.coreFuncs, reader.u32(), "core function"));
    if (destructor) {
      const matching = new CoreMatching(reader, this.#builder);
      matching.function(destructor, { params: "i", results: "" }, { name: "a destructor", at: start });
    }
    return this.#builder.addResource(this.#scope.instance, destructor);
  }

  /** Reads the declarations of a component type (0x41) or an instance type (0x42). */
  #declarations(code: number): TypeItem {
    const reader: BinaryReader = this.#reader;
    reader.byte();
    const outer = [this.#scope, ...this.#outer];
    this.#builder.checkNesting(outer.length);
    const scope = new Scope(this.#scope.instance);
    const introduces: ResourceType[] = [];
    const inner = new TypeParser(reader, this.#builder, { scope, outer, introduces });
    const exports = new Map<string, ExternType>();
    reader.vector(() => inner.#declaration(exports, code === 0x41));
    return code === 0x42 ? { kind: "instance-type", exports, introduces } : { kind: "component-type" };
  }

  #declaration(exports: Map<string, ExternType>, mayImport: boolean): void {
    const reader: BinaryReader = this.#reader;
    this.#builder.countDefinition();
    const kind = reader.byte();
    switch (kind) {
      case 0x01:
        this.#scope.types.push(this.definition());
        return;
      case 0x02:
        return this.#alias();
      case 0x03:
      case 0x04: {
        if (kind === 0x03 && !mayImport) reader.fail("an instance type imports");
        const name = readExternName(reader);
        const type = this.externType();
        if (type.kind === "type") this.#scope.types.push(type.type);
        else if (type.kind === "instance") {
          for (let count = type.type.exports.size; count > 0; count--) this.#builder.countDefinition();
          this.#scope.instances.push(declaredInstance(type.type));
        }
        if (kind === 0x03) return;
        if (exports.has(name)) reader.duplicate(name);
        exports.set(name, type);
        return;
      }
      default:
        reader.fail(`declaration 0x${kind.toString(16)} is not supported`);
    }
  }

  #alias(): void {
    const reader: BinaryReader = this.#reader;
    const start = reader.offset;
    const sort = reader.byte();
    const target = reader.byte();
    if (sort !== 3) reader.fail("only types can be aliased in a type", start);
    if (target === 2) {
      const scope = reader.pick([this.#scope, ...this.#outer], reader.u32(), "outer scope");
      const type = reader.pick(scope.types, reader.u32(), "type");
      if (scope.instance !== this.#scope.instance) refuseOuterResource(type, reader, start);
      this.#scope.types.push(type);
      return;
    }
    if (target !== 0) reader.fail(`alias target ${target}`, start);
    const instance = reader.pick(this.#scope.instances, reader.u32(), "instance");
    const name = reader.name();
    const item = instance.get(name);
    if (item?.kind !== "type") reader.fail(`instance has no type ${quote(name)}`, start);
    this.#scope.types.push(item.item);
  }

  #named(what: string): readonly NamedType[] {
    const reader: BinaryReader = this.#reader;
    const items = this.#filled(reader.vector((): NamedType => ({ name: readLabel(reader), type: this.#value() })));
    this.#unique(
      items.map((item) => item.name),
      what,
    );
    return items;
  }

  #cases(): readonly { readonly name: string; readonly type: ValueType | null }[] {
    const reader: BinaryReader = this.#reader;
    const cases = this.#filled(
      reader.vector(() => {
        const name = readLabel(reader);
        const type = reader.optional(() => this.#value());
        reader.expect(0, "end of case");
        return { name, type };
      }),
    );
    this.#unique(
      cases.map((item) => item.name),
      "cases",
    );
    return cases;
  }

  #labels(): readonly string[] {
    const reader: BinaryReader = this.#reader;
    const labels = this.#filled(reader.vector(() => readLabel(reader)));
    this.#unique(labels, "names");
    return labels;
  }

  #filled<T>(items: T[]): T[] {
    return items.length > 0 ? items : this.#reader.fail("a type without members");
  }

  /** Refuses labels that would be the same JavaScript name. */
  #unique(labels: readonly string[], what: string): void {
    const seen = new Set(labels.map(fieldName));
    if (seen.size !== labels.length) this.#reader.fail(`${what} with the same name`);
  }
}

/** Bytes in memory of one value of a type, nested lists not counted: above any honest type, below any harm. */
const MAX_TYPE_BYTES = 1 << 20;

/** An instance that is only known by its type: its types can be aliased, nothing else. */
function declaredInstance(type: InstanceType): ReadonlyMap<string, { readonly kind: "type"; readonly item: TypeItem }> {
  const items = new Map<string, { readonly kind: "type"; readonly item: TypeItem }>();
  for (const [name, extern] of type.exports) {
    if (extern.kind === "type") items.set(name, { kind: "type", item: extern.type });
  }
  return items;
}
