import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname, join } from "node:path";
import { GreenticError, quote } from "../../types/index.ts";

const SKIPPED = new Set(["node_modules", "dist", ".git"]);
const COPIED = new Set([".ts", ".js", ".mjs", ".json", ".wit"]);
const MAX_SOURCE_BYTES = 8 << 20;

interface CopyOptions {
  readonly budget?: { rest: number };
  /** Leaves out what is no code, line by line: a component carries its sources. Only for code whose lines nobody looks up. */
  readonly isCompact?: boolean;
}

/**
 * Copies code and WIT, types blanked out and names kept, so that relative imports with `.ts` still find their files and every
 * statement keeps its line and column.
 * @throws COMPONENT_SOURCE_INVALID above 8 MiB; COMPONENT_BUILD_FAILED with the place of what isn't erasable TypeScript
 */
export async function copySources(
  from: string,
  to: string,
  { budget = { rest: MAX_SOURCE_BYTES }, isCompact = false }: CopyOptions = {},
): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) await copySources(source, target, { budget, isCompact });
    if (!entry.isFile() || entry.name.endsWith(".d.ts") || /\.test\.\w+$/.test(entry.name)) continue;
    const kind = extname(entry.name);
    if (!COPIED.has(kind)) continue;
    const text = await readFile(source, "utf8");
    budget.rest -= text.length;
    if (budget.rest < 0)
      throw new GreenticError("COMPONENT_SOURCE_INVALID", "Build a component: more than 8 MiB of source");
    const code = kind === ".ts" ? stripTypes(text, source) : text;
    await writeFile(target, isCompact ? compact(code) : code);
  }
}

/** Our own code has no text over several lines or with two spaces, and comments only on lines of their own. */
function compact(code: string): string {
  return code
    .split("\n")
    .map((line) => line.trim().replaceAll(/ {2,}/g, " "))
    .filter((line) => line !== "" && !/^(?:\/\/|\/\*\*|\*)/.test(line))
    .join("\n");
}

function stripTypes(text: string, file: string): string {
  // Node still calls the function experimental and says so once on stderr, where a build's own words belong.
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text, { mode: "strip", sourceUrl: file });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "failed";
    throw new GreenticError("COMPONENT_BUILD_FAILED", `Strip the types: ${quote(reason)}`, {
      cause: error,
      at: placeIn(error, file),
    });
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Node puts the place in front of the stack: `file:line`, the line, and carets under what is wrong. */
function placeIn(error: unknown, file: string): { file: string; line: number; column: number } {
  const lines = error instanceof Error ? (error.stack ?? "").split("\n") : [];
  const line = Number(/:(\d+)$/.exec(lines[0] ?? "")?.[1] ?? 1);
  const caret = lines.slice(1, 8).find((text) => /^\s*\^+\s*$/.test(text)) ?? "^";
  return { file, line, column: caret.indexOf("^") + 1 };
}
