/**
 * Takes the types away from the code of component-host processes, once, so that their start doesn't wait for that: each of them
 * would do it anew, since none may write a cache.
 */
import { fork } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { BUILT_CHILDREN, childCode, childSources } from "../src/component/process/child-code.ts";

const IMPORT = /((?:from|import)\s*\(?\s*["'])(\.[^"']+)\.ts(["'])/g;

/** Builds the code and starts it once; what doesn't start is not kept, and processes run the sources. */
export async function buildChild(): Promise<void> {
  await rm(BUILT_CHILDREN, { recursive: true, force: true });
  const { version } = childCode();
  const building = join(BUILT_CHILDREN, `${version}.building`);
  for (const [path, source] of childSources()) {
    const file = join(building, path.replace(/\.ts$/, ".js"));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, stripTypeScriptTypes(source.toString()).replaceAll(IMPORT, "$1$2.js$3"));
  }
  await writeFile(join(building, "package.json"), '{ "type": "module" }\n');
  await startsFrom(join(building, "component/process/component.child.js"));
  await rename(building, join(BUILT_CHILDREN, version));
  console.log(`built the component host's processes (${version.slice(0, 16)})`);
}

async function startsFrom(entry: string): Promise<void> {
  const child = fork(entry, ["{}"], { serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("message", () => resolve());
  child.once("exit", (code) => reject(new Error(`the built component-host process ended with ${code}`)));
  try {
    await promise;
  } finally {
    child.kill("SIGKILL");
  }
}
