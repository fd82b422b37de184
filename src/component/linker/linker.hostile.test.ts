import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import { ComponentErr, parseComponent } from "./index.ts";
import { instantiateWat, MEMORY, RUN, watOf, WITH_MEMORY } from "./testing/wat-component.ts";

const trap = (reason: string): unknown => expect.objectContaining({ name: "Trap", reason });
const refused = (code: string): unknown => expect.objectContaining({ name: "GreenticError", code });
const inMs = (ms: number): { readonly deadlineAtMs: number } => ({ deadlineAtMs: performance.now() + ms });

describe("a guest that doesn't end", () => {
  const spin = `(func (export "run") (loop (br 0)))`;

  test("is made to wait after every slice while others go on", async () => {
    const controller = new AbortController();
    const spinner = await instantiateWat({ core: spin, type: "" }, { signal: controller.signal });
    const core = `(func (export "run") (result i32) (i32.const 7))`;
    const worker = await instantiateWat({ core, type: "(result u32)" });
    const stopped = expect(spinner.call(RUN, [])).rejects.toEqual(trap("aborted"));
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      expect(await worker.call(RUN, [])).toBe(7);
    }
    controller.abort();
    await stopped;
    expect(spinner.stats.fuel).toBeGreaterThan(5_000_000);
    await expect(spinner.call(RUN, [])).rejects.toEqual(trap("abi"));
  });

  test("is stopped at its deadline", async () => {
    const spinners = await Promise.all([1, 2, 3].map(() => instantiateWat({ core: spin, type: "" })));
    const stops = spinners.map((spinner) => expect(spinner.call(RUN, [], inMs(50))).rejects.toEqual(trap("deadline")));
    await Promise.all(stops);
  });

  test("has a deadline for each call where the instance lives on", async () => {
    const core = `(func (export "run") (param i32) (if (local.get 0) (then (loop (br 0)))))`;
    const instance = await instantiateWat({ core, type: `(param "n" u32)` });
    await instance.call(RUN, [0], inMs(10_000));
    await expect(instance.call(RUN, [1], inMs(30))).rejects.toEqual(trap("deadline"));
  });

  test("is stopped when it is aborted", async () => {
    const controller = new AbortController();
    const instance = await instantiateWat({ core: spin, type: "" }, { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("aborted"));
  });

  test("is stopped at its last instruction where instructions are counted", async () => {
    const instance = await instantiateWat({ core: spin, type: "" }, { limits: { maxFuel: 30_000_000 } });
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("fuel"));
  });

  test("is stopped in its start function", async () => {
    const core = `(func $s (loop (br 0))) (start $s) (func (export "run"))`;
    await expect(instantiateWat({ core, type: "" })).rejects.toEqual(trap("fuel"));
  });

  test("is stopped in realloc, where it can't wait", async () => {
    const core = `(memory (export "memory") 1) (func (export "run") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (unreachable))`;
    const instance = await instantiateWat({ core, type: `(param "s" string)`, options: WITH_MEMORY }, inMs(5000));
    await expect(instance.call(RUN, ["x"])).rejects.toEqual(trap("fuel"));
  });

  test("may work long in realloc where it gives way in between", async () => {
    // Each call of the host's makes realloc work for more than half a slice; together that is far more than a blocked guest may.
    const host = { isAsync: false, call: () => "text" };
    const core = `(import "l" "realloc" (func $unused (param i32 i32 i32 i32) (result i32)))
      (import "h" "f" (func $f (param i32)))
      (func (export "run") (param $n i32) (loop (call $f (i32.const 0))
        (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if 0 (local.get $n))))`;
    const instance = await instantiateWat(
      {
        before: `(import "f" (func $f (result string)))
          (core module $l (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $i i32)
              (local.set $i (i32.const 600000))
              (loop (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if 0 (local.get $i)))
              (i32.const 1024)))
          (core instance $l (instantiate $l))
          (core func $g (canon lower (func $f) (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))`,
        core,
        withs: `(with "l" (instance $l)) (with "h" (instance (export "f" (func $g))))`,
        type: `(param "n" u32)`,
      },
      { host },
    );
    await instance.call(RUN, [40]);
    expect(instance.stats.fuel).toBeGreaterThan(40 * 600_000 * 4);
  });

  test("is stopped in post-return", async () => {
    const core = `(func (export "run")) (func (export "free") (loop (br 0)))`;
    const instance = await instantiateWat({ core, type: "", options: `(post-return (core func $i "free"))` });
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("fuel"));
  });

  test("pays for what it fills and copies", async () => {
    const core = `(memory 1024) (func (export "run") (loop
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 67108864))
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 67108863)) (br 0)))`;
    const instance = await instantiateWat({ core, type: "" }, inMs(100));
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("deadline"));
  });

  test("gives up its slice when it calls the host without end", async () => {
    let ticks = 0;
    const host = { isAsync: false, call: () => 1 };
    const instance = await instantiateWat(
      {
        before: `(import "f" (func $f (result u32))) (core func $g (canon lower (func $f)))`,
        core: `(import "h" "f" (func $f (result i32))) (func (export "run") (loop (drop (call $f)) (br 0)))`,
        withs: `(with "h" (instance (export "f" (func $g))))`,
        type: "",
      },
      { host },
    );
    const controller = new AbortController();
    const tick = (): void => {
      if (++ticks === 5) controller.abort();
      else setImmediate(tick);
    };
    setImmediate(tick);
    await expect(instance.call(RUN, [], { signal: controller.signal })).rejects.toEqual(trap("aborted"));
    expect(ticks).toBe(5);
  });

  test("gives way no more often for a turn that was long", async () => {
    let isSlow = true;
    const host = {
      isAsync: false,
      call: () => {
        const until = performance.now() + (isSlow ? 0.1 : 0);
        while (performance.now() < until);
        return "text";
      },
    };
    const instance = await instantiateWat(
      {
        before: `(import "f" (func $f (result string)))
          (core module $l (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop) (i32.const 1024)))
          (core instance $l (instantiate $l))
          (core func $g (canon lower (func $f) (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))`,
        core: `(import "h" "f" (func $f (param i32)))
          (func (export "run") (param $n i32) (loop (call $f (i32.const 0))
            (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if 0 (local.get $n))))`,
        withs: `(with "h" (instance (export "f" (func $g))))`,
        type: `(param "n" u32)`,
      },
      { host },
    );
    await instance.call(RUN, [200]);
    isSlow = false;
    let ticks = 0;
    let isOver = false;
    const tick = (): void => {
      ticks++;
      if (!isOver) setImmediate(tick);
    };
    setImmediate(tick);
    await instance.call(RUN, [5000]);
    isOver = true;
    expect(ticks).toBeLessThan(500);
  });

  test("is stopped while it waits for the host", async () => {
    const host = { isAsync: true, call: () => new Promise(() => undefined) };
    const parts = {
      before: `(import "f" (func $f)) (core func $g (canon lower (func $f)))`,
      core: `(import "h" "f" (func $f)) (func (export "run") (call $f))`,
      withs: `(with "h" (instance (export "f" (func $g))))`,
      type: "",
    };
    await expect((await instantiateWat(parts, { host, ...inMs(30) })).call(RUN, [])).rejects.toEqual(trap("deadline"));
  });

  test("runs out of stack", async () => {
    const core = `(func $f (export "run") (call $f))`;
    await expect((await instantiateWat({ core, type: "" })).call(RUN, [])).rejects.toEqual(trap("stack"));
  });
});

