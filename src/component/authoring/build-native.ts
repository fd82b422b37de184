// Languages that compile to WebAssembly themselves: a core module by the language's compiler, then the world's WIT embedded and
// the module wrapped as a component. Rust's own target does both.
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type * as jcoModule from "@bytecodealliance/jco";
import { WIT_DIRECTORY } from "../../interfaces/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentSource } from "./component-source.ts";
import { findTool, resolveTool, runTool } from "./load-tool.ts";
import { writeWit } from "./write-wit.ts";

/** An empty directory that the caller removes. */
interface BuildPlace {
  readonly work: string;
}

type Jco = Pick<typeof jcoModule, "componentEmbed" | "componentNew">;

/** Builds freestanding C with clang and wasm-ld: every `.c` file beside the entry. @throws as `buildComponent` */
export async function buildC(source: ComponentSource, { work }: BuildPlace): Promise<Uint8Array> {
  const jco = await loadJco(source);
  const folder = dirname(source.entry);
  const files = (await readdir(join(source.directory, folder))).filter((name) => name.endsWith(".c")).sort();
  const core = join(work, "core.wasm");
  const flags = ["--target=wasm32", "-std=c17", "-Os", "-flto", "-ffreestanding", "-nostdlib", "-fvisibility=hidden"];
  const linking = ["-Wall", "-Wextra", "-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--stack-first", "-o", core];
  await runTool("clang", [...flags, ...linking, ...files.map((name) => join(folder, name))], {
    cwd: source.directory,
    install: "apt install clang lld",
    failed: (output) => compilerFailed(source, output),
  });
  return wrap(source, { jco, work, core: await readFile(core) });
}

/** Builds AssemblyScript with asc, its small runtime without a collector. @throws as `buildComponent` */
export async function buildAssemblyScript(source: ComponentSource, { work }: BuildPlace): Promise<Uint8Array> {
  const jco = await loadJco(source);
  const core = join(work, "core.wasm");
  const compiler = join(findTool("assemblyscript", source.directory), "bin/asc.js");
  const options = [
    "--runtime",
    "stub",
    "--optimizeLevel",
    "3",
    "--shrinkLevel",
    "2",
    "--use",
    "abort=",
    "--outFile",
    core,
  ];
  await runTool(process.execPath, [compiler, source.entry, ...options], {
    cwd: source.directory,
    install: "npm install --save-dev assemblyscript",
    failed: (output) => compilerFailed(source, output),
  });
  return wrap(source, { jco, work, core: await readFile(core) });
}

/** Builds a crate with cargo for wasm32-wasip2, whose linker writes the component. @throws as `buildComponent` */
export async function buildRust(source: ComponentSource, { work }: BuildPlace): Promise<Uint8Array> {
  const run = (program: string, args: readonly string[]): Promise<string> =>
    runTool(program, args, {
      cwd: source.directory,
      install: "https://rustup.rs",
      failed: (output) => compilerFailed(source, output),
    });
  if (!(await hasRustTarget(run))) {
    throw new GreenticError(
      "COMPONENT_BUILDER_ABSENT",
      `Build ${quote(source.name)}: Rust has no target wasm32-wasip2; install it with: rustup target add wasm32-wasip2`,
    );
  }
  const target = join(work, "target");
  await run("cargo", [
    "build",
    "--release",
    "--target",
    "wasm32-wasip2",
    "--target-dir",
    target,
    "--message-format",
    "short",
  ]);
  const release = join(target, "wasm32-wasip2", "release");
  const built = (await readdir(release)).find((name) => name.endsWith(".wasm"));
  if (built === undefined)
    throw new GreenticError("COMPONENT_BUILD_FAILED", `Build ${quote(source.name)}: the crate's type isn't cdylib`);
  return readFile(join(release, built));
}

/** Tells whether rustc's own libraries for the target are installed. */
export async function hasRustTarget(
  run: (program: string, args: readonly string[]) => Promise<string>,
): Promise<boolean> {
  const place = await run("rustc", ["--print", "target-libdir", "--target", "wasm32-wasip2"]);
  const files = await readdir(place.trim()).catch((): string[] => []);
  return files.length > 0;
}

async function loadJco(source: ComponentSource): Promise<Jco> {
  return (await import(resolveTool("@bytecodealliance/jco", source.directory))) as Jco;
}

async function wrap(
  source: ComponentSource,
  { jco, work, core }: { readonly jco: Jco; readonly work: string; readonly core: Uint8Array },
): Promise<Uint8Array> {
  try {
    return await jco.componentNew(await jco.componentEmbed({ binary: core, ...(await witOf(source, work)) }));
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
    throw new GreenticError("COMPONENT_BUILD_FAILED", `Wrap ${quote(source.name)} as a component: ${quote(reason)}`, {
      cause: error,
    });
  }
}

/** One text where the WIT is one file, since the embedder reads directories only through its own file system. */
async function witOf(source: ComponentSource, work: string): Promise<{ witSource: string } | { witPath: string }> {
  if (source.wit === undefined && source.world === "component")
    return { witSource: await readFile(join(WIT_DIRECTORY, "greentic-component.wit"), "utf8") };
  const directory = join(source.directory, source.wit ?? "");
  const [only, ...others] = await readdir(directory);
  if (only !== undefined && others.length === 0) return { witSource: await readFile(join(directory, only), "utf8") };
  const wit = join(work, "wit");
  await writeWit(source, wit);
  return { witPath: wit };
}

/** The compiler's first error, with the place behind it where it names one as `file:line:column` or `in file(line,column)`. */
function compilerFailed(source: ComponentSource, output: string): GreenticError {
  const start = /^.*\b(?:error|ERROR)\b/m.exec(output)?.index ?? 0;
  const rest = output.slice(start);
  const [line = ""] = rest.split("\n", 1);
  const found = /([\w@./-]+\.(?:c|h|rs|toml)):(\d+):(\d+)/.exec(rest) ?? /in ([\w@./-]+\.ts)\((\d+),(\d+)\)/.exec(rest);
  const [, file = "", row = "", column = ""] = found ?? [];
  return new GreenticError("COMPONENT_BUILD_FAILED", `Build ${quote(source.name)}: ${quote(line.trim())}`, {
    ...(found && { at: { file: join(source.directory, file), line: Number(row), column: Number(column) } }),
  });
}
