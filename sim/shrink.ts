import type { Fault, Plan } from "./plan.ts";
import { planOf } from "./plan.ts";
import type { RunOptions, Verdict } from "./simulation.ts";
import { simulate } from "./simulation.ts";

/** Parts of a plan that can be left out, by their place in it. */
export interface Omission {
  readonly faults: readonly number[];
  readonly talks: readonly number[];
  readonly processes: readonly string[];
}

/** Leaves nothing out. */
const WHOLE: Omission = { faults: [], talks: [], processes: [] };

/** A seed's plan without some of its parts. */
export function planWithout(seed: number, { faults, talks, processes }: Omission): Plan {
  const plan = planOf(seed);
  return {
    ...plan,
    processes: plan.processes.filter(({ name }) => !processes.includes(name)),
    talks: plan.talks.filter((_, i) => !talks.includes(i)),
    faults: plan.faults.filter(
      (fault, i) => !faults.includes(i) && !("process" in fault && processes.includes(fault.process)),
    ),
  };
}

/** Finds parts of a failing seed's plan that its failure doesn't need, by leaving out one after another. */
export async function shrink(
  verdict: Verdict,
  options: RunOptions = {},
): Promise<{ readonly omission: Omission; readonly verdict: Verdict }> {
  const { seed } = verdict;
  const plan = planOf(seed);
  let best = { omission: WHOLE, verdict };
  const attempt = async (omission: Omission): Promise<void> => {
    const tried = await simulate(planWithout(seed, omission), options);
    if (tried.violations.length > 0) best = { omission, verdict: tried };
  };
  for (const [i] of plan.talks.entries()) {
    const { omission } = best;
    if (omission.talks.length + 1 < plan.talks.length) await attempt({ ...omission, talks: [...omission.talks, i] });
  }
  for (const [i] of plan.faults.entries()) {
    const { omission } = best;
    await attempt({ ...omission, faults: [...omission.faults, i] });
  }
  for (const { name, roles } of plan.processes) {
    const { omission } = best;
    const left = plan.processes.filter((other) => other.name !== name && !omission.processes.includes(other.name));
    const isServed = roles.every((role) => left.some((other) => other.roles.includes(role)));
    if (isServed) await attempt({ ...omission, processes: [...omission.processes, name] });
  }
  return best;
}

/** The arguments that leave parts out of a seed, as the command line takes them. */
export function argumentsOf({ faults, talks, processes }: Omission): string {
  return [
    faults.length === 0 ? "" : ` --no-faults ${faults.join(",")}`,
    talks.length === 0 ? "" : ` --no-talks ${talks.join(",")}`,
    processes.length === 0 ? "" : ` --no-processes ${processes.join(",")}`,
  ].join("");
}

/** Says in words what a plan is about. */
export function describePlan({ backing, isEmbedded, processes, talks, faults, unknownSends, healAtMs }: Plan): string {
  const said = talks.map(({ tenant, kind, sink, conversation, gapsMs }) => {
    return `  ${tenant} ${conversation}: ${gapsMs.length} messages to ${kind}, replies on ${sink}`;
  });
  return [
    processes.map(({ name, roles }) => `${name} (${roles.join(", ")})`).join("; "),
    `store: ${backing}${isEmbedded ? " in the process" : " behind a network"}; sends in doubt: ${unknownSends}; healed at ${healAtMs.toFixed(0)} ms`,
    ...said,
    ...faults.map((fault) => `  fault: ${describeFault(fault)}`),
  ].join("\n");
}

function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "crash":
      return `${fault.process} dies at ${fault.point}, time ${fault.nth}, back after ${fault.restartMs.toFixed(0)} ms`;
    case "kill":
    case "term":
      return `${fault.process}: ${fault.kind} at ${fault.atMs.toFixed(0)} ms, back after ${fault.restartMs.toFixed(0)} ms`;
    case "pause":
      return `${fault.process} stands still from ${fault.atMs.toFixed(0)} ms for ${fault.forMs.toFixed(0)} ms`;
    case "stall":
      return `${fault.process} stands still at ${fault.point}, time ${fault.nth}, for ${fault.forMs.toFixed(0)} ms`;
    case "clock":
      return `${fault.process}'s clock jumps by ${fault.jumpMs.toFixed(0)} ms at ${fault.atMs.toFixed(0)} ms`;
    case "outage":
      return `the ${fault.what} is out from ${fault.atMs.toFixed(0)} ms for ${fault.forMs.toFixed(0)} ms`;
    case "noise":
    default:
      return `${fault.what}, one in ${Math.round(1 / fault.chance)}`;
  }
}
