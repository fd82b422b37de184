import { formatPath } from "./path.ts";
import { quote } from "../types/index.ts";
import type { ConditionParts } from "./condition.ts";
import { readCondition, seesErrors } from "./condition.ts";
import type { NodeIr, RouteIr } from "./ir.ts";
import { isUnguarded } from "./ir.ts";

/** Why an entry of a routing is never taken, or why its guard says nothing. */
export interface GuardVerdict {
  readonly code: "FLOW_ROUTE_DEAD" | "FLOW_GUARD_CONSTANT" | "FLOW_GUARD_CONTRADICTION";
  readonly problem: string;
  /** False where the entry is taken all the same. */
  readonly isDead: boolean;
}

/** A guard in a form that can be compared with others. */
type Atom =
  | { readonly kind: "word"; readonly key: "status" | "on"; readonly word: string }
  | { readonly kind: "compare"; readonly parts: ConditionParts }
  | { readonly kind: "cel"; readonly source: string };

/** How many entries of a node later ones are compared with: all pairs of thousands would take seconds. */
const MAX_COMPARED = 200;

/**
 * Judges the entries of a node by their guards alone: entries behind one that takes all they would take, guards that are always or
 * never true, guards of one entry that exclude each other. What can't be told isn't said.
 */
export function judgeGuards(node: NodeIr): ReadonlyMap<number, GuardVerdict> {
  const verdicts = new Map<number, GuardVerdict>();
  const earlier: { readonly route: RouteIr; readonly atoms: readonly Atom[] }[] = [];
  node.routing.forEach((route, index) => {
    const atoms = atomsOf(route);
    const own = contradictionOf(atoms) ?? constantOf(route);
    const taker = earlier.find((other) => takesAll(other.atoms, atoms));
    if (taker !== undefined) verdicts.set(index, deadBehind(taker.route));
    else if (own !== undefined) verdicts.set(index, own);
    const isCompared = atoms.length === 0 || earlier.length < MAX_COMPARED;
    if (own?.isDead !== true && isCompared) earlier.push({ route, atoms });
  });
  return verdicts;
}

function deadBehind(route: RouteIr): GuardVerdict {
  const problem = isUnguarded(route)
    ? "the entry stands behind one without guards"
    : `the entry stands behind one that takes all it would take (line ${route.at.line})`;
  return { code: "FLOW_ROUTE_DEAD", problem, isDead: true };
}

function atomsOf(route: RouteIr): readonly Atom[] {
  const atoms: Atom[] = [];
  if (route.status !== undefined) atoms.push({ kind: "word", key: "status", word: route.status.trim().toLowerCase() });
  if (route.on !== undefined)
    atoms.push({ kind: "word", key: "on", word: route.on.trim().toLowerCase().replace(/^on_/, "") });
  const parts = route.condition === undefined ? undefined : readCondition(route.condition);
  if (parts !== undefined) atoms.push({ kind: "compare", parts });
  else if (route.condition !== undefined) atoms.push({ kind: "cel", source: `condition ${route.condition}` });
  // A guard that always holds is as good as none.
  if (route.if !== undefined && route.if.trim() !== "true") atoms.push({ kind: "cel", source: route.if.trim() });
  return atoms;
}

function constantOf(route: RouteIr): GuardVerdict | undefined {
  const source = route.if?.trim();
  if (source !== "true" && source !== "false") return undefined;
  const problem = source === "true" ? "`if` always holds; leave it out" : "`if` never holds";
  return { code: "FLOW_GUARD_CONSTANT", problem, isDead: source === "false" };
}

/** True where whatever reaches the later entry was taken by the earlier one. */
function takesAll(earlier: readonly Atom[], later: readonly Atom[]): boolean {
  // A failed node passes by what doesn't ask how it ended, so an entry for errors lives behind it.
  if (!earlier.some(asksHowItEnded) && later.some(mayCatchFailure)) return false;
  return earlier.every((wanted) => later.some((given) => implies(given, wanted)));
}

