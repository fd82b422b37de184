import { Environment, EvaluationError, ParseError } from "@marcbachmann/cel-js";
import type { ASTNode } from "@marcbachmann/cel-js";
import type { JsonValue } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { Guard, GuardPlace } from "./condition.ts";
import { seesErrors } from "./condition.ts";
import { compileGuardPath, GUARD_ROOTS } from "./guard-path.ts";
import type { Path } from "./path.ts";
import { ROOTS } from "./path.ts";

/** The environment of one flow's expressions: its roots and nodes are the only names. */
export interface ExpressionEnvironment {
  readonly names: ReadonlySet<string>;
  readonly cel: Environment;
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;
const RESERVED: ReadonlySet<string> = new Set(
  "in true false null as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);
const TEXT_ROOTS: ReadonlySet<string> = new Set(["locale", "status", "event"]);
const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter"]);
const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 16 };

/** JSON has one kind of number and CEL literals like `1` are ints: without these `vars.count + 1` has no meaning. */
const BASE = new Environment({ unlistedVariablesAreDyn: false, homogeneousAggregateLiterals: false, limits: LIMITS });
for (const [operator, apply] of [
  ["+", (a: number, b: number) => a + b],
  ["-", (a: number, b: number) => a - b],
  ["*", (a: number, b: number) => a * b],
  ["/", (a: number, b: number) => a / b],
] as const) {
  BASE.registerOperator(`double ${operator} int`, (a: unknown, b: unknown) => apply(Number(a), Number(b)));
  BASE.registerOperator(`int ${operator} double`, (a: unknown, b: unknown) => apply(Number(a), Number(b)));
}
BASE.registerOperator("double % int", (a: unknown, b: unknown) => Number(a) % Number(b));

/** Makes the environment for a flow with these nodes. */
export function createExpressionEnvironment(nodes: Iterable<string>): ExpressionEnvironment {
  const cel = BASE.clone();
  const names = new Set<string>();
  for (const name of [...ROOTS, ...GUARD_ROOTS, ...nodes]) {
    if (names.has(name) || RESERVED.has(name) || !IDENTIFIER.test(name)) continue;
    // A node named like a CEL type or function is reachable as `node["<id>"]` alone.
    if (cel.hasVariable(name)) continue;
    cel.registerVariable(name, TEXT_ROOTS.has(name) ? "string" : "dyn");
    names.add(name);
  }
  return { cel, names };
}

/**
 * Compiles a CEL guard, checked against the flow's names. `in.x` may be written for `entry.x`, though `in` is CEL's operator.
 * `matches()` is refused, since it would run the author's regular expression on a stranger's text; so are loops in loops.
 * What fails at run time counts as false, with a warning.
 * @throws FLOW_EXPRESSION_INVALID
 */
export function compileExpressionGuard(
  source: string,
  place: GuardPlace & { readonly environment: ExpressionEnvironment },
): Guard {
  const { cel, names } = place.environment;
  const fail = (problem: string, cause?: unknown): never => {
    throw new GreenticError("FLOW_EXPRESSION_INVALID", `Compile expression ${quote(source)}: ${problem}`, {
      at: place.at,
      cause,
    });
  };
  const evaluate = ((): ReturnType<Environment["parse"]> => {
    try {
      return cel.parse(writeEntry(source));
    } catch (error) {
      return fail(error instanceof ParseError ? error.summary : "malformed", error);
    }
  })();
  const check = evaluate.check();
  if (!check.valid) return fail(check.error?.summary ?? "does not type-check", check.error);
  if (check.type !== "bool" && check.type !== "dyn")
    return fail(`expected true or false, got ${quote(String(check.type))}`);
  const seen: Seen = { paths: [], fail };
  walk(evaluate.ast, { seen, isInLoop: false });
  const paths = seen.paths.filter(([root = ""]) => names.has(root));
  const readers = [...new Set(paths.map(([root = ""]) => root))].map(
    (root) => [root, compileGuardPath([root], { id: place.node, spread: false })] as const,
  );
  return {
    paths,
    seesErrors: paths.some(seesErrors),
    holds: (scope, outcome) => {
      const context: Record<string, JsonValue> = {};
      // What isn't there yet is empty, so that has() can ask about it.
      for (const [root, read] of readers) context[root] = read(scope, outcome) ?? EMPTY;
      try {
        const result: unknown = evaluate(context);
        if (typeof result === "boolean") return result;
        scope.warn("FLOW_EXPRESSION_FAILED", source);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        scope.warn(error.code === "no_such_key" ? "FLOW_PATH_UNKNOWN" : "FLOW_EXPRESSION_FAILED", source);
      }
      return false;
    },
  };
}

const EMPTY = Object.freeze({});

/** Writes `entry.` for `in.` outside of texts. */
function writeEntry(source: string): string {
  return source.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.])in(?=\s*\.\s*[A-Za-z_])/g, (word) =>
    word === "in" ? "entry" : word,
  );
}

interface Seen {
  readonly paths: Path[];
  readonly fail: (problem: string) => never;
}

interface Walk {
  readonly seen: Seen;
  readonly isInLoop: boolean;
}

function walk(node: ASTNode, state: Walk): void {
  const path = pathOf(node);
  if (path !== undefined) {
    state.seen.paths.push(path);
    return;
  }
  switch (node.op) {
    case "value":
      return;
    case "call":
    case "rcall": {
      const [name] = node.args;
      const args = node.op === "call" ? node.args[1] : node.args[2];
      if (name === "matches") state.seen.fail("matches() is not available; use contains(), startsWith() or endsWith()");
      const isLoop = node.op === "rcall" && LOOPS.has(name);
      if (isLoop && state.isInLoop) state.seen.fail(`${name}() inside another loop is not available`);
      if (node.op === "rcall") walk(node.args[1], state);
      for (const arg of args) walk(arg, { ...state, isInLoop: state.isInLoop || isLoop });
      return;
    }
    default:
      walkAny(node.args, state);
  }
}

function walkAny(args: unknown, state: Walk): void {
  if (Array.isArray(args)) for (const arg of args) walkAny(arg, state);
  else if (typeof args === "object" && args !== null && "op" in args) walk(args as ASTNode, state);
}

/** The path of `a.b["c"][0]`; undefined for anything else. */
function pathOf(node: ASTNode): Path | undefined {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return undefined;
  const [target, step] = node.args;
  const path = pathOf(target);
  if (path === undefined) return undefined;
  if (typeof step === "string") return [...path, step];
  return step.op === "value" && (typeof step.args === "string" || typeof step.args === "bigint")
    ? [...path, String(step.args)]
    : undefined;
}
