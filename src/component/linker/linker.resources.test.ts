import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { GuestResource, linkComponent, parseComponent } from "./index.ts";
import type { ComponentInstance, LinkedComponent } from "./index.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";

/** A component that defines a resource, one that uses it, and the two put together. */
const COMPOSED = `(component
  (component $counters
    (core module $d
      (global $sum (mut i32) (i32.const 0))
      (func (export "dtor") (param i32) (global.set $sum (i32.add (global.get $sum) (local.get 0))))
      (func (export "dropped") (result i32) (global.get $sum)))
    (core instance $d (instantiate $d))
    (type $c (resource (rep i32) (dtor (core func $d "dtor"))))
    (core func $new (canon resource.new $c))
    (core func $rep (canon resource.rep $c))
    (core func $drop (canon resource.drop $c))
    (core module $m
      (import "c" "new" (func $new (param i32) (result i32)))
      (import "c" "rep" (func $rep (param i32) (result i32)))
      (import "c" "drop" (func $drop (param i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "get") (param i32) (result i32) (local.get 0))
      (func (export "consume") (param i32) (result i32) (local i32)
        (local.set 1 (call $rep (local.get 0))) (call $drop (local.get 0)) (local.get 1)))
    (core instance $i (instantiate $m (with "c" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
    (export $counter "counter" (type $c))
    (func (export "make") (param "n" u32) (result (own $counter)) (canon lift (core func $i "make")))
    (func (export "get") (param "c" (borrow $counter)) (result u32) (canon lift (core func $i "get")))
    (func (export "consume") (param "c" (own $counter)) (result u32) (canon lift (core func $i "consume")))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))
  (component $user
    (import "counters" (instance $in
      (export "counter" (type $counter (sub resource)))
      (export "make" (func (param "n" u32) (result (own $counter))))
      (export "get" (func (param "c" (borrow $counter)) (result u32)))
      (export "consume" (func (param "c" (own $counter)) (result u32)))))
    (alias export $in "counter" (type $counter))
    (core func $make (canon lower (func $in "make")))
    (core func $get (canon lower (func $in "get")))
    (core func $consume (canon lower (func $in "consume")))
    (core func $drop (canon resource.drop $counter))
    (core module $m
      (import "c" "make" (func $make (param i32) (result i32)))
      (import "c" "get" (func $get (param i32) (result i32)))
      (import "c" "consume" (func $consume (param i32) (result i32)))
      (import "c" "drop" (func $drop (param i32)))
      (func (export "lend") (param i32) (result i32) (local i32 i32)
        (local.set 1 (call $make (local.get 0))) (local.set 2 (call $get (local.get 1)))
        (call $drop (local.get 1)) (local.get 2))
      (func (export "give") (param i32) (result i32) (call $consume (call $make (local.get 0))))
      (func (export "give-twice") (param i32) (result i32) (local i32)
        (local.set 1 (call $make (local.get 0)))
        (drop (call $consume (local.get 1))) (call $consume (local.get 1)))
      (func (export "forge") (param i32) (result i32) (call $get (local.get 0)))
      (func (export "hoard") (param i32) (result i32)
        (loop (drop (call $make (local.get 0))) (br 0)) (unreachable)))
    (core instance $i (instantiate $m (with "c" (instance
      (export "make" (func $make)) (export "get" (func $get))
      (export "consume" (func $consume)) (export "drop" (func $drop))))))
    (func (export "lend") (param "n" u32) (result u32) (canon lift (core func $i "lend")))
    (func (export "give") (param "n" u32) (result u32) (canon lift (core func $i "give")))
    (func (export "give-twice") (param "n" u32) (result u32) (canon lift (core func $i "give-twice")))
    (func (export "forge") (param "n" u32) (result u32) (canon lift (core func $i "forge")))
    (func (export "hoard") (param "n" u32) (result u32) (canon lift (core func $i "hoard"))))
  (instance $a (instantiate $counters))
  (instance $b (instantiate $user (with "counters" (instance $a))))
  (export "t:t/counters" (instance $a))
  (export "lend" (func $b "lend"))
  (export "give" (func $b "give"))
  (export "give-twice" (func $b "give-twice"))
  (export "forge" (func $b "forge"))
  (export "hoard" (func $b "hoard")))`;

