import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentEmbed, componentNew } from "@bytecodealliance/jco";
import { expect, onTestFinished, test } from "vitest";
import { bindWasiHttp } from "./http/wasi-bind.ts";
import { parseComponent, resolveWasi } from "../linker/index.ts";

const BUILTIN = join(import.meta.dirname, "../../../node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12");

test.each([
  ["wasi-cli", "imports"],
  ["wasi-http", "imports"],
])("every function of %s is there", async (name, world) => {
  const witPath = await packagesFor(name);
  const dummy = await componentNew(await componentEmbed({ dummy: true, witPath, world }));
  const { imports } = parseComponent(dummy);
  const missing = imports.filter((ref) => resolveWasi(ref) === undefined && bindWasiHttp(ref) === undefined);
  expect(imports.length).toBeGreaterThan(60);
  expect(missing.map((ref) => `${ref.instance}#${ref.name}`)).toEqual([]);
});

/** Lays the packages out as a WIT directory: the one whose world is meant, and the others as what it depends on. */
async function packagesFor(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "greentic-wit-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, "deps"));
  await cp(join(BUILTIN, name, "package.wit"), join(directory, "package.wit"));
  for (const other of await readdir(BUILTIN)) {
    if (other !== name) await cp(join(BUILTIN, other), join(directory, "deps", other), { recursive: true });
  }
  return directory;
}
