/**
 * Components as the issue asks for them: guests of every size against jco, what a suspended guest weighs, admission fresh and from
 * disk, and what hostile guests and storms of calls do to others. Ratios are of one run.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { NO_GRANTS, ProcessComponentHost } from "../src/component/index.ts";
import type { ComponentCall, ComponentHost, ComponentResult } from "../src/component/index.ts";
import { createWasi, linkComponent, parseComponent, resolveWasi } from "../src/component/linker/index.ts";
import { fieldName } from "../src/component/linker/names.ts";
import { jcoComponent } from "../src/component/linker/testing/jco-oracle.ts";
import { ALL_GRANTS, ctxOf, memoryServices } from "../src/component/testing/call-support.ts";
import { HOSTILE_ACTS, hostileActs } from "../src/component/testing/hostile-acts.ts";
import { cGuest, enlarge, quickJsGuest } from "./component-guests.ts";
import type { Row as LinkerRow, Subject } from "./linker.ts";
import { rowsOf, subject } from "./linker.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const MESSAGE = { id: "m-1", body: JSON.stringify({ items: Array.from({ length: 20 }, (_, index) => ({ index })) }) };
const LARGE_BYTES = 5_700_000;

const round = (value: number): number => Math.round(value * 100) / 100;
const at = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN;
const sizeOf = (bytes: Uint8Array): string => `${round(bytes.byteLength / 1024)} KB`;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Public components that need WASI alone and export a function without parameters, by size. */
async function publicGuests(): Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]> {
  const dir = process.env["GREENTIC_COMPAT_DIR"];
  if (dir === undefined) return [];
  const bySize = new Map<number, { readonly name: string; readonly bytes: Uint8Array }>();
  for (const path of await readdir(dir, { recursive: true })) {
    if (!path.endsWith(".wasm")) continue;
    const bytes = await readFile(join(dir, path));
    if (bytes[4] !== 0x0d || bySize.has(bytes.length)) continue;
    const { imports, exports } = parseComponent(bytes);
    if (imports.some((ref) => resolveWasi(ref) === undefined)) continue;
    if (exports.some(({ type }) => type.params.length === 0)) bySize.set(bytes.length, { name: path, bytes });
  }
  return [...bySize.values()].toSorted((a, b) => a.bytes.length - b.bytes.length);
}

async function publicSubject(bytes: Uint8Array, kind: string): Promise<(Subject & AsyncDisposable) | undefined> {
  const linked = linkComponent(parseComponent(bytes), resolveWasi);
  const ref = linked.exports.find(({ type }) => type.params.length === 0);
  if (ref === undefined) return undefined;
  const jco = await jcoComponent(bytes);
  const world = (): unknown => ({ wasi: createWasi({ nowMs: Date.now, randomBytes: (size) => new Uint8Array(size) }) });
  return {
    name: `${kind} public guest, ${sizeOf(bytes)}`,
    argument: undefined,
    rounds: 200,
    linker: {
      instantiate: () => {
        const instance = linked.instantiate(world());
        return Promise.resolve(() => instance.call(ref, []));
      },
    },
    jco: {
      instantiate: async () => {
        const exports = await jco.instantiate(new WASIShim().getImportObject());
        const owner = ref.interface === null ? exports : exports[ref.interface];
        return (owner as Readonly<Record<string, () => unknown>>)[fieldName(ref.name)] as () => unknown;
      },
    },
    [Symbol.asyncDispose]: () => jco[Symbol.asyncDispose](),
  };
}

const against = (row: LinkerRow): Row => ({
  subject: row.subject,
  what: row.what,
  "linker p50 µs": round(row.linkerP50),
  "jco p50 µs": round(row.jcoP50),
  "times faster": round(row.ratio),
});

/** Guests of every kind against jco. */
export async function benchGuests(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const c = await cGuest();
  if (c !== undefined) {
    await using guest = await subject(`C guest, ${sizeOf(c)}`, c, { argument: MESSAGE, rounds: 1000 });
    rows.push(...(await rowsOf(guest)).map(against));
  }
  const guests = await publicGuests();
  const chosen = [
    ["small", guests.findLast(({ bytes }) => bytes.length < 400 << 10)],
    ["large", guests.at(-1)],
  ] as const;
  for (const [kind, found] of chosen) {
    if (found === undefined) continue;
    await using guest = await publicSubject(found.bytes, kind);
    if (guest !== undefined) rows.push(...(await rowsOf(guest)).map(against));
  }
  const quickJs = await quickJsGuest();
  await using guest = await subject(`QuickJS guest, ${sizeOf(quickJs)}`, quickJs, { argument: MESSAGE, rounds: 200 });
  rows.push(...(await rowsOf(guest)).map(against));
  return rows;
}