const at = (name: string): { interface: string | null; name: string } => ({ interface: null, name });
const counters = (name: string): { interface: string | null; name: string } => ({ interface: "t:t/counters", name });
const trap = (reason: string): unknown => expect.objectContaining({ name: "Trap", reason });

describe("a resource that one component defines and another uses", () => {
  let bytes: Uint8Array;
  let linked: LinkedComponent;
  const fresh = (): ComponentInstance => linked.instantiate(undefined);

  beforeAll(async () => {
    bytes = await parse(COMPOSED);
    linked = linkComponent(parseComponent(bytes), () => undefined);
  });

  test("is lent, given away and destroyed as jco does it", async () => {
    const instance = fresh();
    await using jco = await jcoComponent(bytes);
    const exports = (await jco.instantiate({})) as {
      lend(n: number): number;
      give(n: number): number;
      counters: { make(n: number): object; get(c: object): number; consume(c: object): number; dropped(): number };
    };
    expect(await instance.call(at("lend"), [5])).toBe(exports.lend(5));
    expect(await instance.call(counters("dropped"), [])).toBe(exports.counters.dropped());
    expect(await instance.call(at("give"), [7])).toBe(exports.give(7));
    expect(await instance.call(counters("dropped"), [])).toBe(12);
    expect(exports.counters.dropped()).toBe(12);
  });

  test("passes through the host's hands", async () => {
    const instance = fresh();
    const counter = await instance.call(counters("make"), [3]);
    expect(counter).toBeInstanceOf(GuestResource);
    expect(await instance.call(counters("get"), [counter])).toBe(3);
    expect(await instance.call(counters("consume"), [counter])).toBe(3);
    await expect(instance.call(counters("get"), [counter])).rejects.toBeInstanceOf(TypeError);
    const other = fresh();
    const disposed = (await other.call(counters("make"), [9])) as GuestResource;
    disposed[Symbol.dispose]();
    expect(await other.call(counters("dropped"), [])).toBe(9);
    await expect(other.call(counters("get"), [disposed])).rejects.toBeInstanceOf(TypeError);
  });

  test("belongs to its instance", async () => {
    const counter = await fresh().call(counters("make"), [3]);
    await expect(fresh().call(counters("get"), [counter])).rejects.toBeInstanceOf(TypeError);
  });

  test.each(["give-twice", "forge"])("traps on %s", async (name) => {
    const instance = fresh();
    await expect(instance.call(at(name), [4])).rejects.toEqual(trap("handle"));
    await expect(instance.call(at("lend"), [4])).rejects.toEqual(trap("abi"));
  });

  test("traps on more handles than allowed", async () => {
    const instance = linked.instantiate(undefined, { limits: { maxHandles: 100 } });
    await expect(instance.call(at("hoard"), [1])).rejects.toEqual(trap("handle"));
  });
});

