import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { linkComponent, parseComponent } from "./index.ts";
import type { GuestResource, HostFunction, LinkedComponent } from "./index.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";
import { MEMORY } from "./testing/wat-component.ts";

const at = (name: string): { interface: null; name: string } => ({ interface: null, name });
const trap = (reason: string): unknown => expect.objectContaining({ name: "Trap", reason });

const ITEM = `(export "item" (type $item (sub resource)))
  (export "make" (func (param "n" u32) (result (own $item))))
  (export "value" (func (param "i" (borrow $item)) (result u32)))`;

/** $last looks at a borrowed item, $middle passes it on to $last, $first owns it and lends it to $middle. */
const CHAIN = `(component
  (import "t:t/store" (instance $store ${ITEM}))
  (alias export $store "item" (type $item))
  (component $last
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (core func $value (canon lower (func $s "value")))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "value" (func $value (param i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (global $kept (mut i32) (i32.const 0))
      (func (export "look") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $value (local.get 0)))
        (if (i32.eq (local.get 1) (i32.const 1)) (then (return (local.get 2))))
        (global.set $kept (local.get 0)) (call $drop (local.get 0)) (local.get 2))
      (func (export "again") (result i32) (call $value (global.get $kept))))
    (core instance $i (instantiate $m (with "s" (instance (export "value" (func $value)) (export "drop" (func $drop))))))
    (func (export "look") (param "i" (borrow $item)) (param "how" u32) (result u32) (canon lift (core func $i "look")))
    (func (export "again") (result u32) (canon lift (core func $i "again"))))
  (component $middle
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (import "look" (func $look (param "i" (borrow $item)) (param "how" u32) (result u32)))
    (core func $look (canon lower (func $look)))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "look" (func $look (param i32 i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (func (export "pass") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $look (local.get 0) (local.get 1)))
        (if (i32.ne (local.get 1) (i32.const 2)) (then (call $drop (local.get 0))))
        (local.get 2)))
    (core instance $i (instantiate $m (with "s" (instance (export "look" (func $look)) (export "drop" (func $drop))))))
    (func (export "pass") (param "i" (borrow $item)) (param "how" u32) (result u32) (canon lift (core func $i "pass"))))
  (component $first
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (import "pass" (func $pass (param "i" (borrow $item)) (param "how" u32) (result u32)))
    (core func $make (canon lower (func $s "make")))
    (core func $pass (canon lower (func $pass)))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "make" (func $make (param i32) (result i32)))
      (import "s" "pass" (func $pass (param i32 i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (func (export "run") (param i32) (result i32) (local i32 i32)
        (local.set 1 (call $make (i32.const 7)))
        (local.set 2 (call $pass (local.get 1) (local.get 0)))
        (call $drop (local.get 1)) (local.get 2)))
    (core instance $i (instantiate $m (with "s" (instance
      (export "make" (func $make)) (export "pass" (func $pass)) (export "drop" (func $drop))))))
    (func (export "run") (param "how" u32) (result u32) (canon lift (core func $i "run"))))
  (instance $l (instantiate $last (with "t:t/store" (instance $store))))
  (instance $m (instantiate $middle (with "t:t/store" (instance $store)) (with "look" (func $l "look"))))
  (instance $f (instantiate $first (with "t:t/store" (instance $store)) (with "pass" (func $m "pass"))))
  (export "run" (func $f "run")) (export "again" (func $l "again")))`;

class Item {
  readonly n: number;
  disposals = 0;
  constructor(n: number) {
    this.n = n;
  }
  [Symbol.dispose](): void {
    this.disposals++;
  }
}

describe("a borrow that goes through three components", () => {
  let linked: LinkedComponent;
  let made: Item[] = [];

  beforeAll(async () => {
    const functions: Readonly<Record<string, HostFunction>> = {
      make: { isAsync: false, call: (_state, [n]) => made[made.push(new Item(n as number)) - 1] as Item },
      value: { isAsync: false, call: (_state, [item]) => (item as Item).n },
    };
    linked = linkComponent(parseComponent(await parse(CHAIN)), ({ name }) => functions[name]);
  });

  test("is given back by each, and the owner ends it once", async () => {
    made = [];
    expect(await linked.instantiate(undefined).call(at("run"), [0])).toBe(7);
    expect(made.map(({ disposals }) => disposals)).toEqual([1]);
  });

  test("stops whoever keeps it beyond the call", async () => {
    await expect(linked.instantiate(undefined).call(at("run"), [1])).rejects.toEqual(trap("handle"));
    await expect(linked.instantiate(undefined).call(at("run"), [2])).rejects.toEqual(trap("handle"));
  });

  test("can't be used when the call is over", async () => {
    const instance = linked.instantiate(undefined);
    await instance.call(at("run"), [0]);
    await expect(instance.call(at("again"), [])).rejects.toEqual(trap("handle"));
  });
});

