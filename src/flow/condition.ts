import type { JsonValue, SourcePosition } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { NodeOutcome } from "./compiled.ts";
import { compileGuardPath } from "./guard-path.ts";
import type { Path } from "./path.ts";
import { formatPath, parsePath } from "./path.ts";
import type { FlowScope } from "./scope.ts";
import { toText } from "./template-run.ts";

/** A guard ready to be asked. */
export interface Guard {
  readonly holds: (scope: FlowScope, outcome: NodeOutcome) => boolean;
  /** Paths that it reads. */
  readonly paths: readonly Path[];
  /** True when it asks how the node ended, so that it may catch an error. */
  readonly seesErrors: boolean;
}

/** Where a guard stands. */
export interface GuardPlace {
  readonly node: string;
  readonly at: SourcePosition;
}

const OPERATOR = /^\s*([^\s=!<>]+)\s*(==|!=|>=|<=|>|<|contains(?=[\s"']))(.*)$/s;
const ERROR_ROOTS: ReadonlySet<string> = new Set(["error", "event", "status", "ok"]);

/**
 * Compiles a condition of the public grammar, `path OP literal`: == and != compare as text ignoring case, the order operators
 * as numbers, `contains` looks in a text or a list. A path that names nothing is a warning and makes the condition false.
 * @throws FLOW_CONDITION_INVALID
 */
export function compileCondition(source: string, place: GuardPlace): Guard {
  const fail = (problem: string): never => {
    throw new GreenticError("FLOW_CONDITION_INVALID", `Compile condition ${quote(source)}: ${problem}`, {
      at: place.at,
    });
  };
  const parts = splitCondition(source);
  if (parts === undefined) return fail("expected `path OP literal`");
  const { left, operator, right } = parts;
  const path = parsePath(left) ?? fail(`expected a path on the left, got ${quote(left)}`);
  const literal = readLiteral(right.trim()) ?? fail(`expected one literal on the right, got ${quote(right.trim())}`);
  const compare =
    compileComparison(operator, literal) ?? fail(`expected a number after ${operator}, got ${quote(literal)}`);
  const read = compileGuardPath(path, { id: place.node, spread: true });
  const name = formatPath(path);
  return {
    paths: [path],
    seesErrors: seesErrors(path),
    holds: (scope, outcome) => {
      const value = read(scope, outcome);
      if (value !== undefined) return compare(value);
      scope.warn("FLOW_PATH_UNKNOWN", name);
      return false;
    },
  };
}

function splitCondition(
  source: string,
): { readonly left: string; readonly operator: string; readonly right: string } | undefined {
  const match = OPERATOR.exec(source.replace(/^\s*\{\{([^{}]*)\}\}/, "$1"));
  if (match === null) return undefined;
  const [, left = "", operator = "", right = ""] = match;
  return { left, operator, right };
}

/** A condition's parts, for those who compare conditions. */
export interface ConditionParts {
  readonly path: Path;
  readonly operator: string;
  readonly literal: string;
}

/** Reads a condition without compiling it; undefined for what {@link compileCondition} refuses. */
export function readCondition(source: string): ConditionParts | undefined {
  const parts = splitCondition(source);
  if (parts === undefined) return undefined;
  const path = parsePath(parts.left);
  const literal = readLiteral(parts.right.trim());
  return path === undefined || literal === undefined ? undefined : { path, operator: parts.operator, literal };
}

/** Tells whether a path asks how the node ended. */
export function seesErrors(path: Path): boolean {
  return ERROR_ROOTS.has(path[0] ?? "") || path.includes("error");
}

/** A quoted text, or what stands there up to the end; more than one comparison in a condition is a mistake. */
function readLiteral(text: string): string | undefined {
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2]?.includes(quoted[1] ?? "") === true ? undefined : quoted[2];
  return text === "" || /^=|&&|\|\||^["']|["']$/.test(text) ? undefined : text;
}

function compileComparison(operator: string, literal: string): ((value: JsonValue) => boolean) | undefined {
  const text = literal.toLowerCase();
  const number = literal.trim() === "" ? Number.NaN : Number(literal);
  const equals = (value: JsonValue): boolean =>
    typeof value === "number" && !Number.isNaN(number) ? value === number : toText(value).toLowerCase() === text;
  switch (operator) {
    case "==":
      return equals;
    case "!=":
      return (value) => !equals(value);
    case "contains":
      return (value) => (Array.isArray(value) ? value.some(equals) : toText(value).toLowerCase().includes(text));
    default:
      break;
  }
  if (Number.isNaN(number)) return undefined;
  const order = (test: (value: number) => boolean) => (value: JsonValue) => {
    const left =
      typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
    return !Number.isNaN(left) && test(left);
  };
  switch (operator) {
    case ">=":
      return order((value) => value >= number);
    case "<=":
      return order((value) => value <= number);
    case ">":
      return order((value) => value > number);
    default:
      return order((value) => value < number);
  }
}