/** Measured in a process of its own, where nothing else comes and goes. */
async function suspendedRow(): Promise<Row> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "suspended.ts")]);
  return { subject: "1,000 suspended guests of one page, resident each", value: round(Number(stdout)), unit: "KiB" };
}

async function admissionRows(): Promise<readonly Row[]> {
  const bytes = enlarge(await quickJsGuest(), LARGE_BYTES);
  const rows: Row[] = [];
  const add = (what: string, times: readonly number[]): void =>
    void rows.push({
      subject: `${what}, ${round(bytes.length / 1e6)} MB`,
      value: Math.round(at(times, 0.5)),
      unit: "ms",
    });
  const fresh: number[] = [];
  const cached: number[] = [];
  const called: number[] = [];
  for (let run = 0; run < 5; run++) {
    const admissionDir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
    try {
      await using first = new ProcessComponentHost({ poolSize: 1, admissionDir });
      fresh.push(await timed(() => first.admit(bytes, NO_GRANTS)));
      await using second = new ProcessComponentHost({ poolSize: 1, admissionDir });
      // The process runs already, as it does where a host serves.
      const { sha256 } = await second.admit(await hostileActs(), ALL_GRANTS);
      await second.invoke(ctxOf(), callOf(sha256, "good"));
      let large = "";
      cached.push(await timed(async () => void ({ sha256: large } = await second.admit(bytes, NO_GRANTS))));
      called.push(await timed(() => second.invoke(ctxOf(), { ...callOf(large, "run"), input: { m: MESSAGE } })));
    } finally {
      await rm(admissionDir, { recursive: true });
    }
  }
  add("admission, fresh, in a process of its own", fresh);
  add("admission, cached", cached);
  add("first call of a cached one: read, handed over, compiled, run", called);
  return rows;
}

const services = memoryServices();
const callOf = (sha256: string, operation: string, timeoutMs = 10_000): ComponentCall => ({
  sha256,
  component: "bench",
  operation,
  input: {},
  grants: ALL_GRANTS,
  services,
  timeoutMs,
});

/** How long a good guest's calls take while something else goes on. */
async function goodTimes(
  host: ComponentHost,
  sha256: string,
  isOver: (calls: number) => boolean,
): Promise<readonly number[]> {
  const times: number[] = [];
  while (!isOver(times.length)) {
    times.push(await timed(() => host.invoke(ctxOf("good"), callOf(sha256, "good"))));
    await new Promise((later) => setTimeout(later, 1));
  }
  return times;
}

/** Has a tenant call again and again, some at once, until it is over. */
async function storm(
  count: number,
  isOver: () => boolean,
  call: (index: number) => Promise<ComponentResult>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (!isOver()) await call(next++);
    }),
  );
}

async function neighbourRows(): Promise<readonly Row[]> {
  await using host = new ProcessComponentHost();
  const { sha256 } = await host.admit(await hostileActs(), ALL_GRANTS);
  await goodTimes(host, sha256, (calls) => calls === 200);
  const alone = await goodTimes(host, sha256, (calls) => calls === 1000);
  const during = async (
    count: number,
    call: (index: number) => Promise<ComponentResult>,
  ): Promise<readonly number[]> => {
    const state = { isOver: false };
    const raging = storm(count, () => state.isOver, call);
    await new Promise((later) => setTimeout(later, 1000));
    const times = await goodTimes(host, sha256, (calls) => calls === 1000);
    state.isOver = true;
    await raging;
    return times;
  };
  const hostile = await during(8, (index) => {
    const [act = "spin"] = HOSTILE_ACTS[index % HOSTILE_ACTS.length] ?? [];
    return host.invoke(ctxOf("hostile"), callOf(sha256, act, 500));
  });
  const busy = await during(64, () => host.invoke(ctxOf("busy"), callOf(sha256, "good")));
  const row = (subject: string, times: readonly number[]): Row => ({
    subject,
    "p50 ms": round(at(times, 0.5)),
    "p99 ms": round(at(times, 0.99)),
    "p99 / alone": round(at(times, 0.99) / at(alone, 0.99)),
  });
  return [
    row("a good guest alone", alone),
    row("a good guest beside 8 hostile calls of every kind", hostile),
    row("a good guest beside another tenant's storm, 64 at once", busy),
  ];
}

/** What a guest weighs and what reading one takes. */
export async function benchAdmission(): Promise<readonly Row[]> {
  return [await suspendedRow(), ...(await admissionRows())];
}

/** What others do to a good guest. */
export async function benchNeighbours(): Promise<readonly Row[]> {
  return await neighbourRows();
}

if (import.meta.main) {
  printTable("Component guests against jco", await benchGuests());
  printTable("Components: weight and admission", await benchAdmission());
  printTable("Components: neighbours", await benchNeighbours());
}