describe("a handle that is lent", () => {
  const wat = (run: string): string => `(component
    (import "t:t/store" (instance $s (export "item" (type $item (sub resource)))
      (export "make" (func (result (own $item))))
      (export "both" (func (param "b" (borrow $item)) (param "o" (own $item))))
      (export "twice" (func (param "a" (borrow $item)) (param "b" (borrow $item))))))
    (core func $make (canon lower (func $s "make"))) (core func $both (canon lower (func $s "both")))
    (core func $twice (canon lower (func $s "twice")))
    (core module $m (import "s" "make" (func $make (result i32))) (import "s" "both" (func $both (param i32 i32)))
      (import "s" "twice" (func $twice (param i32 i32)))
      (func (export "run") (local i32) (local.set 0 (call $make)) ${run}))
    (core instance $i (instantiate $m (with "s" (instance
      (export "make" (func $make)) (export "both" (func $both)) (export "twice" (func $twice))))))
    (func (export "run") (canon lift (core func $i "run"))))`;
  const run = async (body: string): Promise<unknown> => {
    const host: HostFunction = { isAsync: false, call: () => new Item(1) };
    const linked = linkComponent(parseComponent(await parse(wat(body))), ({ name }) =>
      name === "make" ? host : { isAsync: false, call: () => undefined },
    );
    return linked.instantiate(undefined).call(at("run"), []);
  };

  test("can't be given away in the same call", async () => {
    await expect(run("(call $both (local.get 0) (local.get 0))")).rejects.toEqual(trap("handle"));
  });

  test("can be lent twice, and given away later", async () => {
    await run("(call $twice (local.get 0) (local.get 0)) (call $both (call $make) (local.get 0))");
  });
});

/** A guest's resource inside every kind of value, from the component that defines it to one that uses it. */
const NESTED = `(component
  (component $maker
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m (import "r" "new" (func $new (param i32) (result i32))) ${MEMORY}
      (func (export "make") (param i32) (result i32)
        ;; record { a: own, b: option<own>, c: list<own>, d: variant { x(own), y } }
        (i32.store (i32.const 0) (call $new (i32.const 10)))
        (i32.store (i32.const 4) (i32.const 1)) (i32.store (i32.const 8) (call $new (i32.const 20)))
        (i32.store (i32.const 12) (i32.const 64)) (i32.store (i32.const 16) (i32.const 2))
        (i32.store (i32.const 64) (call $new (i32.const 30))) (i32.store (i32.const 68) (call $new (i32.const 40)))
        (i32.store (i32.const 20) (i32.const 0)) (i32.store (i32.const 24) (call $new (i32.const 50)))
        (i32.const 0))
      (func (export "get") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "r" (instance (export "new" (func $new))))))
    (export $x "r" (type $r))
    (type $v (variant (case "x" (own $x)) (case "y"))) (export $variant "variant" (type $v))
    (type $rec (record (field "a" (own $x)) (field "b" (option (own $x))) (field "c" (list (own $x))) (field "d" $variant)))
    (export $record "record" (type $rec))
    (func (export "make") (param "n" u32) (result $record)
      (canon lift (core func $i "make") (memory (core memory $i "memory"))))
    (func (export "get") (param "r" (borrow $x)) (result u32) (canon lift (core func $i "get"))))
  (component $user
    (import "maker" (instance $in
      (export "r" (type $x (sub resource)))
      (type $v (variant (case "x" (own $x)) (case "y"))) (export "variant" (type $variant (eq $v)))
      (type $rec (record (field "a" (own $x)) (field "b" (option (own $x))) (field "c" (list (own $x))) (field "d" $variant)))
      (export "record" (type $record (eq $rec)))
      (export "make" (func (param "n" u32) (result $record)))
      (export "get" (func (param "r" (borrow $x)) (result u32)))))
    (core module $libc ${MEMORY}) (core instance $libc (instantiate $libc))
    (core func $make (canon lower (func $in "make")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $get (canon lower (func $in "get")))
    (core module $m (import "l" "memory" (memory 1)) (import "r" "make" (func $make (param i32 i32)))
      (import "r" "get" (func $get (param i32) (result i32)))
      (func (export "run") (result i32) (local i32)
        (call $make (i32.const 0) (i32.const 0))
        (local.set 0 (i32.load (i32.const 12)))
        (i32.add (call $get (i32.load (i32.const 0)))
          (i32.add (call $get (i32.load (i32.const 8)))
            (i32.add (call $get (i32.load (local.get 0)))
              (i32.add (call $get (i32.load (i32.add (local.get 0) (i32.const 4))))
                (call $get (i32.load (i32.const 24)))))))))
    (core instance $i (instantiate $m (with "l" (instance $libc))
      (with "r" (instance (export "make" (func $make)) (export "get" (func $get))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))
  (instance $a (instantiate $maker))
  (instance $b (instantiate $user (with "maker" (instance $a))))
  (export "t:t/maker" (instance $a))
  (export "run" (func $b "run")))`;

test("owned handles inside records, options, lists and variants change hands as under jco", async () => {
  const bytes = await parse(NESTED);
  const linked = linkComponent(parseComponent(bytes), () => undefined);
  await using jco = await jcoComponent(bytes);
  const other = (await jco.instantiate({})) as { run(): number };
  expect(await linked.instantiate(undefined).call(at("run"), [])).toBe(150);
  expect(other.run()).toBe(150);
  const instance = linked.instantiate(undefined);
  const maker = (name: string): { interface: string; name: string } => ({ interface: "t:t/maker", name });
  const made = (await instance.call(maker("make"), [0])) as {
    readonly a: GuestResource;
    readonly c: readonly GuestResource[];
    readonly d: { readonly tag: string; readonly val: GuestResource };
  };
  expect(await instance.call(maker("get"), [made.c[1]])).toBe(40);
  expect(await instance.call(maker("get"), [made.d.val])).toBe(50);
});
