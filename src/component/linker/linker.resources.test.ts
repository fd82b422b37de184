import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { GuestResource, linkComponent, parseComponent } from "./index.ts";
import type { ComponentInstance, LinkedComponent } from "./index.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";
import { COUNTERS, HOSTED } from "./testing/fixtures.ts";

const at = (name: string): { interface: string | null; name: string } => ({ interface: null, name });
const counters = (name: string): { interface: string | null; name: string } => ({ interface: "t:t/counters", name });
const trap = (reason: string): unknown => expect.objectContaining({ name: "Trap", reason });

describe("a resource that one component defines and another uses", () => {
  let bytes: Uint8Array;
  let linked: LinkedComponent;
  const fresh = (): ComponentInstance => linked.instantiate(undefined);

  beforeAll(async () => {
    bytes = await parse(COUNTERS);
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
