import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createWasi, linkComponent, parseComponent, resolveWasi } from "./index.ts";
import type { HostFunction } from "./index.ts";

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
});
