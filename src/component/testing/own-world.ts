import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildComponent } from "../authoring/build-component.ts";

const WASI_WIT = join(import.meta.dirname, "../../../node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12");
// The builder runs the guest once, and knows WASI only for itself; under another name of the same length it leaves it alone.
const WASI = /wasi:/g;
const OTHER = "wasx:";

/** Builds a guest whose world imports what it likes: interfaces of ours and of WASI 0.2.12. It exports `execute`. */
export async function buildOwnWorld(
  imports: readonly string[],
  source: string,
): Promise<{ readonly bytes: Uint8Array; readonly sha256: string }> {
  const directory = await mkdtemp(join(tmpdir(), "greentic-guest-"));
  try {
    const write = (path: string, text: string): Promise<void> =>
      writeFile(join(directory, path), text.replace(WASI, OTHER));
    await mkdir(join(directory, "src"));
    await mkdir(join(directory, "wit", "deps"), { recursive: true });
    for (const name of await readdir(WASI_WIT)) {
      await write(join("wit", "deps", `${name}.wit`), await readFile(join(WASI_WIT, name, "package.wit"), "utf8"));
    }
    const lines = imports.map((name) => `  import ${name};`).join("\n");
    await write(
      join("wit", "world.wit"),
      `package t:guest;\nworld guest {\n${lines}\n  include greentic:component/component;\n}\n`,
    );
    await write("component.toml", 'name = "guest"\nworld = "own"\nwit = "wit"\n');
    await write(join("src", "main.ts"), `${PRELUDE}\n${source}\n${EXECUTE}`);
    const bytes = withWasiImports((await buildComponent(directory)).bytes);
    return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Gives the imports of the whole, which stand first, their right names; those of the components within keep the others. */
function withWasiImports(built: Uint8Array): Uint8Array {
  const seen = new Set<string>();
  const text = Buffer.from(built)
    .toString("latin1")
    .replace(/wasx:[a-z0-9-]+\/[a-z0-9-]+@0\.2\.12/g, (name) => {
      if (seen.has(name)) return name;
      seen.add(name);
      return name.replace(OTHER, "wasi:");
    });
  return Buffer.from(text, "latin1");
}

const PRELUDE = `
const thrown = (work: () => unknown): unknown => {
  try { return work(); } catch (error) { return { thrown: (error as any).payload ?? String(error) }; }
};
`;
const EXECUTE = `
export function execute({ content }: { content: string }) {
  const { act, argument } = JSON.parse(content);
  const plain = (_key: string, value: unknown) =>
    typeof value === "bigint" ? Number(value) : value instanceof Uint8Array ? Array.from(value) : value;
  return { success: true, data: JSON.stringify(acts[act]!(argument) ?? null, plain), error: null };
}
`;
