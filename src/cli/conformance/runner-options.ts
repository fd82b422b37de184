import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunnerCommand } from "../../conformance/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { listOption, textOption } from "../command.ts";
import { commandWords } from "./command-words.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** The runner that a command line names, run as `<program> [args] PACK [--arg…]`; ours where none is named. @throws CLI_USAGE_INVALID */
export function runnerCommand(line: string | undefined, input: CommandInput, io: CommandIo): RunnerCommand {
  const [program, ...args] = line === undefined ? [process.execPath, MAIN, "runner"] : commandWords(line);
  const here = resolve(io.cwd, program);
  // It runs in a directory of its own, so what lies here is named by its whole path.
  const isHere = /[\\/]/.test(program) && existsSync(here);
  return {
    program: isHere ? here : program,
    args: args.map((word) => (existsSync(resolve(io.cwd, word)) ? resolve(io.cwd, word) : word)),
    more: listOption(input, "arg"),
    environment: Object.fromEntries(listOption(input, "env").map(readPair)),
  };
}

/** Reads an option that is JSON. @throws CLI_USAGE_INVALID */
export function jsonOption(input: CommandInput, name: string): JsonValue | undefined {
  const text = textOption(input, name);
  try {
    return text === undefined ? undefined : parseJson(text);
  } catch (error) {
    throw new GreenticError("CLI_USAGE_INVALID", `Read --${name}: expected JSON, got ${quote(text ?? "")}`, {
      cause: error,
    });
  }
}

/** Reads an option that is a JSON object. @throws CLI_USAGE_INVALID */
export function jsonObjectOption(input: CommandInput, name: string): JsonObject | undefined {
  const value = jsonOption(input, name);
  if (value === undefined || isJsonObject(value)) return value;
  throw new GreenticError("CLI_USAGE_INVALID", `Read --${name}: expected a JSON object`);
}

function readPair(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1)
    throw new GreenticError("CLI_USAGE_INVALID", `Read --env: expected NAME=VALUE, got ${quote(pair.slice(0, 40))}`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}
