/** How the peers' programs get at what is installed in the folder that GREENTIC_PEERS_DIR names, and say that they are ready. */
import { createRequire } from "node:module";
import { join } from "node:path";

const dir = process.env.GREENTIC_PEERS_DIR;
if (dir === undefined) throw new Error("GREENTIC_PEERS_DIR names no folder");

/** Loads an installed package's CommonJS side. */
export const load = createRequire(join(dir, "package.json"));

/** Prints the line that the benchmark waits for. */
export function ready(port) {
  process.stderr.write(`ready http://127.0.0.1:${port}\n`);
}