describe("a guest that wants memory", () => {
  const grow = `(func (export "run") (param i32) (result i32) (memory.grow (local.get 0)))`;
  const type = `(param "pages" u32) (result s32)`;

  test("gets its cap and not a page more", async () => {
    const instance = await instantiateWat({ core: `(memory 1) ${grow}`, type }, { parse: { maxMemoryPages: 16 } });
    expect(await instance.call(RUN, [65_535])).toBe(-1);
    expect(await instance.call(RUN, [15])).toBe(1);
    expect(await instance.call(RUN, [1])).toBe(-1);
    expect(instance.stats.peakMemoryBytes).toBe(16 * 65_536);
  });

  test("is refused when it starts above its cap", async () => {
    const memory = await parse(watOf({ core: `(memory 2000) ${grow}`, type }));
    expect(() => parseComponent(memory)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
    const table = await parse(watOf({ core: `(table 100000 funcref) (func (export "run"))`, type: "" }));
    expect(() => parseComponent(table)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });

  test("can't grow tables past their cap", async () => {
    const core = `(table $t 1 funcref) (func (export "run") (param i32) (result i32)
      (table.grow $t (ref.null func) (local.get 0)))`;
    const instance = await instantiateWat({ core, type });
    expect(await instance.call(RUN, [1_000_000])).toBe(-1);
    expect(await instance.call(RUN, [10])).toBe(1);
  });

  test("can't make the host lift the same bytes again and again", async () => {
    // 4,000 lists that are all the same megabyte.
    const core = `(memory (export "memory") 40) (func (export "run") (result i32) (local i32)
      (loop
        (i32.store (i32.add (i32.const 65536) (i32.mul (local.get 0) (i32.const 8))) (i32.const 131072))
        (i32.store (i32.add (i32.const 65540) (i32.mul (local.get 0) (i32.const 8))) (i32.const 1048576))
        (local.set 0 (i32.add (local.get 0) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get 0) (i32.const 4000))))
      (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 4000)) (i32.const 0))`;
    const options = `(memory (core memory $i "memory"))`;
    for (const type of ["(result (list (list u8)))", "(result (list string))", "(result (list (list bool)))"]) {
      const instance = await instantiateWat({ core, type, options });
      await expect(instance.call(RUN, [])).rejects.toEqual(trap("lift-budget"));
    }
  });
});

describe("a guest that passes very wide values", () => {
  test("pays for them too", async () => {
    const fields = Array.from({ length: 2000 }, (_, index) => `(field "f${index}" u8)`).join(" ");
    const instance = await instantiateWat(
      {
        before: `(type $r (record ${fields})) (import "f" (func $f (param "r" $r)))
          (core module $l ${MEMORY}) (core instance $l (instantiate $l))
          (core func $g (canon lower (func $f) (memory (core memory $l "memory"))))`,
        core: `(import "h" "f" (func $f (param i32))) (func (export "run") (loop (call $f (i32.const 0)) (br 0)))`,
        withs: `(with "h" (instance (export "f" (func $g))))`,
        type: "",
      },
      { host: { isAsync: false, call: () => undefined } },
    );
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("lift-budget"));
  });
});

describe("a guest that lies about its values", () => {
  const E300 = Array.from({ length: 300 }, (_, index) => `"c${index}"`).join(" ");
  test.each([
    ["an enum's case", `(type $e (enum "a" "b")) (export $x "x" (type $e))`, "$x", "(i32.const 2)"],
    ["a wide enum's case", `(type $e (enum ${E300})) (export $x "x" (type $e))`, "$x", "(i32.const 300)"],
    ["a surrogate", "", "char", "(i32.const 0xd800)"],
    ["a char beyond Unicode", "", "char", "(i32.const 0x110000)"],
  ])("%s", async (_what, before, type, value) => {
    const core = `(func (export "run") (result i32) ${value})`;
    const instance = await instantiateWat({ before, core, type: `(result ${type})` });
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("abi"));
  });

  test("flags beyond 32 take more words", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `"b${index}"`).join(" ");
    const core = `(memory (export "memory") 1) (data (i32.const 8) "\\01\\00\\00\\80\\80\\ff\\ff\\ff")
      (func (export "run") (result i32) (i32.const 8))`;
    const instance = await instantiateWat({
      before: `(type $f (flags ${names}))`,
      core,
      type: "(result $f)",
      options: `(memory (core memory $i "memory"))`,
    });
    const flags = (await instance.call(RUN, [])) as Record<string, boolean>;
    expect(Object.keys(flags)).toHaveLength(40);
    expect(Object.keys(flags).filter((name) => flags[name])).toEqual(["b0", "b31", "b39"]);
  });

  test("bits beyond a narrow type are cut off", async () => {
    const core = `(func (export "run") (result i32) (i32.const 0x1ff))`;
    expect(await (await instantiateWat({ core, type: "(result u8)" })).call(RUN, [])).toBe(255);
    expect(await (await instantiateWat({ core, type: "(result s8)" })).call(RUN, [])).toBe(-1);
    expect(await (await instantiateWat({ core, type: "(result bool)" })).call(RUN, [])).toBe(true);
  });

  test.each([
    ["a pointer out of bounds", "(result string)", "(i32.const 0x7fffffff)", "", ""],
    ["a misaligned pointer", "(result string)", "(i32.const 2)", "", ""],
    ["a string out of bounds", "(result string)", "(i32.const 0)", "(i32.const 65530)", "(i32.const 100)"],
    ["a string of 4 GiB", "(result string)", "(i32.const 0)", "(i32.const 0)", "(i32.const 0xffffffff)"],
    ["a list of 4 Gi", "(result (list u64))", "(i32.const 0)", "(i32.const 0)", "(i32.const 0xffffffff)"],
    ["a misaligned list", "(result (list u64))", "(i32.const 0)", "(i32.const 12)", "(i32.const 1)"],
    ["bytes that are not UTF-8", "(result string)", "(i32.const 0)", "(i32.const 16)", "(i32.const 2)"],
    ["a surrogate in UTF-8", "(result string)", "(i32.const 0)", "(i32.const 20)", "(i32.const 3)"],
  ])("%s", async (_what, type, pointer, at, length) => {
    const stores = at === "" ? "" : `(i32.store (i32.const 0) ${at}) (i32.store (i32.const 4) ${length})`;
    const core = `${MEMORY} (data (i32.const 16) "\\ff\\fe\\00\\00\\ed\\a0\\80") (func (export "run") (result i32) ${stores} ${pointer})`;
    const instance = await instantiateWat({ core, type, options: WITH_MEMORY });
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("abi"));
  });

  test("a realloc that points nowhere", async () => {
    const core = `(memory (export "memory") 1) (func (export "run") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const -8))`;
    const instance = await instantiateWat({ core, type: `(param "s" string)`, options: WITH_MEMORY });
    await expect(instance.call(RUN, ["hello"])).rejects.toEqual(trap("abi"));
  });
});

