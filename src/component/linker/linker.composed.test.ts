import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { ComponentErr, linkComponent, parseComponent } from "./index.ts";
import type { HostFunction, LinkedComponent } from "./index.ts";

/** A component behind another: strings in UTF-16 inside, in UTF-8 outside, and the host behind both. */
const COMPOSED = `(component
  (import "ask" (func $ask (param "s" string) (result (result string (error string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get 4) (local.get 3))) (local.get 4)))
  (component $inner
    (import "ask" (func $ask (param "s" string) (result (result string (error string)))))
    (alias outer 1 $libc (core module $libc))
    (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $ask) string-encoding=utf16
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "h" "ask" (func $ask (param i32 i32 i32)))
      (import "l" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32) (local i32)
        (if (i32.eqz (local.get 1)) (then (loop (br 0))))
        (local.set 2 (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 12)))
        (call $ask (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
    (core instance $i (instantiate $m (with "h" (instance (export "ask" (func $f)))) (with "l" (instance $libc))))
    (func (export "run") (param "s" string) (result (result string (error string)))
      (canon lift (core func $i "run") string-encoding=utf16
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
  (component $outer
    (import "run" (func $run (param "s" string) (result (result string (error string)))))
    (alias outer 1 $libc (core module $libc))
    (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $run) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "h" "run" (func $run (param i32 i32 i32)))
      (import "l" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 12)))
        (call $run (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
    (core instance $i (instantiate $m (with "h" (instance (export "run" (func $f)))) (with "l" (instance $libc))))
    (func (export "run") (param "s" string) (result (result string (error string)))
      (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
  (instance $a (instantiate $inner (with "ask" (func $ask))))
  (instance $b (instantiate $outer (with "run" (func $a "run"))))
  (export "run" (func $b "run")))`;

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
    linked = linkComponent(parseComponent(await parse(COMPOSED)), () => host);
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
