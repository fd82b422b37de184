import { enableCompileCache } from "node:module";

// Keeps stripped and compiled sources between runs: the sources are most of what a start costs.
enableCompileCache();
const [{ processEnvironment }, { runCli }] = await Promise.all([import("../config/index.ts"), import("./run-cli.ts")]);

// Whoever reads less than is written, `| head` say, has what it wanted.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

/** What may still be written after a command has ended. */
const LINGER_MS = 500;
const stop = new AbortController();
let hits = 0;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The second signal means it: whatever is still draining stays in the journal.
    if (++hits > 1) process.exit(130);
    stop.abort();
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  environment: processEnvironment(),
  nowMs: () => Date.now(),
  signal: stop.signal,
});

// Whoever was told to stop ends, though somebody's answer is still awaited: what it was for is on record, and others see to it.
if (stop.signal.aborted) setTimeout(() => process.exit(), LINGER_MS).unref();
