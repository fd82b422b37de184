import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import { functionAbi } from "../function-abi.ts";
import { parseComponent } from "../parse-component.ts";

/** A component whose exports `r0`, `r1`, … pass their value to the host's `e0`, `e1`, … and return what that answers. */
export interface EchoWorld {
  /** WIT declarations of the types that {@link types} name. */
  readonly declarations: string;
  /** One function per type. */
  readonly types: readonly string[];
  readonly encoding?: "utf8" | "utf16" | "compact-utf16";
}

export const ECHO_HOST = "t:t/host";
export const ECHO_GUEST = "t:t/guest";

const CORE_TYPE: Readonly<Record<string, string>> = { i: "i32", I: "i64", f: "f32", F: "f64" };

/** A memory with an allocator that only moves forward; post-return puts it back. */
export const ALLOCATOR = `
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func $alloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (block $done (loop $more
      (br_if $done (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
      (unreachable)))
    (local.get $at))
  (func $reset (global.set $next (i32.const 1024)))`;

function witOf(world: EchoWorld): string {
  const names = [...world.declarations.matchAll(/(?:record|variant|enum|flags|type) ([a-z0-9-]+)/g)].map(
    ([, name]) => name,
  );
  const functions = (prefix: string): string =>
    world.types.map((type, index) => `${prefix}${index}: func(v: ${type}) -> ${type};`).join("\n");
  const use = names.length > 0 ? `use types.{${names.join(", ")}};` : "";
  return `package t:t;
    interface types { ${world.declarations} }
    interface host { ${use} ${functions("e")} }
    interface guest { ${use} ${functions("r")} }
    world w { import host; export guest; }`;
}

/** Builds the component with jco's tools; the core signatures come from a dummy of the same world. */
export async function buildEcho(world: EchoWorld): Promise<Uint8Array> {
  const witSource = witOf(world);
  const dummy = await componentNew(await componentEmbed({ dummy: true, witSource, world: "w" }));
  const plan = parseComponent(dummy);
  const functions = world.types.map((_type, index) => {
    const found = plan.exports.find((item) => item.name === `r${index}`);
    if (!found) throw new TypeError(`Build echo component: no export r${index}`);
    return echoFunction(index, functionAbi(found.type));
  });
  const wat = `(module
    ${functions.map((item) => item.importWat).join("\n")}
    ${ALLOCATOR}
    ${functions.map((item) => item.exportWat).join("\n")})`;
  const binary = await parse(wat);
  const stringEncoding = world.encoding ?? "utf8";
  return componentNew(await componentEmbed({ binary, witSource, world: "w", stringEncoding }));
}

function echoFunction(index: number, abi: ReturnType<typeof functionAbi>): { importWat: string; exportWat: string } {
  const [param] = abi.params;
  const { result } = abi;
  if (!param || !result) throw new TypeError("Build echo component: a function without a value");
  const flat = abi.paramsInMemory ? ["i32"] : Array.from(param.flat, (type) => CORE_TYPE[type] ?? "");
  const params = flat.map((type) => `(param ${type})`).join(" ");
  const pass = flat.map((_type, at) => `(local.get ${at})`).join(" ");
  const coreResult = abi.resultInMemory ? "i32" : (CORE_TYPE[result.flat] ?? "");
  const importResult = abi.resultInMemory ? "(param i32)" : `(result ${coreResult})`;
  const place = flat.length;
  const body = abi.resultInMemory
    ? `(local i32)
       (local.set ${place} (call $alloc (i32.const 0) (i32.const 0) (i32.const ${result.align}) (i32.const ${result.size})))
       (call $e${index} ${pass} (local.get ${place})) (local.get ${place})`
    : `(call $e${index} ${pass})`;
  return {
    importWat: `(import "${ECHO_HOST}" "e${index}" (func $e${index} ${params} ${importResult}))`,
    exportWat: `(func (export "${ECHO_GUEST}#r${index}") ${params} (result ${coreResult}) ${body})
      (func (export "cabi_post_${ECHO_GUEST}#r${index}") (param ${coreResult}) (call $reset))`,
  };
}
