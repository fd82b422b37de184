/** One range of mutants in a process of its own, whose peak memory is theirs: `node --expose-gc mutants.child.ts <seed> <from> <to>`. */
import { runMutants } from "./run-mutants.ts";

const [seed = Number.NaN, from = Number.NaN, to = Number.NaN] = process.argv.slice(2).map(Number);
const { gc } = globalThis;
if (gc === undefined || process.send === undefined)
  throw new TypeError("mutants.child.ts: run it with fork and --expose-gc");
process.send(await runMutants({ seed, from, to }, () => gc()));
process.disconnect?.();
