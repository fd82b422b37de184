import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dirname, join, relative } from "node:path";
import type { ComponentizeOpts, ComponentizeResult } from "componentize-qjs";
import { GUEST_LIBRARY } from "../../interfaces/index.ts";
import type { SourcePosition } from "../../types/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentSource } from "./component-source.ts";
import { BUILT_WORLD, nodeEntry } from "./component-world.ts";
import { copySources } from "./copy-sources.ts";
import { resolveTool } from "./load-tool.ts";
import { copyPackages, withNpmPackages, writeNpmPackages } from "./npm-packages.ts";
import { writeWit } from "./write-wit.ts";

type Componentize = (options: ComponentizeOpts) => Promise<ComponentizeResult>;

const BUILDER = "componentize-qjs";
/** The module that binds a node's definition; no source can have its name. */
const NODE_ENTRY = "greentic~node.js";

/**
 * Builds TypeScript with componentize-qjs: types stripped in place, `greentic/component-sdk` and `@greentic/guest` added, imports
 * taken from the grants. The npm packages of its package-lock.json go in, and are listed in the component. `work` is an empty directory that the caller removes.
 * @throws COMPONENT_SOURCE_INVALID, COMPONENT_BUILDER_ABSENT, COMPONENT_BUILD_FAILED
 */
export async function buildTypeScript(
  source: ComponentSource,
  { work, cacheDirectory }: { readonly work: string; readonly cacheDirectory?: string },
): Promise<Uint8Array> {
  const builder = resolveTool(BUILDER, source.directory);
  const modules = join(work, "modules");
  await copySources(source.directory, modules);
  const packages = await copyPackages(source.directory, modules);
  await writeNpmPackages(work, packages);
  await copyLibrary(join(modules, "node_modules"));
  await writeWit(source, join(work, "wit"));
  const entry = join(modules, source.entry);
  const main = source.world === "node" ? join(modules, NODE_ENTRY) : entry;
  await readEntry(entry, source);
  if (source.world === "node") await writeFile(main, nodeEntry(source));
  const cached = cacheDirectory && join(cacheDirectory, `${await hashInputs(work, source, builder)}.wasm`);
  const known = cached && (await readIfThere(cached));
  if (known) return known;
  const { componentize } = (await import(builder)) as { readonly componentize: Componentize };
  const { component } = await componentize({
    witPath: join(work, "wit"),
    ...(source.world === "own" ? {} : { world: BUILT_WORLD }),
    jsSource: await readFile(main, "utf8"),
    jsPath: main,
    moduleRoot: modules,
    sync: true,
    optSize: true,
    stubWasi: !source.wasi,
  }).catch(async (error: unknown) => {
    throw await buildFailed(source, modules, error);
  });
  const told = withNpmPackages(component, packages);
  if (cached) await keep(cached, told);
  return told;
}

/** Puts the libraries where the engine's resolver looks for packages. */
async function copyLibrary(packages: string): Promise<void> {
  await copySources(GUEST_LIBRARY, join(packages, "@greentic", "guest"), { isCompact: true });
  const sdk = join(packages, "greentic");
  await mkdir(sdk, { recursive: true });
  const manifest = { name: "greentic", type: "module", exports: { "./component-sdk": "./component-sdk.js" } };
  await writeFile(join(sdk, "package.json"), JSON.stringify(manifest));
  await writeFile(join(sdk, "component-sdk.js"), 'export * from "../@greentic/guest/component-sdk.ts";\n');
}

/** Hashes everything that the builder is given, and the builder's version. */
async function hashInputs(work: string, source: ComponentSource, builder: string): Promise<string> {
  const hash = createHash("sha256")
    .update(await readFile(join(dirname(fileURLToPath(builder)), "package.json")))
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

async function readEntry(entry: string, source: ComponentSource): Promise<void> {
  try {
    await readFile(entry, "utf8");
  } catch (error) {
    throw new GreenticError("COMPONENT_SOURCE_INVALID", `Build ${quote(source.name)}: no ${quote(source.entry)}`, {
      cause: error,
    });
  }
}

/** The engine's own words without what it was doing, and the place in the author's file; the temporary directory is left out. */
async function buildFailed(source: ComponentSource, modules: string, error: unknown): Promise<GreenticError> {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(modules, "");
  const [, specifier, importer] = /failed to resolve JavaScript import "([^"]+)" from (\S+)/.exec(text) ?? [];
  const at =
    specifier === undefined || importer === undefined
      ? placeIn(text, source)
      : await placeOfImport(specifier, join(source.directory, importer));
  const [line = ""] = text.split("\n", 1);
  const reason =
    specifier === undefined
      ? quote(line.replace(/^.*?JavaScript module(?: evaluation)?: Error: /, ""))
      : `no file, granted host interface or library is ${quote(specifier)}`;
  return new GreenticError("COMPONENT_BUILD_FAILED", `Build ${quote(source.name)}: ${reason}`, { cause: error, at });
}

/** The first of the author's own places in a stack. */
function placeIn(text: string, source: ComponentSource): SourcePosition | undefined {
  const places = [...text.matchAll(/([\w@./~-]+\.[cm]?[jt]s):(\d+)(?::(\d+))?/g)];
  const found = places.find(([, file = ""]) => !file.includes("node_modules/") && !file.endsWith(NODE_ENTRY));
  if (found === undefined) return undefined;
  const [, file = "", line, column = "1"] = found;
  return { file: join(source.directory, file), line: Number(line), column: Number(column) };
}

async function placeOfImport(specifier: string, file: string): Promise<SourcePosition> {
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
  const index = lines.findIndex((line) => line.includes(`"${specifier}"`) || line.includes(`'${specifier}'`));
  return { file, line: index + 1 || 1, column: (lines[index]?.indexOf(specifier) ?? 0) || 1 };
}
