import type { HostFunction, ImportRef } from "../contract.ts";
import {
  cliEnvironment,
  cliExit,
  cliStderr,
  cliStdin,
  cliStdout,
  cliTerminalStderr,
  cliTerminalStdin,
  cliTerminalStdout,
} from "./cli.ts";
import { monotonicClock, timezone, wallClock } from "./clocks.ts";
import type { WasiInterface } from "./define.ts";
import { filesystemPreopens, filesystemTypes } from "./filesystem.ts";
import { insecureRandom, insecureSeed, random } from "./random.ts";
import { ioPoll } from "./pollable.ts";
import { sockets } from "./sockets.ts";
import { ioError, ioStreams } from "./streams.ts";

const INTERFACES: ReadonlyMap<string, WasiInterface> = new Map([
  ["wasi:io/error", ioError],
  ["wasi:io/poll", ioPoll],
  ["wasi:io/streams", ioStreams],
  ["wasi:cli/environment", cliEnvironment],
  ["wasi:cli/exit", cliExit],
  ["wasi:cli/stdin", cliStdin],
  ["wasi:cli/stdout", cliStdout],
  ["wasi:cli/stderr", cliStderr],
  ["wasi:cli/terminal-stdin", cliTerminalStdin],
  ["wasi:cli/terminal-stdout", cliTerminalStdout],
  ["wasi:cli/terminal-stderr", cliTerminalStderr],
  ["wasi:clocks/wall-clock", wallClock],
  ["wasi:clocks/monotonic-clock", monotonicClock],
  ["wasi:clocks/timezone", timezone],
  ["wasi:random/random", random],
  ["wasi:random/insecure", insecureRandom],
  ["wasi:random/insecure-seed", insecureSeed],
  ["wasi:filesystem/types", filesystemTypes],
  ["wasi:filesystem/preopens", filesystemPreopens],
  ...sockets,
]);

/** The functions of 0.2 are the same in all its patch versions. */
const VERSION = /^(.*)@0\.2\.\d+$/;

/** Tells the name of an interface of WASI 0.2 without its version; undefined for everything else. */
export function wasiName(instance: string | null): string | undefined {
  return instance === null ? undefined : VERSION.exec(instance)?.[1];
}

/**
 * Gives the functions of WASI 0.2 with nothing behind them that the instance's {@link Wasi} world doesn't hold; the instance's
 * state must have it as `wasi`. Undefined for everything else, `wasi:http` among it.
 */
export function resolveWasi(ref: ImportRef): HostFunction | undefined {
  const functions = INTERFACES.get(wasiName(ref.instance) ?? "");
  return functions && Object.hasOwn(functions, ref.name) ? functions[ref.name] : undefined;
}
