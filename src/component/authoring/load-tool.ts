import { spawn } from "node:child_process";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { GreenticError, quote } from "../../types/index.ts";

/**
 * Finds the entry of an npm package that builds components: beside this package, else beside the project.
 * @throws COMPONENT_BUILDER_ABSENT with the command that installs it
 */
export function resolveTool(name: string, directory: string): string {
  try {
    return import.meta.resolve(name);
  } catch {
    // Not beside this package.
  }
  try {
    return pathToFileURL(createRequire(join(directory, "package.json")).resolve(name)).href;
  } catch (error) {
    throw notInstalled(name, error);
  }
}

/** Finds the folder of an npm package, in the same places. @throws COMPONENT_BUILDER_ABSENT with the command that installs it */
export function findTool(name: string, directory: string): string {
  for (const base of [import.meta.url, pathToFileURL(join(directory, "package.json"))]) {
    try {
      const manifest = findPackageJSON(name, base);
      if (manifest !== undefined) return dirname(manifest);
    } catch {
      // Not here.
    }
  }
  throw notInstalled(name);
}

function notInstalled(name: string, cause?: unknown): GreenticError {
  return new GreenticError(
    "COMPONENT_BUILDER_ABSENT",
    `Build a component: ${name} isn't installed; install it with: npm install --save-dev ${name}`,
    { cause },
  );
}

/**
 * Runs a compiler to its end in a directory and returns what it wrote.
 * @throws COMPONENT_BUILDER_ABSENT where there is no such program; `failed` makes the error of a run that failed
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    /** What to install where the program is missing. */
    readonly install: string;
    readonly failed: (output: string) => GreenticError;
  },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, { cwd: options.cwd, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      if (output.length < MAX_OUTPUT_CHARS) output += text;
    });
  }
  child.once("error", (error) =>
    reject(
      new GreenticError(
        "COMPONENT_BUILDER_ABSENT",
        `Build a component: ${quote(program)} can't be run; install it with: ${options.install}`,
        { cause: error },
      ),
    ),
  );
  child.once("close", (code) => (code === 0 ? resolve(output) : reject(options.failed(output))));
  return promise;
}

const MAX_OUTPUT_CHARS = 64 << 10;
