import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { transpile } from "@bytecodealliance/jco";
import { wasm } from "../wasm.ts";

/** Imports of a component as jco wants them: interface without version → camelCase function. */
type JcoImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

type JcoInstance = Readonly<Record<string, unknown>>;

/** A component translated by jco, the oracle that the linker is compared with. */
export interface JcoComponent extends AsyncDisposable {
  instantiate(imports: JcoImports): Promise<JcoInstance>;
}

/** Translates a component with jco into a temporary directory and loads what it generated. */
export async function jcoComponent(
  bytes: Uint8Array,
  async: { readonly imports?: string[]; readonly exports?: string[] } = {},
): Promise<JcoComponent> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-jco-"));
  const isAsync = async.imports !== undefined;
  const { files } = await transpile(bytes, {
    name: "component",
    instantiation: "async",
    emitTypescriptDeclarations: false,
    ...(isAsync ? { asyncMode: "jspi", asyncImports: async.imports, asyncExports: async.exports ?? [] } : {}),
  } as Parameters<typeof transpile>[1]);
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  const entry = Object.keys(files).find((name) => name.endsWith(".js")) ?? "component.js";
  // The generated source is an ES module whatever the directory says.
  await writeFile(join(dir, "package.json"), `{"type":"module"}`);
  const generated = (await import(pathToFileURL(join(dir, entry)).href)) as {
    instantiate(getCore: (name: string) => unknown, imports: JcoImports): Promise<JcoInstance>;
  };
  const modules = new Map<string, unknown>();
  const getCore = (name: string): unknown => {
    const known = modules.get(name) ?? new wasm.Module(files[name] ?? new Uint8Array());
    modules.set(name, known);
    return known;
  };
  return {
    instantiate: (imports) => generated.instantiate(getCore, imports),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
