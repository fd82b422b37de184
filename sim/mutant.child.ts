// One planted bug in a process of its own: `mutant.child.ts <name> <from> <count>`. Sources are patched before they are loaded.
import { plant } from "./mutant-hook.ts";
import { MUTANTS } from "./mutants.ts";

const [name, from = "1", count = "1000"] = process.argv.slice(2);
const mutant = MUTANTS.find((other) => other.name === name);
if (mutant === undefined) throw new RangeError(`Run planted bug: there is none called ${String(name)}`);
const { missing } = plant(mutant.edits ?? []);
const { runRange } = await import("./run-range.ts");
if (missing().length > 0) throw new RangeError(`Run planted bug: ${missing().join(", ")} was never loaded`);
const progress = await runRange({
  from: Number(from),
  count: Number(count),
  isOver: () => false,
  stopsAtFirst: true,
  ...(mutant.switches === undefined ? {} : { switches: mutant.switches }),
});
const [failed] = progress.failed;
const caught = { seeds: progress.seeds, seed: failed?.seed, violation: failed?.violations.at(-1) };
process.send?.(caught, undefined, undefined, () => process.disconnect?.());
