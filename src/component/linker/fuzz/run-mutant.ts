import { isGreenticError } from "../../../types/index.ts";
import type { FunctionType, ValueType } from "../component-types.ts";
import type { HostFunction, LinkerLimits } from "../index.ts";
import { ComponentErr, GuestResource, linkComponent, parseComponent, Trap } from "../index.ts";
import { randomValue } from "./random-value.ts";

type Random = (below: number) => number;

/** What a mutant may cost. */
const LIMITS: Partial<LinkerLimits> = {
  maxDefinitions: 20_000,
  maxMemoryPages: 64,
  maxTableElements: 4096,
  maxHandles: 200,
  liftBudgetBytes: 1024 * 1024,
  lowerBudgetBytes: 4 * 1024 * 1024,
  fuelSlice: 200_000,
  startFuel: 200_000,
  maxFuel: 2_000_000,
};
const CALL_MS = 50;
const MAX_CALLS = 6;

/** What came of a mutant: where it ended, by the code or reason of its typed error. */
export type Outcome = `refused ${string}` | `trapped ${string}` | "answered";

/**
 * Loads, links and calls whatever it is given.
 * @throws whatever was thrown that is not of a type that callers are promised: a finding
 */
export async function runMutant(bytes: Uint8Array, random: Random): Promise<Outcome> {
  try {
    const plan = parseComponent(bytes, LIMITS);
    const hosts = plan.imports.map(({ type }) => hostFor(type, random));
    const linked = linkComponent(plan, () => hosts.shift());
    const instance = linked.instantiate(undefined, { limits: LIMITS, deadlineAtMs: performance.now() + CALL_MS });
    for (const ref of linked.exports.slice(0, MAX_CALLS)) {
      if (ref.type.params.some(({ type }) => takesGuestResource(type))) continue;
      const args = ref.type.params.map(({ type }) => randomValue(type, random));
      const answer = await instance.call(ref, args, { deadlineAtMs: performance.now() + CALL_MS }).catch(notAnErr);
      if (answer instanceof GuestResource) answer[Symbol.dispose]();
    }
    return "answered";
  } catch (error) {
    if (isGreenticError(error)) return `refused ${error.code}`;
    if (error instanceof Trap) return `trapped ${error.reason}`;
    throw error;
  }
}

function notAnErr(error: unknown): unknown {
  if (error instanceof ComponentErr) return error.value;
  throw error;
}

/** Guests' resources can't be made up; what the host holds of them is not kept here. */
function takesGuestResource(type: ValueType): boolean {
  return /"definedBy":\d/.test(JSON.stringify(type));
}

function hostFor(type: FunctionType, random: Random): HostFunction {
  const call = (): unknown => {
    const { result } = type;
    if (!result) return undefined;
    if (result.kind !== "result") return randomValue(result, random);
    if (random(3) === 0) throw new ComponentErr(result.err && randomValue(result.err, random));
    return result.ok && randomValue(result.ok, random);
  };
  const isAsync = random(4) === 0;
  return { isAsync, call: () => (isAsync && random(2) === 0 ? Promise.resolve().then(call) : call()) };
}
