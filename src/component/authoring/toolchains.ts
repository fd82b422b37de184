import { GreenticError } from "../../types/index.ts";
import { hasRustTarget } from "./build-native.ts";
import type { ComponentLanguage } from "./component-source.ts";
import { findTool, runTool } from "./load-tool.ts";

/** A tool that builds components, and whether it is here. */
export interface Toolchain {
  readonly name: string;
  readonly languages: readonly ComponentLanguage[];
  readonly isPresent: boolean;
  /** The command that installs it. */
  readonly install: string;
}

const PACKAGES = [
  ["componentize-qjs", ["typescript"]],
  ["@bytecodealliance/jco", ["c", "assemblyscript"]],
  ["assemblyscript", ["assemblyscript"]],
] as const;

/** Looks which tools that build components are present, as a build in the directory would find them. */
export async function findToolchains(directory: string): Promise<readonly Toolchain[]> {
  const packages = PACKAGES.map(([name, languages]) => ({
    name,
    languages,
    isPresent: isThere(() => findTool(name, directory)),
    install: `npm install --save-dev ${name}`,
  }));
  const run = (program: string, args: readonly string[]): Promise<string> =>
    runTool(program, args, {
      cwd: directory,
      install: "",
      failed: () => new GreenticError("COMPONENT_BUILDER_ABSENT", "Look for a compiler: it doesn't run"),
    });
  const runs = async (probe: () => Promise<unknown>): Promise<boolean> => {
    try {
      return (await probe()) !== false;
    } catch {
      return false;
    }
  };
  const install = "apt install clang lld";
  return [
    ...packages,
    { name: "clang", languages: ["c"], isPresent: await runs(() => run("clang", ["--version"])), install },
    { name: "wasm-ld", languages: ["c"], isPresent: await runs(() => run("wasm-ld", ["--version"])), install },
    {
      name: "rust wasm32-wasip2",
      languages: ["rust"],
      isPresent: await runs(() => hasRustTarget(run)),
      install: "rustup target add wasm32-wasip2",
    },
  ];
}

function isThere(find: () => unknown): boolean {
  try {
    find();
    return true;
  } catch {
    return false;
  }
}
