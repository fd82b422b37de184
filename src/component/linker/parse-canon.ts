import type { BinaryReader } from "./binary-reader.ts";
import type { CoreRef } from "./component-types.ts";
import { CoreMatching } from "./core-matching.ts";
import { functionAbi } from "./function-abi.ts";
import type { TypeParser } from "./parse-types.ts";
import type { PlanBuilder } from "./plan-builder.ts";
import type { CanonOptions, StringEncoding } from "./plan.ts";
import { refuseAsync } from "./refuse-async.ts";
import type { Scope } from "./scope.ts";

const ENCODINGS: readonly StringEncoding[] = ["utf8", "utf16", "latin1+utf16"];
const RESOURCE_OPERATIONS = ["resource-new", "resource-drop", "resource-rep"] as const;

/** Reads one definition of the canon section. */
export function parseCanon(
  reader: BinaryReader,
  where: { readonly types: TypeParser; readonly scope: Scope; readonly builder: PlanBuilder },
): void {
  const { types, scope, builder } = where;
  const matching = new CoreMatching(reader, builder);
  const start = reader.offset;
  const operation = reader.byte();
  switch (operation) {
    case 0x00: {
      reader.expect(0, "core function");
      const core = reader.pick(scope.coreFuncs, reader.u32(), "core function");
      if (core.kind !== "export") reader.fail("a lifted function is not a core module's", start);
      const options = canonOptions(reader, scope);
      const type = types.functionAt(reader.u32());
      matching.lift(core, functionAbi(type), { options, at: start });
      const lift = builder.lifts.push({ core, type, options, instance: scope.instance }) - 1;
      scope.funcs.push({ kind: "lift", lift });
      return;
    }
    case 0x01: {
      reader.expect(0, "function");
      const func = reader.pick(scope.funcs, reader.u32(), "function");
      const options = canonOptions(reader, scope);
      if (options.postReturn) reader.fail("post-return on a lowered function", start);
      const lower = builder.addLower(func, { options, instance: scope.instance });
      const abi = functionAbi(builder.lowers[lower]?.type ?? reader.fail("a broken lowering", start));
      matching.options(abi, { options, at: start, allocates: abi.callerAllocates });
      scope.coreFuncs.push({ kind: "lower", lower });
      return;
    }
    case 0x02:
    case 0x03:
    case 0x04: {
      const kind = RESOURCE_OPERATIONS[operation - 2] ?? "resource-drop";
      const resource = types.resourceAt(reader.u32());
      if (kind !== "resource-drop" && resource.definedBy !== scope.instance) {
        reader.fail(`${kind} of a resource that another component defines`, start);
      }
      scope.coreFuncs.push({ kind, resource, instance: scope.instance });
      return;
    }
    default:
      // Everything else in the table belongs to the asynchronous ABI and to threads.
      if (operation <= 0x42) return refuseAsync(`canonical function 0x${operation.toString(16)}`, reader, start);
      reader.fail(`canonical function 0x${operation.toString(16)} is unknown`, start);
  }
}

function canonOptions(reader: BinaryReader, scope: Scope): CanonOptions {
  let encoding: StringEncoding | undefined;
  let memory: CoreRef | null = null;
  let realloc: CoreRef | null = null;
  let postReturn: CoreRef | null = null;
  const func = (taken: CoreRef | null): CoreRef => {
    if (taken) reader.fail("a canonical option stands twice");
    return reader.pick(scope.coreFuncs, reader.u32(), "core function");
  };
  reader.vector(() => {
    const start = reader.offset;
    const kind = reader.byte();
    switch (kind) {
      case 0:
      case 1:
      case 2:
        if (encoding) reader.fail("a canonical option stands twice", start);
        encoding = ENCODINGS[kind];
        return;
      case 3:
        if (memory) reader.fail("a canonical option stands twice", start);
        memory = reader.pick(scope.coreMemories, reader.u32(), "core memory");
        return;
      case 4:
        realloc = func(realloc);
        return;
      case 5:
        postReturn = func(postReturn);
        return;
      case 6:
      case 7:
        refuseAsync("an asynchronous canonical option", reader, start);
      default:
        reader.fail(`canonical option ${kind}`, start);
    }
  });
  return { encoding: encoding ?? "utf8", memory, realloc, postReturn };
}
