/** A condition of the template language; true and false are known while the chart is written. */
export type Guard = boolean | string;

const wrapped = (guard: string): string => (guard.includes(" ") ? `(${guard})` : guard);
const negated = (guard: string): string => (guard.startsWith("not ") ? bare(guard.slice(4)) : `not ${wrapped(guard)}`);
const bare = (guard: string): string => /^\(([^()]*(?:\([^()]*\)[^()]*)*)\)$/.exec(guard)?.[1] ?? guard;

function both(a: string, b: Guard): Guard {
  if (typeof b === "boolean") return b && a;
  return `and ${wrapped(a)} ${wrapped(b)}`;
}

/** What holds of something that one branch of a condition has under one guard and the other branch under another. */
export function eitherGuard(condition: string, on: Guard, off: Guard): Guard {
  if (on === off) return on;
  if (on === true) return off === false ? condition : `or ${wrapped(condition)} ${wrapped(String(off))}`;
  if (off === true) return on === false ? negated(condition) : `or ${wrapped(negated(condition))} ${wrapped(on)}`;
  if (off === false) return both(condition, on);
  if (on === false) return both(negated(condition), off);
  return `or (${both(condition, on)}) (${both(negated(condition), off)})`;
}
