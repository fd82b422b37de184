import { existsSync, readFileSync } from "node:fs";
import { exitCodeOf, GreenticError, isGreenticError, quote } from "../types/index.ts";
import type { SourcePosition } from "../types/index.ts";
import type { CommandIo } from "./command.ts";

/** Prints an error for a person: message, place with an excerpt and a caret, help; returns the exit code. */
export function reportError(raised: unknown, io: CommandIo): number {
  const thrown = pathError(raised) ?? raised;
  if (!isGreenticError(thrown)) {
    const detail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    io.stderr.write(`error[CLI_INTERNAL]: ${detail}\n`);
    if (io.environment["GREENTIC_LOG_LEVEL"] === "debug" && thrown instanceof Error)
      io.stderr.write(`${thrown.stack}\n`);
    return 1;
  }
  io.stderr.write(
    `error[${thrown.code}]: ${thrown.message}\n${thrown.at ? excerptOf(thrown.at) : ""}  help: ${thrown.help}\n`,
  );
  return exitCodeOf(thrown.kind);
}

/** What the system refuses to do with a file is its owner's to mend, no defect; undefined for anything else. */
function pathError(thrown: unknown): GreenticError | undefined {
  if (!(thrown instanceof Error) || isGreenticError(thrown)) return undefined;
  const { code, syscall, path } = thrown as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || path === undefined) return undefined;
  return new GreenticError("CLI_PATH_UNUSABLE", `Use ${quote(path)}: ${syscall} gave ${code}`, { cause: thrown });
}

/** Shows a place of a file: its line with a caret below. */
export function excerptOf({ file, line, column }: SourcePosition): string {
  const head = `  --> ${file}:${line}:${column}\n`;
  const source = existsSync(file) ? readFileSync(file, "utf8").split("\n")[line - 1] : undefined;
  if (source === undefined) return head;
  const gutter = String(line);
  const blank = " ".repeat(gutter.length);
  return `${head}${blank} |\n${gutter} | ${source}\n${blank} | ${" ".repeat(Math.max(column - 1, 0))}^\n`;
}
