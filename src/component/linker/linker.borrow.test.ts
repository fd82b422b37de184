import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { linkComponent, parseComponent } from "./index.ts";
import type { GuestResource, HostFunction, LinkedComponent } from "./index.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";
import { CHAIN, NESTED } from "./testing/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";

const at = (name: string): { interface: null; name: string } => ({ interface: null, name });
const trap = (reason: string): unknown => expect.objectContaining({ name: "Trap", reason });

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
      make: { isAsync: false, call: (_state, [n]) => made[made.push(new Item(n as number)) - 1] },
      value: { isAsync: false, call: (_state, [item]) => (item as Item).n },
    };
    linked = linkComponent(parseComponent(await parse(CHAIN)), ({ name }) => functions[name]);
  });

  test("is given back by each, and the owner ends it once", async () => {
    verifies("component.canonical-abi");
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
