import { Trap } from "../trap.ts";
import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import type { ByteSink } from "./streams.ts";
import { InputStream, OutputStream } from "./streams.ts";

function exit(exitCode: number): never {
  throw new Trap("exit", `Run guest: it exited with code ${exitCode}`, { exitCode });
}

/** Stdout and stderr take everything, capped behind the scenes. */
function logSink(stream: "stdout" | "stderr"): ByteSink {
  return { write: (wasi, bytes) => wasi.write(stream, bytes) };
}

const none = answer(() => undefined);

export const cliEnvironment: WasiInterface = {
  "get-environment": answer((wasi) => wasi.env),
  "get-arguments": answer((wasi) => wasi.args),
  "initial-cwd": none,
};

export const cliExit: WasiInterface = {
  exit: answer((_wasi, status: { readonly tag: string }) => exit(status.tag === "ok" ? 0 : 1)),
  "exit-with-code": answer((_wasi, code: number) => exit(code)),
};

export const cliStdin: WasiInterface = { "get-stdin": answer((wasi) => new InputStream(wasi.stdin)) };
export const cliStdout: WasiInterface = { "get-stdout": answer(() => new OutputStream(logSink("stdout"))) };
export const cliStderr: WasiInterface = { "get-stderr": answer(() => new OutputStream(logSink("stderr"))) };
export const cliTerminalStdin: WasiInterface = { "get-terminal-stdin": none };
export const cliTerminalStdout: WasiInterface = { "get-terminal-stdout": none };
export const cliTerminalStderr: WasiInterface = { "get-terminal-stderr": none };
