import { fork } from "node:child_process";
import { join } from "node:path";
import type { Mutant } from "./mutants.ts";
import { MUTANTS } from "./mutants.ts";

/** How a planted bug was found, if it was. */
export interface Catch {
  /** Seeds that it took. */
  readonly seeds: number;
  readonly seed: number | undefined;
  readonly violation: string | undefined;
}

/** Seeds after which a bug counts as not found. */
const SEEDS_MAX = 2_000;
const TIMEOUT_MS = 180_000;

/** Looks for one planted bug, from a seed on. @throws where its process fails */
export function runMutant(mutant: Mutant, options: { readonly from: number; readonly count: number }): Promise<Catch> {
  const child = fork(
    join(import.meta.dirname, "mutant.child.ts"),
    [mutant.name, String(options.from), String(options.count)],
    {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    },
  );
  // A bug may also keep a process from ever giving way.
  const tooLong = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  return new Promise((resolve, reject) => {
    let caught: Catch | undefined;
    child.on("message", (message) => {
      caught = message as Catch;
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      clearTimeout(tooLong);
      if (caught === undefined)
        reject(new Error(`Run planted bug ${mutant.name}: its process ended with ${String(code)}: ${said}`));
      else resolve(caught);
    });
  });
}

/** Looks for all planted bugs, or those whose names hold `only`, and tells what it took. True where all were found. */
export async function runMutants(options: {
  readonly only: string | undefined;
  readonly jobs: number;
}): Promise<boolean> {
  const wanted = MUTANTS.filter(({ name }) => options.only === undefined || name.includes(options.only));
  let caught = 0;
  const queue = [...wanted];
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { seeds, seed, violation } = await runMutant(mutant, { from: 1, count: SEEDS_MAX }).catch(
        (error: unknown): Catch => {
          console.log(String(error));
          return { seeds: 0, seed: undefined, violation: undefined };
        },
      );
      if (seed !== undefined) caught++;
      const how =
        seed === undefined ? `NOT FOUND in ${seeds} seeds` : `${seeds} seeds; seed ${seed}: ${violation ?? ""}`;
      console.log(`${mutant.name} (${mutant.bug}): ${how}`);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  console.log(`${caught} of ${wanted.length} planted bugs caught`);
  return caught === wanted.length;
}
