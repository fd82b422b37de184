import type { Readable, Writable } from "node:stream";
import type { Environment } from "../config/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** The process as a command sees it: everything that a test hands in. */
export interface CommandIo {
  readonly stdin: Readable;
  /** Data. */
  readonly stdout: Writable;
  /** Talk. */
  readonly stderr: Writable;
  readonly cwd: string;
  readonly environment: Environment;
  readonly nowMs: () => number;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** A positional argument; `...` at the end of the name takes the rest. */
interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
}

/** One option as commander spells it, `-o, --out <file>`. */
interface OptionSpec {
  readonly flags: string;
  readonly summary: string;
  readonly default?: string | boolean;
  readonly required?: boolean;
  /** May be given many times; the values become an array. */
  readonly repeat?: boolean;
}

/** What commander parsed: positional arguments in order, options by camelCase name. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** One verb of the command line, as data. */
export interface CommandSpec {
  readonly summary: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples?: readonly string[];
  /** Returns the exit code; throwing a GreenticError prints it and exits by its kind. */
  readonly run: (input: CommandInput, io: CommandIo) => Promise<number | void>;
}

/** Checks a command's shape at compile time and returns it. */
export function defineCommand(spec: CommandSpec): CommandSpec {
  return spec;
}

/** Reads an option that is a text. */
export function textOption(input: CommandInput, name: string): string | undefined {
  const value = input.options[name];
  return typeof value === "string" ? value : undefined;
}

/** Reads an option that repeats. */
export function listOption(input: CommandInput, name: string): readonly string[] {
  const value = input.options[name];
  return Array.isArray(value) ? (value as string[]) : [];
}

/** Tells whether a flag was given. */
export function hasFlag(input: CommandInput, name: string): boolean {
  return input.options[name] === true;
}

/** Writes one value as JSON for programs. */
export function printJson(io: CommandIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Reads `--timeout`: whole milliseconds from 1. @throws CLI_USAGE_INVALID */
export function timeoutOption(input: CommandInput): number {
  const text = String(input.options["timeout"]);
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new GreenticError("CLI_USAGE_INVALID", `Read --timeout: expected milliseconds from 1, got ${quote(text)}`);
}
