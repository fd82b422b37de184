import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import { isGreenticError } from "../../types/index.ts";
import { linkComponent, parseComponent } from "./index.ts";
import { MEMORY, RUN } from "./testing/wat-component.ts";
import { verifies } from "../../../test/verifies.ts";

/** Gives what a component is refused with; a component that loads fails the test. */
async function refusal(
  wat: string,
): Promise<{ readonly code: string; readonly message: string; readonly at: unknown }> {
  const bytes = await parse(wat);
  try {
    linkComponent(parseComponent(bytes), () => ({ isAsync: false, call: () => undefined }));
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return { code: error.code, message: error.message, at: error.details?.["offset"] };
  }
  throw new Error("It was not refused");
}

async function refused(wat: string, problem: string, code = "COMPONENT_BINARY_INVALID"): Promise<void> {
  const found = await refusal(wat);
  expect(found.message).toContain(problem);
  expect(found.code).toBe(code);
  expect(found.at).toBeGreaterThan(0);
  expect(found.message).toContain(`at offset ${String(found.at)}:`);
}

const lifting = (core: string, type: string, options = ""): string => `(component
  (core module $m ${MEMORY} ${core})
  (core instance $i (instantiate $m))
  (func (export "run") ${type} (canon lift (core func $i "run") ${options})))`;
const ALL = `(memory (core memory $i "memory")) (realloc (core func $i "realloc"))`;

describe("a lifted function whose core side lies is refused at load", () => {
  test.each([
    ["its parameter", `(func (export "run") (param i64))`, `(param "n" u32)`, "", "(i32) -> (), got function (i64)"],
    [
      "its result",
      `(func (export "run") (result f32) (f32.const 0))`,
      `(result f64)`,
      "",
      "-> (f64), got function () -> (f32)",
    ],
    ["too few parameters", `(func (export "run") (param i32))`, `(param "s" string)`, ALL, "(i32 i32) -> ()"],
    ["no result", `(func (export "run"))`, `(result string)`, ALL, "() -> (i32), got function () -> ()"],
    [
      "seventeen parameters not in memory",
      `(func (export "run") (param ${"i32 ".repeat(17)}))`,
      Array.from({ length: 17 }, (_, index) => `(param "p${index}" u8)`).join(" "),
      ALL,
      "(i32) -> (), got function (i32 i32",
    ],
    ["a global", `(global (export "run") i32 (i32.const 0))`, "", "", `core export "run" is a global`],
    ["nothing", "", "", "", `no export "run"`],
    ["no memory", `(func (export "run") (result i32) (i32.const 0))`, `(result string)`, "", "names none"],
    [
      "no realloc",
      `(func (export "run") (param i32 i32))`,
      `(param "s" string)`,
      `(memory (core memory $i "memory"))`,
      "names no realloc",
    ],
    [
      "a realloc of another type",
      `(func (export "run") (param i32 i32)) (func (export "free") (param i32))`,
      `(param "s" string)`,
      `(memory (core memory $i "memory")) (realloc (core func $i "free"))`,
      "realloc must be a function (i32 i32 i32 i32) -> (i32)",
    ],
    [
      "a post-return of another type",
      `(func (export "run") (result i32) (i32.const 0)) (func (export "free") (param i64))`,
      `(result string)`,
      `${ALL} (post-return (core func $i "free"))`,
      "post-return must be a function (i32) -> ()",
    ],
  ])("%s", (_what, core, type, options, problem) => refused(lifting(core, type, options), problem));

  test("flat variants are joined, and their joined types are asked for", async () => {
    verifies("component.validated");
    const type = `(type $v (variant (case "a" f32) (case "b" u64))) (export $w "w" (type $v))`;
    const component = (params: string): string => `(component ${type}
      (core module $m (func (export "run") (param ${params}))) (core instance $i (instantiate $m))
      (func (export "run") (param "v" $w) (canon lift (core func $i "run"))))`;
    await refused(component("i32 f32"), "(i32 i64) -> ()");
    expect(parseComponent(await parse(component("i32 i64"))).exports).toHaveLength(1);
  });
});