function asksHowItEnded(atom: Atom): boolean {
  switch (atom.kind) {
    case "word":
      return true;
    case "compare":
      return seesErrors(atom.parts.path);
    default:
      return /\b(?:error|event|status|ok)\b/.test(atom.source);
  }
}

/** The code of a failure is a status too. */
function mayCatchFailure(atom: Atom): boolean {
  return atom.kind === "word"
    ? isErrorWord(atom) || /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(atom.word)
    : asksHowItEnded(atom);
}

function isErrorWord(atom: Atom): boolean {
  return atom.kind === "word" && /^(?:error|timeout|timed_out|cancel\w*)$/.test(atom.word);
}

function isOkWord(atom: Atom): boolean {
  return atom.kind === "word" && /^(?:ok|success)$/.test(atom.word);
}

/** True where `given` can't hold without `wanted` holding too. */
function implies(given: Atom, wanted: Atom): boolean {
  if (given.kind === "word" && wanted.kind === "word") return given.key === wanted.key && given.word === wanted.word;
  if (given.kind === "cel" && wanted.kind === "cel") return given.source === wanted.source;
  return given.kind === "compare" && wanted.kind === "compare" && conditionImplies(given.parts, wanted.parts);
}

function conditionImplies(given: ConditionParts, wanted: ConditionParts): boolean {
  if (formatPath(given.path) !== formatPath(wanted.path)) return false;
  if (given.operator === wanted.operator && sameLiteral(given.literal, wanted.literal)) return true;
  if (given.operator === "==") return holdsFor(given.literal, wanted);
  const from = Number(given.literal);
  const to = Number(wanted.literal);
  if (!Number.isFinite(from) || !Number.isFinite(to)) return false;
  switch (`${given.operator} ${wanted.operator}`) {
    case "> >":
    case "> >=":
    case ">= >=":
      return from >= to;
    case ">= >":
      return from > to;
    case "< <":
    case "< <=":
    case "<= <=":
      return from <= to;
    case "<= <":
      return from < to;
    default:
      return false;
  }
}

/** Whether a value that equals `literal` makes the condition true; false where that can't be told. */
function holdsFor(literal: string, { operator, literal: bound }: ConditionParts): boolean {
  const value = numberOf(literal);
  const limit = numberOf(bound);
  switch (operator) {
    case "==":
      return sameLiteral(literal, bound);
    case "!=":
      return !sameLiteral(literal, bound) && !(value !== undefined && value === limit);
    case ">":
      return value !== undefined && limit !== undefined && value > limit;
    case ">=":
      return value !== undefined && limit !== undefined && value >= limit;
    case "<":
      return value !== undefined && limit !== undefined && value < limit;
    case "<=":
      return value !== undefined && limit !== undefined && value <= limit;
    default:
      return false;
  }
}

function sameLiteral(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function numberOf(literal: string): number | undefined {
  const value = literal.trim() === "" ? Number.NaN : Number(literal);
  return Number.isNaN(value) ? undefined : value;
}

/** Guards of one entry that can't hold together. */
function contradictionOf(atoms: readonly Atom[]): GuardVerdict | undefined {
  const status = atoms.find((atom) => atom.kind === "word" && atom.key === "status");
  const event = atoms.find((atom) => atom.kind === "word" && atom.key === "on");
  const compare = atoms.find((atom) => atom.kind === "compare");
  const say = (problem: string): GuardVerdict => ({ code: "FLOW_GUARD_CONTRADICTION", problem, isDead: true });
  if (status?.kind !== "word") return undefined;
  if (event?.kind === "word" && isOkWord(status) !== isOkWord(event) && (isErrorWord(event) || isErrorWord(status))) {
    if (isOkWord(status) || isOkWord(event))
      return say(`status ${quote(status.word)} and on ${quote(event.word)} never hold together`);
  }
  if (compare?.kind !== "compare" || formatPath(compare.parts.path) !== "status") return undefined;
  const { operator, literal } = compare.parts;
  const isSame = sameLiteral(literal, status.word);
  const excludes = (operator === "==" && !isSame) || (operator === "!=" && isSame);
  return excludes ? say(`status ${quote(status.word)} and the condition on the status never hold together`) : undefined;
}
