import { readFileSync } from "node:fs";
import { join } from "node:path";
import { componentNew, parse } from "@bytecodealliance/jco";
import { afterAll, expect, test } from "vitest";
import { NO_GRANTS } from "../grants.ts";
import type { HostServices } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";

// A command of WASI preview 1 behind the adapter with which most public components were built: what a C library does.
const ADAPTER = join(
  import.meta.dirname,
  "../../../node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.command.wasm",
);
const P1 = "wasi_snapshot_preview1";
const PATHS = ["data/a.txt", "new", "../a.txt", "none", "data", "/etc/passwd"];
const at = (path: string): string => {
  const before = PATHS.slice(0, PATHS.indexOf(path)).join("").length;
  return `(i32.const ${1024 + before}) (i32.const ${path.length})`;
};
const OPEN = `(call $open (i32.const 3) (i32.const 0)`;
const RIGHTS = "(i64.const 2) (i64.const 2)";
const WAT = `(module
  (import "${P1}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "${P1}" "fd_prestat_dir_name" (func $dirname (param i32 i32 i32) (result i32)))
  (import "${P1}" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "${P1}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "${P1}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "${P1}" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "${P1}" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "${P1}" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "${P1}" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (import "${P1}" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "${PATHS.join("")}")
  (func $say (param $from i32) (param $length i32)
    (i32.store (i32.const 64) (local.get $from)) (i32.store (i32.const 68) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72))))
  ;; A number below 1000, and a space.
  (func $number (param $n i32)
    (i32.store8 (i32.const 80) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 100))))
    (i32.store8 (i32.const 81) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 82) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (i32.store8 (i32.const 83) (i32.const 32))
    (call $say (i32.const 80) (i32.const 4)))
  (func (export "_start")
    ;; The directory that stands open, and a file in it.
    (call $number (call $prestat (i32.const 3) (i32.const 96)))
    (drop (call $dirname (i32.const 3) (i32.const 128) (i32.const 7)))
    (call $say (i32.const 128) (i32.const 7))
    (call $number ${OPEN} ${at("data/a.txt")} (i32.const 0) ${RIGHTS} (i32.const 0) (i32.const 104)))
    (i32.store (i32.const 112) (i32.const 256)) (i32.store (i32.const 116) (i32.const 100))
    (call $number (call $read (i32.load (i32.const 104)) (i32.const 112) (i32.const 1) (i32.const 120)))
    (call $say (i32.const 256) (i32.load (i32.const 120)))
    ;; What isn't there, what may not be, and what can't be done.
    (call $number ${OPEN} ${at("none")} (i32.const 0) ${RIGHTS} (i32.const 0) (i32.const 104)))
    (call $number ${OPEN} ${at("../a.txt")} (i32.const 0) ${RIGHTS} (i32.const 0) (i32.const 104)))
    (call $number ${OPEN} ${at("/etc/passwd")} (i32.const 0) ${RIGHTS} (i32.const 0) (i32.const 104)))
    (call $number ${OPEN} ${at("new")} (i32.const 1) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 104)))
    (call $number (call $unlink (i32.const 3) ${at("data/a.txt")}))
    (call $number (call $prestat (i32.const 4) (i32.const 96)))
    ;; The directory's entries, the rest of the world.
    (call $number (call $readdir (i32.const 3) (i32.const 512) (i32.const 400) (i64.const 0) (i32.const 124)))
    (call $number (i32.load (i32.const 124)))
    (call $number (call $environ (i32.const 136) (i32.const 140)))
    (call $number (i32.load (i32.const 136)))
    (call $number (call $resolution (i32.const 1) (i32.const 144)))
    (call $number (i32.wrap_i64 (i64.div_u (i64.load (i32.const 144)) (i64.const 1000000))))
    (call $number (call $random (i32.const 256) (i32.const 32)))))`;

const host = new InProcessComponentHost();
afterAll(() => host[Symbol.asyncDispose]());

async function run(assets: boolean): Promise<unknown> {
  const bytes = await componentNew(await parse(WAT), [[P1, readFileSync(ADAPTER)]]);
  const grants = { ...NO_GRANTS, assets };
  const { sha256 } = await host.admit(bytes, grants);
  const services: HostServices = {
    ...memoryServices(),
    assetList: async () => [{ path: "assets/data/a.txt", sizeBytes: 5 }],
    asset: async () => Buffer.from("hello"),
  };
  const call = { sha256, component: "c", operation: "run", input: {}, grants, services, timeoutMs: 5000 };
  const result = await host.invoke(ctxOf(), call);
  return result.kind === "ok" ? result.output : result.error;
}

test("a library's view: one directory with the pack's files, no way out of it, nothing to write, no environment", async () => {
  // 44 noent, 63 perm, 69 rofs, 8 badf.
  const opened = "000 /assets000 000 hello";
  const refused = "044 063 063 069 069 008 ";
  const world = "000 000 000 001 000 ";
  const output = (await run(true)) as { readonly exit_code: number; readonly stdout: string };
  expect(output.exit_code).toBe(0);
  const [, entries] = /^.*?(\d{3}) 000 000 000 001 000 $/.exec(output.stdout) ?? [];
  expect(output.stdout).toBe(`${opened}${refused}000 ${entries} ${world}`);
  expect(Number(entries)).toBeGreaterThan(0);
});

test("without the grant there is no directory", async () => {
  expect(await run(false)).toMatchObject({ exit_code: 0, stdout: expect.stringMatching(/^008 /) as string });
});
