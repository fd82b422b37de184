import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import type { ChannelType } from "../../src/config/index.ts";
import { VERSION } from "../../src/types/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const HERE = import.meta.dirname;
const SHIMS = join(HERE, "guest-shims.ts");
/** What the engine lacks, or has in a form that waits. */
const INJECTED = ["Buffer", "TextDecoder", "TextEncoder", "Intl", "URL", "URLSearchParams"];

/** Big integers stay as they are, and what isn't stood in for, of Node or of packages, is dropped with what would use it. */
const QUIET = new Set(["TOLERATED_TRANSFORM", "SHIMMED_EXPORT", "UNRESOLVED_IMPORT"]);

/** Writes the source of a component made of a built-in channel's own files, as one module without `async`. */
export async function bundleBuiltIn(
  type: ChannelType,
  directory: string,
  {
    exported,
    origins,
    secrets,
  }: { readonly exported: string; readonly origins: readonly string[]; readonly secrets: readonly string[] },
): Promise<void> {
  const entry = join(directory, "entry.ts");
  await mkdir(join(directory, "src"), { recursive: true });
  await writeFile(
    entry,
    `import { ${exported} } from ${JSON.stringify(join(ROOT, `src/messaging/providers/${type}/entry.ts`))};\n` +
      `import { builtInComponent } from ${JSON.stringify(join(HERE, "built-in-guest.ts"))};\n` +
      `export default builtInComponent(${exported}, ${JSON.stringify(VERSION)});\n`,
  );
  const bundle = await rolldown({
    input: entry,
    cwd: ROOT,
    platform: "neutral",
    onLog: (level, log, next) => (QUIET.has(log.code ?? "") ? undefined : next(level, log)),
    treeshake: { moduleSideEffects: false },
    // What of Node isn't stood in for is undefined: channels that call it here would fail in their test.
    plugins: [{ name: "node", resolveId: (id) => (id.startsWith("node:") ? SHIMS : undefined) }],
    shimMissingExports: true,
    transform: {
      target: "es2016",
      inject: { Promise: [SHIMS, "SyncPromise"], ...Object.fromEntries(INJECTED.map((name) => [name, [SHIMS, name]])) },
    },
  });
  await bundle.write({ file: join(directory, "src/main.js"), format: "esm", codeSplitting: false });
  await bundle.close();
  const grants = `http = ${JSON.stringify(origins)}\nsecrets = ${JSON.stringify(secrets)}`;
  await writeFile(
    join(directory, "component.toml"),
    `name = "${type}"\nworld = "node"\nentry = "src/main.js"\nwasi = true\n[grants]\n${grants}\n`,
  );
}
