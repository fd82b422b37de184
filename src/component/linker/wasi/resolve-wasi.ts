import type { HostFunction, ImportRef } from "../contract.ts";
import { ComponentErr } from "../trap.ts";
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
import { monotonicClock, wallClock } from "./clocks.ts";
import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import { filesystemPreopens, filesystemTypes } from "./filesystem.ts";
import { insecureRandom, insecureSeed, random } from "./random.ts";
import { ioError, ioPoll, ioStreams } from "./streams.ts";

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
  ["wasi:random/random", random],
  ["wasi:random/insecure", insecureRandom],
  ["wasi:random/insecure-seed", insecureSeed],
  ["wasi:filesystem/types", filesystemTypes],
  ["wasi:filesystem/preopens", filesystemPreopens],
]);

/** The functions of 0.2 are the same in all its patch versions. */
const VERSION = /^(.*)@0\.2\.\d+$/;
const SOCKETS = /^wasi:sockets\/[a-z-]+$/;

class Network {
  readonly isReachable = false;
}

const instanceNetwork = answer(() => new Network());
/** Sockets are there so that programs link; none can be made. */
const deniedSocket = answer(() => {
  throw new ComponentErr("access-denied");
});

/**
 * Gives the functions of WASI 0.2 with nothing behind them that the instance's {@link Wasi} world doesn't hold; the instance's
 * state must have it as `wasi`. Undefined for everything else, `wasi:http` among it.
 */
export function resolveWasi(ref: ImportRef): HostFunction | undefined {
  const name = ref.instance === null ? undefined : VERSION.exec(ref.instance)?.[1];
  if (name === undefined) return undefined;
  if (SOCKETS.test(name)) return ref.name === "instance-network" ? instanceNetwork : deniedSocket;
  const functions = INTERFACES.get(name);
  return functions && Object.hasOwn(functions, ref.name) ? functions[ref.name] : undefined;
}
