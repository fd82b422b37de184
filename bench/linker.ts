// The linker against jco in one run, so that the ratios mean something on any machine.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco";
import { componentize } from "componentize-qjs";
import { linkComponent, parseComponent } from "../src/component/linker/index.ts";
import { ALLOCATOR } from "../src/component/linker/testing/echo-component.ts";
import { jcoComponent } from "../src/component/linker/testing/jco-oracle.ts";

/** One line of the table; times in microseconds. */
export interface Row {
  readonly subject: string;
  readonly what: string;
  readonly linkerP10: number;
  readonly linkerP50: number;
  readonly jcoP10: number;
  readonly jcoP50: number;
  /** How many times faster the linker is, by the median. */
  readonly ratio: number;
}

/** What is measured twice: by the linker and by jco. */
interface Contestant {
  instantiate(): Promise<(value: unknown) => unknown>;
}

/** A component that both can run. */
export interface Subject {
  readonly name: string;
  readonly linker: Contestant;
  readonly jco: Contestant;
  readonly argument: unknown;
  readonly rounds: number;
}

const HOST_CALLS = 1000;

// `run` takes how often it calls the host with a string of 11 bytes and gets one back.
const SMALL = `(component
  (import "t:t/host" (instance $host (export "greet" (func (param "s" string) (result string)))))
  (core module $libc ${ALLOCATOR} (data (i32.const 16) "hello world") (export "reset" (func $reset)))
  (core instance $libc (instantiate $libc))
  (core func $greet (canon lower (func $host "greet")
    (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc"))))
  (core module $m
    (import "h" "greet" (func $greet (param i32 i32 i32)))
    (import "l" "reset" (func $reset))
    (func (export "run") (param i32) (result i32)
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get 0)))
        (call $greet (i32.const 16) (i32.const 11) (i32.const 0))
        (call $reset)
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br $next)))
      (i32.const 7)))
  (core instance $i (instantiate $m (with "h" (instance (export "greet" (func $greet)))) (with "l" (instance $libc))))
  (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))`;

const WIT = `package t:t;
world guest { record message { id: string, body: string } export run: func(m: message) -> string; }`;
const SOURCE = `export function run(m) { return JSON.stringify({ id: m.id, size: JSON.parse(m.body).items.length }); }`;
const MESSAGE = {
  id: "m-1",
  body: JSON.stringify({ items: Array.from({ length: 20 }, (_, index) => ({ index, text: "abcdefgh" })) }),
};

const REF = { interface: null, name: "run" };

/** Makes a component without imports of its own, or with `t:t/host#greet`, ready in both. */
export async function subject(
  name: string,
  bytes: Uint8Array,
  options: { argument: unknown; rounds: number },
): Promise<Subject & AsyncDisposable> {
  const linked = linkComponent(parseComponent(bytes), () => ({ isAsync: false, call: (_state, [value]) => value }));
  const jco = await jcoComponent(bytes);
  const imports = { "t:t/host": { greet: (value: unknown) => value } };
  return {
    name,
    ...options,
    linker: {
      instantiate: () => {
        const instance = linked.instantiate(undefined);
        return Promise.resolve((value) => instance.call(REF, [value]));
      },
    },
    jco: {
      instantiate: async () => (await jco.instantiate(imports))["run"] as (value: unknown) => unknown,
    },
    [Symbol.asyncDispose]: () => jco[Symbol.asyncDispose](),
  };
}

/** Times each round; gives the 10th and 50th percentile in microseconds. */
async function measure(rounds: number, work: () => unknown): Promise<readonly [number, number]> {
  const times: number[] = [];
  for (let round = -rounds / 4; round < rounds; round++) {
    const started = performance.now();
    await work();
    if (round >= 0) times.push((performance.now() - started) * 1000);
  }
  times.sort((a, b) => a - b);
  return [times[Math.floor(times.length / 10)] ?? 0, times[Math.floor(times.length / 2)] ?? 0];
}

async function compare(
  of: Subject,
  what: string,
  run: (contestant: Contestant) => Promise<readonly [number, number]>,
): Promise<Row> {
  const [linkerP10, linkerP50] = await run(of.linker);
  const [jcoP10, jcoP50] = await run(of.jco);
  return { subject: of.name, what, linkerP10, linkerP50, jcoP10, jcoP50, ratio: jcoP50 / linkerP50 };
}

/** Compares instantiation, a call, and both together. */
export async function rowsOf(of: Subject): Promise<Row[]> {
  const { rounds, argument } = of;
  return [
    await compare(of, "instantiate", (contestant) => measure(rounds, () => contestant.instantiate())),
    await compare(of, "call", async (contestant) => {
      const call = await contestant.instantiate();
      return measure(rounds, () => call(argument));
    }),
    await compare(of, "fresh + call", (contestant) =>
      measure(rounds, async () => (await contestant.instantiate())(argument)),
    ),
  ];
}

async function hostCallRow(of: Subject): Promise<Row> {
  return compare(of, "host call string → string", async (contestant) => {
    const call = await contestant.instantiate();
    const [p10, p50] = await measure(of.rounds / 4, () => call(HOST_CALLS));
    return [p10 / HOST_CALLS, p50 / HOST_CALLS];
  });
}

/** Measures the linker and jco side by side. */
export async function benchLinker(): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
  await writeFile(join(dir, "guest.wit"), WIT);
  const guest = await componentize({
    witPath: dir,
    world: "guest",
    jsSource: SOURCE,
    sync: true,
    optSize: true,
    stubWasi: true,
  });
  await rm(dir, { recursive: true });
  await using small = await subject("core module of 0.5 KB", await parse(SMALL), { argument: 0, rounds: 2000 });
  await using quickjs = await subject("QuickJS guest of 1 MB", guest.component, { argument: MESSAGE, rounds: 200 });
  return [...(await rowsOf(small)), await hostCallRow(small), ...(await rowsOf(quickjs))];
}

if (import.meta.main) {
  const rows = await benchLinker();
  console.table(
    rows.map((row) => ({
      subject: row.subject,
      what: row.what,
      "linker p10/p50 µs": `${row.linkerP10.toFixed(1)} / ${row.linkerP50.toFixed(1)}`,
      "jco p10/p50 µs": `${row.jcoP10.toFixed(1)} / ${row.jcoP50.toFixed(1)}`,
      "times faster": row.ratio.toFixed(1),
    })),
  );
}
