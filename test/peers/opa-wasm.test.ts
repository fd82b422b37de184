/** The Open Policy Agent's own WASM library over a module of OPA's documented ABI (1.3), as `opa build -t wasm` lays it out. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import type { OpaConfig } from "../../src/config/index.ts";
import type { PolicyBackend } from "../../src/policy/index.ts";
import { openOpa } from "../../src/policy/index.ts";
import { ask, engineOf } from "../stand-ins/policy-engine.ts";
import { createTestWorld } from "../stand-ins/test-world.ts";
import { verifies } from "../verifies.ts";
import { hasPeers } from "./load-peer.ts";

if (!hasPeers) process.stderr.write("opa-wasm: 3 skipped, npm run peers has not been run\n");

/** Allows unless the text `"bad"` stands in the input; entrypoint 1 decides nothing. */
const POLICY = `(module
  (import "env" "memory" (memory 2))
  (global (export "opa_wasm_abi_version") i32 (i32.const 1))
  (global (export "opa_wasm_abi_minor_version") i32 (i32.const 3))
  (global $heap (mut i32) (i32.const 4096))
  (data (i32.const 16) "{}\\00")
  (data (i32.const 32) "{\\22greentic/decision\\22:0,\\22greentic/none\\22:1}\\00")
  (data (i32.const 128) "[{\\22result\\22:true}]\\00")
  (data (i32.const 192) "[{\\22result\\22:{\\22allow\\22:false,\\22rule\\22:\\22wasm.bad\\22}}]\\00")
  (data (i32.const 320) "[]\\00")
  (func (export "builtins") (result i32) (i32.const 16))
  (func (export "entrypoints") (result i32) (i32.const 32))
  (func (export "opa_malloc") (param $n i32) (result i32)
    (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get $n))))
  (func (export "opa_json_parse") (param $at i32) (param i32) (result i32) (local.get $at))
  (func (export "opa_json_dump") (param $at i32) (result i32) (local.get $at))
  (func (export "opa_heap_ptr_get") (result i32) (global.get $heap))
  (func (export "opa_heap_ptr_set") (param $at i32) (global.set $heap (local.get $at)))
  (func (export "opa_eval") (param i32) (param $entry i32) (param i32) (param $at i32) (param $n i32) (param i32) (param i32) (result i32)
    (local $end i32)
    (if (local.get $entry) (then (return (i32.const 320))))
    (local.set $end (i32.sub (i32.add (local.get $at) (local.get $n)) (i32.const 5)))
    (block $done (loop $next
      (br_if $done (i32.gt_s (local.get $at) (local.get $end)))
      (if (i32.and (i32.eq (i32.load (local.get $at)) (i32.const 0x64616222)) (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 0x22)))
        (then (return (i32.const 192))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (i32.const 128)))`;

/** A tar with one file, as `opa build` gives its bundle. */
function bundleOf(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(`/${name}`, 0);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  return gzipSync(
    Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]),
  );
}

const PEERS = resolve(import.meta.dirname);

describe.skipIf(!hasPeers)("an OPA bundle of WASM", () => {
  const opened = async (bytes: Uint8Array, entrypoint?: string): Promise<PolicyBackend> => {
    const dir = mkdtempSync(join(tmpdir(), "greentic-opa-"));
    try {
      const file = join(dir, "bundle.tar.gz");
      writeFileSync(file, bytes);
      const source = { kind: "wasm", file, sdkDir: PEERS, ...(entrypoint !== undefined && { entrypoint }) } as const;
      const config: OpaConfig = { source, at: ["tool"], timeoutMs: 500, cacheSeconds: 0, onError: "deny" };
      return await openOpa(config, createTestWorld());
    } finally {
      rmSync(dir, { recursive: true });
    }
  };
  const wasm = (): Promise<Uint8Array> => parse(POLICY);

  test("decides in this process, from its bundle or its module alone", async () => {
    verifies("policy.opa.wasm");
    for (const bytes of [bundleOf("policy.wasm", await wasm()), await wasm()]) {
      const engine = engineOf("", { backend: await opened(bytes, "greentic/decision") });
      expect(await engine.decide(ask({ point: "tool", tool: "good" }))).toEqual({ kind: "allow", rule: "opa" });
      expect(await engine.decide(ask({ point: "tool", tool: "bad" }))).toMatchObject({
        kind: "deny",
        rule: "opa: wasm.bad",
      });
    }
  });

  test("a policy that says nothing denies", async () => {
    verifies("policy.opa.wasm");
    const engine = engineOf("", { backend: await opened(await wasm(), "greentic/none") });
    expect(await engine.decide(ask({ point: "tool", tool: "good" }))).toMatchObject({ rule: "opa: undefined" });
  });

  test("what is no bundle, or has no such entrypoint, keeps the host from starting", async () => {
    verifies("policy.opa.wasm");
    const module = await wasm();
    for (const bytes of [Buffer.from("nonsense"), bundleOf("other.wasm", module), module.subarray(0, 90)])
      await expect(opened(bytes)).rejects.toMatchObject({ code: "POLICY_BUNDLE_INVALID" });
    await expect(opened(module, "greentic/other")).rejects.toMatchObject({
      code: "POLICY_BUNDLE_INVALID",
      message: expect.stringContaining("greentic/decision, greentic/none"),
    });
  });
});