describe("a host function that fails", () => {
  const parts = {
    before: `(import "f" (func $f (result (result u32 (error string)))))
      (core module $l ${MEMORY}) (core instance $l (instantiate $l))
      (core func $g (canon lower (func $f) (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))`,
    core: `(import "h" "f" (func $f (param i32))) (func (export "run") (call $f (i32.const 0)))`,
    withs: `(with "h" (instance (export "f" (func $g))))`,
    type: "",
  };

  test.each([false, true])("stops the guest, with the cause kept; async %s", async (isAsync) => {
    const cause = new Error("broken");
    const host = {
      isAsync,
      call: () => {
        if (isAsync) return Promise.reject(cause);
        throw cause;
      },
    };
    const instance = await instantiateWat(parts, { host });
    await expect(instance.call(RUN, [])).rejects.toMatchObject({ name: "Trap", reason: "host", cause });
    await expect(instance.call(RUN, [])).rejects.toEqual(trap("abi"));
  });

  test.each([[-1], ["7"], [undefined], [Promise.resolve(7)]])(
    "stops the guest where it returns %s as u32",
    async (value) => {
      const instance = await instantiateWat(parts, { host: { isAsync: false, call: () => value } });
      await expect(instance.call(RUN, [])).rejects.toEqual(trap("host"));
    },
  );

  test("answers err with ComponentErr, at once or later", async () => {
    for (const isAsync of [false, true]) {
      const call = (): unknown => {
        if (isAsync) return Promise.reject(new ComponentErr("no"));
        throw new ComponentErr("no");
      };
      await (await instantiateWat(parts, { host: { isAsync, call } })).call(RUN, []);
    }
  });
});

