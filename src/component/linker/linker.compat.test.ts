import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { describe, expect, test } from "vitest";
import { createWasi, linkComponent, parseComponent, resolveWasi } from "./index.ts";
import type { HostFunction } from "./index.ts";
import { fieldName } from "./names.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";

/** A directory with public components; what they do is not ours to assert, only that they load and answer. */
const dir = process.env["GREENTIC_COMPAT_DIR"];

function components(path: string): readonly string[] {
  if (statSync(path).isFile()) return path.endsWith(".wasm") && isComponent(path) ? [path] : [];
  return readdirSync(path).flatMap((name) => components(join(path, name)));
}

function isComponent(path: string): boolean {
  const head = readFileSync(path).subarray(0, 8).toString("hex");
  return head === "0061736d0d000100";
}

const deny: HostFunction = {
  isAsync: false,
  call() {
    throw new Error("denied");
  },
};

describe.skipIf(dir === undefined)("public components (GREENTIC_COMPAT_DIR)", () => {
  const files = dir === undefined ? [] : components(dir);

  test("there are some", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test.each(files)("%s loads, and its plan survives a clone", async (file) => {
    const plan = structuredClone(parseComponent(readFileSync(file)));
    const linked = linkComponent(plan, (ref) => resolveWasi(ref) ?? deny);
    using wasi = createWasi({ nowMs: () => 0, randomBytes: (count) => new Uint8Array(randomBytes(count)) });
    for (const ref of linked.exports) {
      if (ref.type.params.length > 0) continue;
      const deadlineAtMs = performance.now() + 5000;
      const instance = linked.instantiate({ wasi }, { deadlineAtMs });
      const ended = await instance.call(ref, []).then(
        () => "answer",
        (error: Error) => error.name,
      );
      expect(["answer", "Trap", "ComponentErr"]).toContain(ended);
      expect(instance.stats.fuel).toBeGreaterThan(0);
    }
  });

  test.each(files)("%s answers as under jco where it needs WASI alone", async (file) => {
    const bytes = readFileSync(file);
    const plan = parseComponent(bytes);
    const refs = plan.exports.filter(({ type }) => type.params.length === 0);
    if (refs.length === 0 || plan.imports.some((ref) => resolveWasi(ref) === undefined)) return;
    const linked = linkComponent(plan, resolveWasi);
    await using jco = await jcoComponent(bytes);
    const other = await jco.instantiate(new WASIShim().getImportObject());
    for (const ref of refs) {
      using wasi = createWasi({ nowMs: Date.now, randomBytes: (count) => new Uint8Array(randomBytes(count)) });
      const mine = await linked.instantiate({ wasi }).call(ref, []);
      const from = (ref.interface === null ? other : other[ref.interface]) as Record<string, () => unknown>;
      expect(mine).toEqual(from[fieldName(ref.name)]?.());
    }
  });
});