describe("a core module whose imports don't fit is refused at load", () => {
  const wiring = (imports: string, withs: string): string => `(component
    (import "f" (func $f (param "n" u32) (result u64)))
    (core func $g (canon lower (func $f)))
    (core module $l (memory (export "memory") 1 2) (table (export "table") 1 funcref)
      (global (export "global") i32 (i32.const 0)))
    (core instance $l (instantiate $l))
    (core module $m ${imports})
    (core instance (instantiate $m ${withs})))`;
  const withF = `(with "h" (instance (export "f" (func $g))))`;
  const withL = `(with "l" (instance $l))`;
  test.each([
    ["a lowered function", `(import "h" "f" (func (param i32) (result i32)))`, withF, "got function (i32) -> (i64)"],
    ["no instance", `(import "h" "f" (func (param i32) (result i64)))`, "", "has no argument"],
    ["no export", `(import "h" "g" (func))`, withF, "got nothing"],
    ["another sort", `(import "l" "memory" (func))`, withL, "got memory with 1 to 2"],
    ["a larger memory", `(import "l" "memory" (memory 2))`, withL, "memory with at least 2, got memory with 1 to 2"],
    ["a smaller maximum", `(import "l" "memory" (memory 1 1))`, withL, "memory with 1 to 1"],
    ["another table", `(import "l" "table" (table 1 externref))`, withL, "got table of funcref with at least 1"],
    ["a mutable global", `(import "l" "global" (global (mut i32)))`, withL, "mutable global i32, got global i32"],
  ])("%s", (_what, imports, withs, problem) => refused(wiring(imports, withs), problem));

  test("what does fit loads", async () => {
    const imports = `(import "h" "f" (func (param i32) (result i64))) (import "l" "memory" (memory 1))
      (import "l" "table" (table 0 funcref)) (import "l" "global" (global i32))`;
    expect(parseComponent(await parse(wiring(imports, `${withF} ${withL}`))).coreInstances).toHaveLength(2);
  });

  test("a destructor takes a representation", () =>
    refused(
      `(component (core module $m (func (export "d") (param i64))) (core instance $i (instantiate $m))
        (type (resource (rep i32) (dtor (core func $i "d")))))`,
      "a destructor must be a function (i32) -> ()",
    ));
});

describe("a component that is given what it doesn't declare is refused at load", () => {
  const inner = (imported: string): string => `(component $inner ${imported})`;
  const outer = (imported: string, before: string, argument: string): string =>
    `(component ${inner(imported)} ${before} (instance (instantiate $inner (with "a" ${argument}))))`;
  const FUNCTION = `(import "f" (func $f (param "n" u32) (result string)))`;
  test.each([
    ["nothing", `(component (component $c (import "a" (func))) (instance (instantiate $c)))`, "no argument"],
    ["another kind", outer(`(import "a" (instance))`, FUNCTION, `(func $f)`), `argument "a" is a func, not a instance`],
    [
      "another parameter name",
      outer(`(import "a" (func (param "m" u32) (result string)))`, FUNCTION, `(func $f)`),
      `argument "a" has another type`,
    ],
    [
      "another parameter type",
      outer(`(import "a" (func (param "n" s32) (result string)))`, FUNCTION, `(func $f)`),
      `argument "a" has another type`,
    ],
    [
      "another result",
      outer(`(import "a" (func (param "n" u32)))`, FUNCTION, `(func $f)`),
      `argument "a" has another type`,
    ],
    [
      "an instance that lacks a function",
      outer(
        `(import "a" (instance (export "f" (func)) (export "g" (func))))`,
        `(import "b" (instance $b (export "f" (func))))`,
        `(instance $b)`,
      ),
      `has no func "g"`,
    ],
    [
      "a record with other fields",
      outer(
        `(type $r (record (field "x" u8))) (import "a" (type (eq $r)))`,
        `(type $r (record (field "y" u8)))`,
        `(type $r)`,
      ),
      `type "a" is another`,
    ],
    [
      "an enum with other cases",
      outer(`(type $r (enum "x" "y")) (import "a" (type (eq $r)))`, `(type $r (enum "y" "x"))`, `(type $r)`),
      `type "a" is another`,
    ],
    [
      "a value type for a resource",
      outer(`(import "a" (type (sub resource)))`, `(type $r (enum "x"))`, `(type $r)`),
      `type "a" is not a resource`,
    ],
  ])("%s", (_what, wat, problem) => refused(wat, problem));

  test("resources are told apart by identity, not by form", async () => {
    const user = `(component $user
      (import "r" (type $r (sub resource)))
      (import "f" (func (param "r" (own $r)))))`;
    const component = (given: string): string => `(component ${user}
      (type $a (resource (rep i32))) (type $b (resource (rep i32)))
      (core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
      (func $f (param "r" (own $a)) (canon lift (core func $i "f")))
      (instance (instantiate $user (with "r" (type ${given})) (with "f" (func $f)))))`;
    await refused(component("$b"), `argument "f" has another type`);
    expect(parseComponent(await parse(component("$a"))).instanceCount).toBe(2);
  });

  test("what an argument has beyond its declaration is not seen", () =>
    refused(
      `(component
        (component $c (import "a" (instance $a (export "f" (func)))) (alias export $a "g" (func)))
        (import "b" (instance $b (export "f" (func)) (export "g" (func))))
        (instance (instantiate $c (with "a" (instance $b)))))`,
      `no export "g"`,
    ));

  test("an export is what it is declared to be", () =>
    refused(`(component (import "f" (func $f)) (export "g" (func $f) (func (param "n" u8))))`, `"g" has another type`));
});