/** A component that uses a resource of the host's. */
const HOSTED = `(component
  (import "t:t/store" (instance $s
    (export "item" (type $item (sub resource)))
    (export "make" (func (param "n" u32) (result (own $item))))
    (export "value" (func (param "i" (borrow $item)) (result u32)))
    (export "swallow" (func (param "i" (own $item))))))
  (alias export $s "item" (type $item))
  (core func $make (canon lower (func $s "make")))
  (core func $value (canon lower (func $s "value")))
  (core func $swallow (canon lower (func $s "swallow")))
  (core func $drop (canon resource.drop $item))
  (core module $m
    (import "s" "make" (func $make (param i32) (result i32)))
    (import "s" "value" (func $value (param i32) (result i32)))
    (import "s" "swallow" (func $swallow (param i32)))
    (import "s" "drop" (func $drop (param i32)))
    (func (export "use") (param i32) (result i32) (local i32 i32)
      (local.set 1 (call $make (local.get 0))) (local.set 2 (call $value (local.get 1)))
      (call $drop (local.get 1)) (local.get 2))
    (func (export "return-it") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "pass") (param i32) (call $swallow (local.get 0)))
    (func (export "look") (param i32) (result i32) (local i32)
      (local.set 1 (call $value (local.get 0))) (call $drop (local.get 0)) (local.get 1))
    (func (export "keep") (param i32) (result i32) (call $value (local.get 0)))
    (func (export "steal") (param i32) (call $swallow (local.get 0))))
  (core instance $i (instantiate $m (with "s" (instance
    (export "make" (func $make)) (export "value" (func $value))
    (export "swallow" (func $swallow)) (export "drop" (func $drop))))))
  (func (export "use") (param "n" u32) (result u32) (canon lift (core func $i "use")))
  (func (export "return-it") (param "n" u32) (result (own $item)) (canon lift (core func $i "return-it")))
  (func (export "pass") (param "i" (own $item)) (canon lift (core func $i "pass")))
  (func (export "look") (param "i" (borrow $item)) (result u32) (canon lift (core func $i "look")))
  (func (export "keep") (param "i" (borrow $item)) (result u32) (canon lift (core func $i "keep")))
  (func (export "steal") (param "i" (borrow $item)) (canon lift (core func $i "steal"))))`;

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

describe.each([false, true])("a resource of the host's, async %s", (isAsync) => {
  let linked: LinkedComponent;
  const made: Item[] = [];
  const swallowed: unknown[] = [];
  const functions: Readonly<Record<string, (value: never) => unknown>> = {
    make(n: number) {
      const item = new Item(n);
      made.push(item);
      return item;
    },
    value: (item: Item) => item.n,
    swallow: (item: Item) => void swallowed.push(item),
  };

  beforeAll(async () => {
    linked = linkComponent(parseComponent(await parse(HOSTED)), ({ name }) => ({
      isAsync,
      call: (_state, args) => {
        const value = functions[name]?.(args[0] as never);
        return isAsync ? Promise.resolve(value) : value;
      },
    }));
  });

  test("is disposed of once when the guest drops it", async () => {
    expect(await linked.instantiate(undefined).call(at("use"), [8])).toBe(8);
    expect(made.at(-1)?.disposals).toBe(1);
  });

  test("keeps its identity from host to guest to host", async () => {
    const instance = linked.instantiate(undefined);
    expect(await instance.call(at("return-it"), [2])).toBe(made.at(-1));
    const item = new Item(6);
    await instance.call(at("pass"), [item]);
    expect(swallowed.at(-1)).toBe(item);
    expect(item.disposals).toBe(0);
  });

  test("is borrowed for the time of the call", async () => {
    const item = new Item(4);
    expect(await linked.instantiate(undefined).call(at("look"), [item])).toBe(4);
    expect(item.disposals).toBe(0);
    await expect(linked.instantiate(undefined).call(at("keep"), [item])).rejects.toEqual(trap("handle"));
    await expect(linked.instantiate(undefined).call(at("steal"), [item])).rejects.toEqual(trap("handle"));
  });

  test("stops the guest where its disposal fails", async () => {
    const broken = linkComponent(parseComponent(await parse(HOSTED)), ({ name }) => ({
      isAsync,
      call: () =>
        name === "value"
          ? 1
          : {
              [Symbol.dispose]() {
                throw new Error("no");
              },
            },
    }));
    await expect(broken.instantiate(undefined).call(at("use"), [8])).rejects.toEqual(trap("host"));
  });

  test("must be an object", async () => {
    await expect(linked.instantiate(undefined).call(at("look"), [7])).rejects.toBeInstanceOf(TypeError);
  });
});
