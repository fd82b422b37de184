/** Runs the check of every example, one after another, or of those that are named: `node scripts/examples.ts [NAME…]`. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const EXAMPLES_DIR = join(resolve(import.meta.dirname, ".."), "examples");

const named = process.argv.slice(2);
const all = readdirSync(EXAMPLES_DIR).filter((name) => existsSync(join(EXAMPLES_DIR, name, "check.ts")));
const failed = (named.length > 0 ? named : all).filter((name) => {
  console.log(name);
  const { status } = spawnSync(process.execPath, [join(EXAMPLES_DIR, name, "check.ts")], { stdio: "inherit" });
  return status !== 0;
});
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
