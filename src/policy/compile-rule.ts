import { Environment, EvaluationError, ParseError } from "@marcbachmann/cel-js";
import type { ASTNode } from "@marcbachmann/cel-js";
import type { PolicyPoint, PolicyRule } from "../config/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { SourcePosition, TenantId } from "../types/index.ts";
import type { Facts } from "./facts.ts";
import { FACT_TYPES } from "./facts.ts";

/** A rule ready to be asked. */
export interface CompiledRule {
  readonly id: string;
  readonly at: readonly PolicyPoint[];
  readonly effect: "deny" | "allow";
  readonly message: string | undefined;
  readonly tenant: TenantId | undefined;
  readonly when: string;
  readonly place: SourcePosition;
  /** Tells whether the rule's condition holds; "unknown" where it can't be told, a label that isn't there. */
  holds(facts: Facts): boolean | "unknown";
}

const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 16 };
const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter"]);

const CEL = new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS });
for (const [name, type] of Object.entries(FACT_TYPES)) CEL.registerVariable(name, type);

/**
 * Compiles a rule against the names that policy knows. `matches()` is refused, since its time has no bound, and so are loops in loops.
 * @throws POLICY_EXPRESSION_INVALID where the rule stands
 */
export function compileRule({ id, at, when, effect, message, tenant, place }: PolicyRule): CompiledRule {
  const fail = (problem: string, cause?: unknown): never => {
    throw new GreenticError("POLICY_EXPRESSION_INVALID", `Compile rule ${quote(id)}: ${problem}`, { at: place, cause });
  };
  const program = ((): ReturnType<Environment["parse"]> => {
    try {
      return CEL.parse(when);
    } catch (error) {
      return fail(error instanceof ParseError ? told(error) : "malformed", error);
    }
  })();
  const check = program.check();
  if (!check.valid) return fail(check.error === undefined ? "does not type-check" : told(check.error), check.error);
  if (check.type !== "bool") return fail(`expected true or false, got ${quote(String(check.type))}`);
  refuse(program.ast, { isInLoop: false, fail });
  return {
    id,
    at,
    effect,
    message,
    tenant,
    when,
    place,
    holds: (facts) => {
      try {
        return program(facts) === true;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        return "unknown";
      }
    },
  };
}

function told({ summary, range }: { readonly summary: string; readonly range?: { readonly start: number } }): string {
  return range === undefined ? summary : `${summary}, at character ${range.start + 1}`;
}

interface Refusing {
  readonly isInLoop: boolean;
  readonly fail: (problem: string) => never;
}

function refuse(node: ASTNode, state: Refusing): void {
  let inner = state;
  if (node.op === "call" || node.op === "rcall") {
    const [name] = node.args;
    if (name === "matches") state.fail("matches() is not available; use contains(), startsWith() or endsWith()");
    if (node.op === "rcall" && LOOPS.has(name)) {
      if (state.isInLoop) state.fail(`${name}() inside another loop is not available`);
      inner = { ...state, isInLoop: true };
    }
  }
  walk(node.args, inner);
}

function walk(args: unknown, state: Refusing): void {
  if (Array.isArray(args)) for (const arg of args) walk(arg, state);
  else if (typeof args === "object" && args !== null && "op" in args) refuse(args as ASTNode, state);
}