describe("a caller", () => {
  const identity = {
    core: `(func (export "run") (param i32) (result i32) (local.get 0))`,
    type: `(param "n" u8) (result u8)`,
  };

  test.each([[256], [-1], [1.5], ["1"], [undefined], [10n]])("gets a TypeError for %s as u8", async (value) => {
    await expect((await instantiateWat(identity)).call(RUN, [value])).rejects.toBeInstanceOf(TypeError);
  });

  test("gets a TypeError for a wrong name or number of arguments, and the instance stays", async () => {
    const instance = await instantiateWat(identity);
    await expect(instance.call({ interface: null, name: "__proto__" }, [])).rejects.toBeInstanceOf(TypeError);
    await expect(instance.call({ interface: "__proto__", name: "run" }, [])).rejects.toBeInstanceOf(TypeError);
    await expect(instance.call(RUN, [])).rejects.toBeInstanceOf(TypeError);
    expect(await instance.call(RUN, [9])).toBe(9);
  });

  test("can't call while a call is under way", async () => {
    const instance = await instantiateWat(identity);
    const first = instance.call(RUN, [1]);
    await expect(instance.call(RUN, [2])).rejects.toEqual(trap("abi"));
    expect(await first).toBe(1);
    expect(await instance.call(RUN, [3])).toBe(3);
  });
});

