import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, relative } from "node:path";
import type { ComponentizeOpts, ComponentizeResult } from "componentize-qjs";
import { GUEST_LIBRARY, WIT_DIRECTORY } from "../../interfaces/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentSource } from "./component-source.ts";
import { readComponentSource } from "./component-source.ts";
import { BUILT_WORLD, componentWorld } from "./component-world.ts";

/** A component built from source. */
export interface BuiltComponent {
  readonly source: ComponentSource;
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly wallMs: number;
}

/** How a component is built. */
export interface BuildOptions {
  /** Keeps what was built by the hash of its inputs: the builder seeds its tables by chance, so no two builds are the same. */
  readonly cacheDirectory?: string;
}

type Componentize = (options: ComponentizeOpts) => Promise<ComponentizeResult>;

const MAX_SOURCE_BYTES = 8 << 20;
const SKIPPED = new Set(["node_modules", "dist", ".git"]);

/**
 * Builds the component of a source directory with componentize-qjs: strips types, adds the library `@greentic/guest`, and
 * takes the imports from the grants.
 * @throws COMPONENT_SOURCE_INVALID, COMPONENT_BUILDER_ABSENT, COMPONENT_BUILD_FAILED
 */
export async function buildComponent(directory: string, options: BuildOptions = {}): Promise<BuiltComponent> {
  const startedMs = performance.now();
  const source = await readComponentSource(directory);
  const componentize = await loadBuilder();
  const work = await mkdtemp(join(tmpdir(), "greentic-build-"));
  try {
    const modules = join(work, "modules");
    await copySources(directory, modules, { rest: MAX_SOURCE_BYTES });
    await copySources(GUEST_LIBRARY, join(modules, "node_modules", "@greentic", "guest"), { rest: MAX_SOURCE_BYTES });
    await writeWit(source, join(work, "wit"));
    const entry = join(modules, source.entry);
    const cached = options.cacheDirectory && join(options.cacheDirectory, `${await hashInputs(work, source)}.wasm`);
    const known = cached && (await readIfThere(cached));
    if (known) return finish(source, known, startedMs);
    const { component } = await componentize({
      witPath: join(work, "wit"),
      ...(source.world === "own" ? {} : { world: BUILT_WORLD }),
      jsSource: await readEntry(entry, source),
      jsPath: entry,
      moduleRoot: modules,
      sync: true,
      optSize: true,
      stubWasi: !source.wasi,
    }).catch((error: unknown) => {
      throw buildFailed(source, error, work);
    });
    if (cached) await keep(cached, component);
    return finish(source, component, startedMs);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function finish(source: ComponentSource, bytes: Uint8Array, startedMs: number): BuiltComponent {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { source, bytes, sha256, wallMs: performance.now() - startedMs };
}

/** Hashes everything that the builder is given, and the builder's version. */
async function hashInputs(work: string, source: ComponentSource): Promise<string> {
  const builder = await readFile(new URL("package.json", import.meta.resolve("componentize-qjs")));
  const hash = createHash("sha256")
    .update(builder)
    .update(JSON.stringify([source.world, source.entry, source.wasi]));
  const paths = await readdir(work, { recursive: true, withFileTypes: true });
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) {
    const bytes = await readFile(file);
    hash.update(JSON.stringify([relative(work, file), bytes.byteLength])).update(bytes);
  }
  return hash.digest("hex");
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch {
    return undefined;
  }
}

/** Writes beside and renames, so that nobody reads half a component. */
async function keep(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, bytes);
  await rename(part, file);
}

async function loadBuilder(): Promise<Componentize> {
  try {
    const builder = await import("componentize-qjs");
    return builder.componentize;
  } catch (error) {
    throw new GreenticError("COMPONENT_BUILDER_ABSENT", "Build a component: componentize-qjs isn't installed", {
      cause: error,
    });
  }
}

/** Copies code and WIT, types stripped and names kept, so that relative imports with `.ts` still find their files. */
async function copySources(from: string, to: string, budget: { rest: number }): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) await copySources(source, target, budget);
    if (!entry.isFile() || entry.name.endsWith(".d.ts") || /\.test\.\w+$/.test(entry.name)) continue;
    const kind = extname(entry.name);
    if (![".ts", ".js", ".mjs", ".json", ".wit"].includes(kind)) continue;
    const text = await readFile(source, "utf8");
    budget.rest -= text.length;
    if (budget.rest < 0)
      throw new GreenticError("COMPONENT_SOURCE_INVALID", "Build a component: more than 8 MiB of source");
    await writeFile(target, kind === ".ts" ? stripTypes(text, source) : text);
  }
}

async function readEntry(entry: string, source: ComponentSource): Promise<string> {
  try {
    return await readFile(entry, "utf8");
  } catch (error) {
    throw new GreenticError("COMPONENT_SOURCE_INVALID", `Build ${quote(source.name)}: no ${quote(source.entry)}`, {
      cause: error,
    });
  }
}

async function writeWit(source: ComponentSource, to: string): Promise<void> {
  const deps = join(to, "deps");
  await mkdir(deps, { recursive: true });
  if (source.wit !== undefined) await cp(join(source.directory, source.wit), to, { recursive: true });
  else await writeFile(join(to, "world.wit"), componentWorld(source));
  const own = new Set(await readdir(deps));
  for (const name of await readdir(WIT_DIRECTORY)) {
    if (!own.has(name)) await copyFile(join(WIT_DIRECTORY, name), join(deps, name));
  }
}

function stripTypes(text: string, file: string): string {
  // Node still calls the function experimental and says so once on stderr, where a build's own words belong.
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text, { mode: "strip" });
  } catch (error) {
    const place = relative(dirname(dirname(file)), file);
    throw new GreenticError("COMPONENT_BUILD_FAILED", `Strip the types of ${quote(place)}: ${firstLine(error)}`, {
      cause: error,
    });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function buildFailed(source: ComponentSource, error: unknown, work: string): GreenticError {
  const reason = firstLine(error, work);
  return new GreenticError("COMPONENT_BUILD_FAILED", `Build ${quote(source.name)}: ${reason}`, { cause: error });
}

/** The builder's own words, the temporary directory left out. */
function firstLine(error: unknown, work = ""): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
  return quote(work === "" ? line : line.replaceAll(work, ""));
}
