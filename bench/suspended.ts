/** Prints what each of 1,000 guests that wait for the host adds to this process's resident size, in KiB. */
import { parse } from "@bytecodealliance/jco";
import { linkComponent, parseComponent } from "../src/component/linker/index.ts";

const WAITING = `(component
  (import "wait" (func $wait))
  (core module $m (import "h" "wait" (func $wait)) (memory (export "memory") 1) (func (export "run") (call $wait)))
  (core func $wait (canon lower (func $wait)))
  (core instance $i (instantiate $m (with "h" (instance (export "wait" (func $wait))))))
  (func (export "run") (canon lift (core func $i "run"))))`;
const GUESTS = 1000;

const { promise: released, resolve: release } = Promise.withResolvers<void>();
const linked = linkComponent(parseComponent(await parse(WAITING)), () => ({ isAsync: true, call: () => released }));
const call = (): Promise<unknown> => linked.instantiate(undefined).call({ interface: null, name: "run" }, []);
const settled = (): Promise<unknown> => new Promise((later) => setTimeout(later, 500));
const first = Array.from({ length: 20 }, call);
await settled();
const before = process.memoryUsage.rss();
const calls = Array.from({ length: GUESTS }, call);
await settled();
const perGuest = (process.memoryUsage.rss() - before) / GUESTS;
release();
await Promise.all([...first, ...calls]);
process.stdout.write(String(perGuest / 1024));