describe("a core module with what is not allowed", () => {
  test.each([
    ["multiple memories", `(memory 1) (memory 1) (func (export "run"))`],
    ["multiple memories", `(memory 1) (memory 1) (func (export "run") (drop (i32.load 1 (i32.const 0))))`],
    ["memory64", `(memory i64 1) (func (export "run"))`],
    ["shared memory (threads)", `(memory 1 2 shared) (func (export "run"))`],
    ["threads (opcode 0xfe)", `(memory 1) (func (export "run") (drop (i32.atomic.load (i32.const 0))))`],
    ["exception tags", `(tag) (func (export "run"))`],
    ["exceptions (opcode 0x1f)", `(func (export "run") (block (try_table (catch_all 0))))`],
    ["garbage collection", `(type $s (struct (field i32))) (func (export "run"))`],
    ["garbage collection (opcode 0xfb)", `(func (export "run") (drop (ref.i31 (i32.const 1))))`],
  ])("%s is refused by name", async (feature, core) => {
    const bytes = await parse(watOf({ core, type: "" }));
    const error = expect.objectContaining({
      code: "COMPONENT_OPCODE_REFUSED",
      message: expect.stringContaining(feature),
    });
    expect(() => parseComponent(bytes)).toThrow(error as Error);
  });

  test.each([
    ["its own meter by index", `(func (export "run") (global.set 0 (i64.const 9223372036854775807)))`],
    ["its own meter by name", `(import "x" "$greentic.fuel" (global (mut i64))) (func (export "run"))`],
    ["a reserved export", `(func (export "$greentic.refuel")) (func (export "run"))`],
  ])("%s is refused", async (_what, core) => {
    const bytes = await parse(watOf({ core, type: "" }));
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_BINARY_INVALID"));
  });

  test("names from the component are data", async () => {
    const instance = await instantiateWat({
      before: `(core module $p (func (export "__proto__") (result i32) (i32.const 5)))
        (core instance $p (instantiate $p))
        (alias core export $p "__proto__" (core func $f))`,
      core: `(import "__proto__" "constructor" (func $f (result i32))) (func (export "run") (result i32) (call $f))`,
      withs: `(with "__proto__" (instance (export "constructor" (func $f)) (export "__proto__" (func $f))))`,
      type: "(result u32)",
    });
    expect(await instance.call(RUN, [])).toBe(5);
    expect(Object.prototype).not.toHaveProperty("polluted");
  });
});

describe("a component that is too much", () => {
  test("nests instantiations exponentially", async () => {
    let text = `(component $c0 (core module $m (func (export "f"))) (core instance (instantiate $m)))`;
    for (let depth = 1; depth <= 20; depth++) {
      const inner = `$c${depth - 1}`;
      text = `(component $c${depth} ${text} (instance (instantiate ${inner})) (instance (instantiate ${inner})))`;
    }
    const bytes = await parse(text);
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });

  test("nests types exponentially", async () => {
    const types = Array.from({ length: 60 }, (_, index) => `(type $t${index + 1} (tuple $t${index} $t${index}))`);
    const bytes = await parse(`(component (type $t0 (tuple u8 u8)) ${types.join(" ")})`);
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_BINARY_INVALID"));
  });

  test.each([
    ["tables", `${"(table 65536 funcref)".repeat(33)} (func (export "run"))`],
    ["globals in all its instances", `${"(global i32 (i32.const 0))".repeat(10_000)} (func (export "run"))`],
  ])("has too many %s", async (_what, core) => {
    const bytes = await parse(`(component (core module $m ${core})
      ${"(core instance (instantiate $m))".repeat(110)})`);
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });

  test("imports one large interface again and again", async () => {
    const functions = Array.from({ length: 1000 }, (_, index) => `(export "f${index}" (func))`).join("");
    const imports = Array.from({ length: 1000 }, (_, index) => `(import "a:b/c${index}" (instance (type $t)))`).join(
      "",
    );
    const bytes = await parse(`(component (type $t (instance ${functions})) ${imports})`);
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });

  test("reads the same bytes again with every instance", async () => {
    const fields = Array.from({ length: 5000 }, (_, index) => `(field "f${index}" u8)`).join("");
    const inner = `(component $c (type (record ${fields})))`;
    const bytes = await parse(`(component ${inner} ${"(instance (instantiate $c))".repeat(2000)})`);
    expect(() => parseComponent(bytes)).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });

  test("is larger than allowed", async () => {
    const bytes = await parse(watOf({ core: `(func (export "run"))`, type: "" }));
    expect(() => parseComponent(bytes, { maxComponentBytes: 40 })).toThrow(refused("COMPONENT_LIMIT_EXCEEDED"));
  });
});
