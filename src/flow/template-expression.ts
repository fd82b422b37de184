import type { JsonValue } from "../types/index.ts";
import { quote } from "../types/index.ts";
import { compilePath, follow, stepInto } from "./path.ts";
import type { Path } from "./path.ts";
import type { AstCall, AstExpression, AstMustache, AstPath } from "./template-ast.ts";
import { HELPERS } from "./template-helpers.ts";
import type { TemplateHelper } from "./template-helpers.ts";
import type { Frame, TemplateRun } from "./template-run.ts";

/** Something that a template refers to: a path from the top, or an i18n key. */
export type TemplateReference =
  | { readonly kind: "path"; readonly path: Path; readonly isOptional: boolean }
  | { readonly kind: "i18n"; readonly key: string };

/** What an expression is compiled in. */
export interface ExpressionContext {
  readonly fail: (problem: string) => never;
  readonly references: TemplateReference[];
  /** Block parameters in sight. */
  readonly names: readonly string[];
  /** False inside loops and `with`, where names belong to the item. */
  readonly isTop: boolean;
  /** True inside `if`: what isn't there was asked for. */
  readonly isGuarded: boolean;
  /** True where a missing value is the caller's business. */
  readonly isOptional?: boolean;
  /** True for the outermost expression of a tag. */
  readonly isPrinted?: boolean;
}

/** Evaluates one expression of one rendering. */
export type Expression = (run: TemplateRun, frame: Frame) => JsonValue | undefined;

/** Compiles a literal, a path, a helper call, or the expression of a tag. */
export function compileExpression(node: AstExpression | AstMustache, context: ExpressionContext): Expression {
  switch (node.type) {
    case "StringLiteral":
    case "NumberLiteral":
    case "BooleanLiteral": {
      const { value } = node;
      return () => value;
    }
    case "UndefinedLiteral":
      return () => undefined;
    case "NullLiteral":
      return () => null;
    case "PathExpression":
      return compilePathExpression(node, context);
    default:
      return compileCall(node, context);
  }
}

/** Tells whether a path starts at a block parameter, which hides helpers and roots of that name. */
export function isBlockParam(path: AstPath, context: ExpressionContext): boolean {
  const [first] = path.parts;
  return first !== undefined && path.depth === 0 && !path.data && !isScoped(path) && context.names.includes(first);
}

function isScoped(path: AstPath): boolean {
  return /^(?:\.|this\b)/.test(path.original);
}

function compileCall(node: AstCall, context: ExpressionContext): Expression {
  // `{{"a b"}}` and `{{1}}` look a name up, as in Handlebars.
  if (node.path.type !== "PathExpression") {
    const name = String(node.path.original);
    return node.params.length > 0 ? context.fail(`unknown helper ${quote(name)}`) : readName([name], name, context);
  }
  const { path } = node;
  const name = path.original;
  const translation = /^i18n:(.+)$/.exec(name)?.[1];
  if (translation !== undefined && context.isPrinted === true) return compileTranslation(translation, context);
  const isCall = node.params.length > 0 || node.hash !== undefined;
  const helper =
    path.parts.length === 1 && !isScoped(path) && !isBlockParam(path, context) ? HELPERS.get(name) : undefined;
  if (!isCall) {
    if (/^(?:if|unless|each|with)$/.test(name)) return context.fail(`${quote(name)} is a block`);
    // A helper without arguments is a member of that name: lists of things with a `date` and a `number` are common.
    return compilePathExpression(path, context);
  }
  if (helper === undefined) return context.fail(`unknown helper ${quote(name)}`);
  return compileHelper(helper, node, context);
}

function compileTranslation(key: string, context: ExpressionContext): Expression {
  context.references.push({ kind: "i18n", key });
  return (run) => run.scope.t(key);
}

function compileHelper(helper: TemplateHelper, node: AstCall, context: ExpressionContext): Expression {
  const name = String(node.path.original);
  if (node.params.length < helper.minArgs || node.params.length > helper.maxArgs) {
    const range = helper.minArgs === helper.maxArgs ? `${helper.minArgs}` : `${helper.minArgs} to ${helper.maxArgs}`;
    return context.fail(`${quote(name)} takes ${range} arguments, got ${node.params.length}`);
  }
  const [first] = node.params;
  if (name === "t" && first?.type === "StringLiteral") {
    context.references.push({ kind: "i18n", key: first.value });
  }
  const inner = { ...context, isPrinted: false, isOptional: helper.takesMissing };
  const args = node.params.map((param) => compileExpression(param, inner));
  const hash = (node.hash?.pairs ?? []).map((pair) => [pair.key, compileExpression(pair.value, inner)] as const);
  return (run, frame) => {
    run.step();
    return helper.call({
      run,
      args: args.map((arg) => arg(run, frame)),
      hash:
        hash.length === 0 ? NO_HASH : Object.fromEntries(hash.map(([key, value]) => [key, value(run, frame) ?? null])),
    });
  };
}

const NO_HASH = Object.freeze({});

function compilePathExpression(path: AstPath, context: ExpressionContext): Expression {
  const { parts } = path;
  if (path.data) return compileDataPath(path, context);
  if (isBlockParam(path, context)) return (_run, frame) => follow(frame.names?.get(parts[0] as string), parts, 1);
  if (path.depth > 0) {
    const top = readTop(parts);
    return (run, frame) => {
      let current: Frame | undefined = frame;
      for (let i = 0; i < path.depth && current !== undefined; i++) current = current.parent;
      if (current === undefined) return undefined;
      return current.context === undefined ? top(run) : follow(current.context, parts, 0);
    };
  }
  return readName(parts, path.original, context);
}

function readName(parts: Path, original: string, context: ExpressionContext): Expression {
  if (!context.isTop) return (_run, frame) => follow(frame.context, parts, 0);
  const read = readTop(parts);
  if (parts.length === 0) return read;
  const isOptional = context.isOptional === true || context.isGuarded;
  context.references.push({ kind: "path", path: parts, isOptional });
  if (context.isOptional === true) return read;
  return (run) => {
    const value = read(run);
    if (value === undefined) run.scope.warn("FLOW_PATH_UNKNOWN", original);
    return value;
  };
}

/** A name at the top: the data's own member first, then the scope. */
function readTop(parts: Path): (run: TemplateRun) => JsonValue | undefined {
  const read = compilePath(parts);
  const [first] = parts;
  if (first === undefined) return (run) => run.data;
  return ({ scope, data }) => (stepInto(data, first) === undefined ? read(scope) : follow(data, parts, 0));
}

function compileDataPath(path: AstPath, context: ExpressionContext): Expression {
  const [name] = path.parts;
  switch (name) {
    case "root":
      if (path.parts.length > 1) return readTop(path.parts.slice(1));
      return (run) => run.data;
    case "index":
    case "key":
    case "first":
    case "last":
      // `@../index`: the loop around.
      return (_run, frame) => {
        let current: Frame | undefined = frame;
        for (let i = 0; i < path.depth && current !== undefined; i++) current = current.parent;
        return current?.loop?.[name];
      };
    default:
      return context.fail(`unknown variable ${quote(path.original)}`);
  }
}
