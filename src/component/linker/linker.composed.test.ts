import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { ComponentErr, linkComponent, parseComponent } from "./index.ts";
import type { HostFunction, LinkedComponent } from "./index.ts";
import { ASKING } from "./testing/fixtures.ts";

const RUN = { interface: null, name: "run" };

describe.each([false, true])("components in components, async %s", (isAsync) => {
  let linked: LinkedComponent;

  beforeAll(async () => {
    const answerTo = (text: string): string => {
      if (text === "err") throw new ComponentErr("böse");
      return `${text} ✓`;
    };
    const host: HostFunction = {
      isAsync,
      call: (_state, [text]) =>
        isAsync ? Promise.resolve().then(() => answerTo(text as string)) : answerTo(text as string),
    };
    linked = linkComponent(parseComponent(await parse(ASKING)), () => host);
  });

  test("pass values on, each in its own encoding and memory", async () => {
    const instance = linked.instantiate(undefined);
    expect(await instance.call(RUN, ["größe 漢字 🌍"])).toBe("größe 漢字 🌍 ✓");
    await expect(instance.call(RUN, ["err"])).rejects.toMatchObject({ name: "ComponentErr", value: "böse" });
    expect(await instance.call(RUN, ["again"])).toBe("again ✓");
    expect(instance.stats.peakMemoryBytes).toBe(2 * 65_536);
  });

  test("give way while the inner one spins", async () => {
    const controller = new AbortController();
    const spinning = linked.instantiate(undefined).call(RUN, [""], { signal: controller.signal });
    const stopped = expect(spinning).rejects.toMatchObject({ name: "Trap", reason: "aborted" });
    expect(await linked.instantiate(undefined).call(RUN, ["other"])).toBe("other ✓");
    controller.abort();
    await stopped;
  });

  test("share one budget", async () => {
    const instance = linked.instantiate(undefined, { limits: { liftBudgetBytes: 60_000 } });
    await expect(instance.call(RUN, ["x".repeat(20_000)])).rejects.toMatchObject({
      name: "Trap",
      reason: "lift-budget",
    });
  });
});

/** A component whose start function calls another one, which makes a resource that is ended there too. */
const EARLY = `(component
  (component $server
    (core module $d (global $ended (mut i32) (i32.const 0))
      (func (export "dtor") (param i32) (global.set $ended (i32.add (global.get $ended) (local.get 0))))
      (func (export "ended") (result i32) (global.get $ended)))
    (core instance $d (instantiate $d))
    (type $r (resource (rep i32) (dtor (core func $d "dtor"))))
    (core func $new (canon resource.new $r))
    (core module $m (import "r" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32 i64 f32 f64) (result i32) (call $new (i32.trunc_f64_s (local.get 3)))))
    (core instance $i (instantiate $m (with "r" (instance (export "new" (func $new))))))
    (export $x "r" (type $r))
    (func (export "make") (param "a" u32) (param "b" u64) (param "c" f32) (param "d" f64) (result (own $x))
      (canon lift (core func $i "make")))
    (func (export "ended") (result u32) (canon lift (core func $d "ended"))))
  (component $client
    (import "s" (instance $s (export "r" (type $r (sub resource)))
      (export "make" (func (param "a" u32) (param "b" u64) (param "c" f32) (param "d" f64) (result (own $r))))))
    (alias export $s "r" (type $r))
    (core func $make (canon lower (func $s "make")))
    (core func $drop (canon resource.drop $r))
    (core module $m (import "s" "make" (func $make (param i32 i64 f32 f64) (result i32)))
      (import "s" "drop" (func $drop (param i32)))
      (func $end (export "run") (call $drop (call $make (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 42))))
      (start $end))
    (core instance $i (instantiate $m (with "s" (instance (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $a (instantiate $server))
  (instance $b (instantiate $client (with "s" (instance $a))))
  (export "run" (func $b "run"))
  (export "ended" (func $a "ended")))`;

test("a component calls another while it starts, where nothing can wait, and later", async () => {
  const instance = linkComponent(parseComponent(await parse(EARLY)), () => undefined).instantiate(undefined);
  const ended = (): Promise<unknown> => instance.call({ interface: null, name: "ended" }, []);
  expect(await ended()).toBe(42);
  await instance.call(RUN, []);
  expect(await ended()).toBe(84);
});