describe("definitions that are not allowed are refused at load", () => {
  test.each([
    ["an import twice", `(component (import "f" (func)) (import "f" (func)))`, `"f" stands twice`],
    [
      "an export twice",
      `(component (import "f" (func $f)) (export "g" (func $f)) (export "g" (func $f)))`,
      `"g" stands twice`,
    ],
    [
      "an argument twice",
      `(component (component $c) (import "f" (func $f))
        (instance (instantiate $c (with "a" (func $f)) (with "a" (func $f)))))`,
      `"a" stands twice`,
    ],
    ["a parameter twice", `(component (type (func (param "a" u8) (param "a" u8))))`, "parameters with the same name"],
    ["fields of one JavaScript name", `(component (type (record (field "a-b" u8) (field "a-B" u8))))`, "same name"],
    [
      "a borrow that is returned",
      `(component (type $r (resource (rep i32))) (type (func (result (borrow $r)))))`,
      "returns a borrow",
    ],
    [
      "a borrow that is returned in a list",
      `(component (type $r (resource (rep i32))) (type (func (result (list (borrow $r))))))`,
      "returns a borrow",
    ],
    [
      "an outer resource",
      `(component $o (type $r (resource (rep i32))) (component $c (alias outer $o $r (type))) (instance (instantiate $c)))`,
      "outer type that names a resource",
    ],
    [
      "resource.new of another's resource",
      `(component (import "r" (type $r (sub resource))) (core func (canon resource.new $r)))`,
      "another component defines",
    ],
    ["a name with an underscore", `(component (import "__proto__" (func)))`, "is not a name of an import"],
  ])("%s", (_what, wat, problem) => refused(wat, problem));
});

describe("what belongs to the asynchronous ABI is refused by its own code", () => {
  const withMemory = (rest: string): string => `(component
    (core module $m ${MEMORY} (func (export "f") (result i32) (i32.const 0)) (func (export "c") (param i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m)) ${rest})`;
  test.each([
    ["an async function type", `(component (type (func async)))`],
    ["a stream", `(component (type (stream u8)))`],
    ["a future", `(component (type (future string)))`],
    ["an error context", `(component (type (func (param "e" error-context))))`],
    [
      "a stream inside an imported interface",
      `(component (import "a:b/c" (instance (export "f" (func (result (stream u8)))))))`,
    ],
    ["async lift", withMemory(`(func (canon lift (core func $i "f") async (callback (core func $i "c"))))`)],
    [
      "async lower",
      withMemory(`(import "g" (func $g)) (core func (canon lower (func $g) async (memory (core memory $i "memory"))))`),
    ],
    ["task.return", `(component (core func (canon task.return)))`],
    ["task.cancel", `(component (core func (canon task.cancel)))`],
    ["backpressure", `(component (core func (canon backpressure.inc)))`],
    ["context.get", `(component (core func (canon context.get i32 0)))`],
    ["subtask.drop", `(component (core func (canon subtask.drop)))`],
    ["waitable-set.new", `(component (core func (canon waitable-set.new)))`],
    ["stream.new", `(component (type $s (stream u8)) (core func (canon stream.new $s)))`],
    ["error-context.drop", `(component (core func (canon error-context.drop)))`],
  ])("%s", async (_what, wat) => {
    verifies("component.async-refused");
    const found = await refusal(wat);
    expect(found.code).toBe("COMPONENT_ASYNC_UNSUPPORTED");
    expect(found.at).toBeGreaterThan(0);
  });
});

test("names that mean something to JavaScript are plain names", async () => {
  verifies("component.canonical-abi");
  const bytes = await parse(`(component
    (type $r (record (field "constructor" (option u8)) (field "to-string" u8) (field "then" u8) (field "has-own-property" (option u8))))
    (export $rec "rec" (type $r))
    (type $v (variant (case "constructor" u8) (case "then") (case "value-of"))) (export $var "var" (type $v))
    (type $e (enum "constructor" "then" "to-string")) (export $en "en" (type $e))
    (type $f (flags "constructor" "then" "value-of")) (export $fl "fl" (type $f))
    (core module $m
      (func (export "id") (param i32) (result i32) (local.get 0))
      (memory (export "memory") 1)
      (func (export "rec") (param i32 i32 i32 i32 i32 i32) (result i32)
        (i32.store8 (i32.const 0) (local.get 0)) (i32.store8 (i32.const 1) (local.get 1))
        (i32.store8 (i32.const 2) (local.get 2)) (i32.store8 (i32.const 3) (local.get 3))
        (i32.store8 (i32.const 4) (local.get 4)) (i32.store8 (i32.const 5) (local.get 5)) (i32.const 0))
      (func (export "var") (param i32 i32) (result i32)
        (i32.store8 (i32.const 0) (local.get 0)) (i32.store8 (i32.const 1) (local.get 1)) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "then") (param "constructor" $rec) (result $rec)
      (canon lift (core func $i "rec") (memory (core memory $i "memory"))))
    (func (export "constructor") (param "then" $var) (result $var)
      (canon lift (core func $i "var") (memory (core memory $i "memory"))))
    (func (export "to-string") (param "v" $en) (result $en) (canon lift (core func $i "id")))
    (func (export "value-of") (param "v" $fl) (result $fl) (canon lift (core func $i "id"))))`);
  const instance = linkComponent(parseComponent(bytes), () => undefined).instantiate(undefined);
  // From JSON, since `then` in an object looks like a mistake to a linter.
  const call = (name: string, json: string): Promise<unknown> => instance.call({ ...RUN, name }, [JSON.parse(json)]);
  const same = async (name: string, json: string): Promise<void> => {
    expect(await call(name, json)).toEqual(JSON.parse(json));
  };
  await same("then", '{"constructor":1,"toString":2,"then":3,"hasOwnProperty":4}');
  // What a caller leaves out is absent, not what its prototype has.
  expect(JSON.stringify(await call("then", '{"toString":2,"then":3}'))).toBe('{"toString":2,"then":3}');
  await same("constructor", '{"tag":"constructor","val":7}');
  await same("constructor", '{"tag":"then"}');
  await same("to-string", '"constructor"');
  await same("value-of", '{"constructor":false,"then":true,"valueOf":false}');
  expect(await call("value-of", "{}")).toEqual(JSON.parse('{"constructor":false,"then":false,"valueOf":false}'));
});
