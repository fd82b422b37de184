import type { JsonValue, SourcePosition } from "../types/index.ts";
import { quote } from "../types/index.ts";
import type { CompiledTemplate } from "./compiled.ts";
import type { AstBlock, AstExpression, AstStatement } from "./template-ast.ts";
import { compileExpression, isBlockParam } from "./template-expression.ts";
import type { ExpressionContext, TemplateReference } from "./template-expression.ts";
import { HELPERS } from "./template-helpers.ts";
import { TOP_FRAME, TemplateRun, toText } from "./template-run.ts";
import type { Frame } from "./template-run.ts";
import { invalidTemplate, parseTemplate } from "./template-source.ts";

/** A template with what it refers to, for `doctor`. */
export interface TextTemplate extends CompiledTemplate {
  readonly references: readonly TemplateReference[];
}

type Part = (run: TemplateRun, frame: Frame) => void;
const MAX_BLOCK_DEPTH = 64;

/**
 * Compiles Handlebars text to closures: paths, `if`, `unless`, `each`, `with`, sections and the helpers of this runtime. The
 * Handlebars parser reads it; nothing is generated as code, values are only ever printed, and own members alone are visible.
 * @throws FLOW_TEMPLATE_INVALID for bad syntax, unknown helpers, partials and decorators
 */
export function compileTemplate(source: string, at?: SourcePosition): TextTemplate {
  const references: TemplateReference[] = [];
  const context: BlockContext = {
    fail: (problem) => {
      throw invalidTemplate(problem, { source, at });
    },
    references,
    names: [],
    depth: 0,
    isTop: true,
    isGuarded: false,
  };
  const body = compileBody(parseTemplate(source, at).body, context);
  const render = (scope: TemplateRun["scope"], data?: JsonValue): string => {
    const run = new TemplateRun(scope, data);
    body(run, TOP_FRAME);
    return run.out;
  };
  return { render, references };
}

interface BlockContext extends ExpressionContext {
  readonly depth: number;
}

function compileBody(statements: readonly AstStatement[], context: BlockContext): Part {
  if (context.depth > MAX_BLOCK_DEPTH) return context.fail(`blocks nested deeper than ${MAX_BLOCK_DEPTH}`);
  const parts = statements.flatMap((statement) => compileStatement(statement, context) ?? []);
  const [first, second] = parts;
  if (first === undefined) return () => undefined;
  if (second === undefined) return first;
  return (run, frame) => {
    for (const part of parts) part(run, frame);
  };
}

function compileStatement(statement: AstStatement, context: BlockContext): Part | undefined {
  switch (statement.type) {
    case "ContentStatement": {
      const text = statement.value;
      return text === "" ? undefined : (run) => run.emit(text);
    }
    case "CommentStatement":
      return undefined;
    case "MustacheStatement": {
      const value = compileExpression(statement, { ...context, isPrinted: true });
      return (run, frame) => run.emit(toText(value(run, frame)));
    }
    case "BlockStatement":
      return compileBlock(statement, context);
    case "PartialStatement":
    case "PartialBlockStatement":
      return context.fail("partials are not available");
    default:
      return context.fail("decorators are not available");
  }
}

function compileBlock(block: AstBlock, context: BlockContext): Part {
  const name = block.path.parts.length === 1 && !/^(?:\.|this\b)/.test(block.path.original) ? block.path.original : "";
  const inner = { ...context, depth: context.depth + 1 };
  const names: readonly string[] = block.program?.blockParams ?? [];
  const inverse = compileBody(block.inverse?.body ?? [], {
    ...inner,
    isGuarded: true,
  });
  const program = (changes: Partial<BlockContext>): Part =>
    compileBody(block.program?.body ?? [], { ...inner, ...changes });
  const argument = (count: number): void => {
    if (block.params.length !== count)
      context.fail(`${quote(name)} takes ${count} argument, got ${block.params.length}`);
  };

  if (isBlockParam(block.path, context) || (!BLOCKS.has(name) && !HELPERS.has(name))) {
    if (block.params.length > 0 || block.hash !== undefined)
      return context.fail(`unknown helper ${quote(block.path.original)}`);
    const value = compileExpression(block.path, { ...context, isOptional: true });
    const each = program({ isTop: false, names: [...context.names, ...names] });
    const same = program({ isGuarded: true });
    return (run, frame) => section(value(run, frame), { run, frame, names, each, same, inverse });
  }
  if (name === "if" || name === "unless") {
    argument(1);
    const test = compileExpression(block.params[0] as AstExpression, { ...context, isOptional: true });
    const hash = block.hash?.pairs.find((pair) => pair.key === "includeZero");
    const includeZero = hash !== undefined && hash.value.type === "BooleanLiteral" && hash.value.value;
    const yes = program({ isGuarded: true });
    return (run, frame) => {
      const value = test(run, frame);
      const holds = (includeZero || value !== 0) && !isEmpty(value);
      (holds === (name === "if") ? yes : inverse)(run, frame);
    };
  }
  if (name === "each" || name === "with") {
    argument(1);
    const value = compileExpression(block.params[0] as AstExpression, { ...context, isOptional: true });
    const body = program({ isTop: false, names: [...context.names, ...names] });
    if (name === "each") return (run, frame) => each(value(run, frame), { run, frame, names, each: body, inverse });
    return (run, frame) => {
      const target = value(run, frame);
      if (isEmpty(target)) inverse(run, frame);
      else body(run, enter(frame, target as JsonValue, { names, loop: frame.loop, values: [target as JsonValue] }));
    };
  }
  if (name === "eq" || name === "ifEq") {
    const test = compileExpression(
      { ...block, type: "SubExpression" },
      {
        ...context,
        isOptional: true,
      },
    );
    const yes = program({ isGuarded: true });
    return (run, frame) => (test(run, frame) === true ? yes : inverse)(run, frame);
  }
  return context.fail(`${quote(name)} is not a block`);
}

const BLOCKS: ReadonlySet<string> = new Set(["if", "unless", "each", "with"]);

interface Turns {
  readonly run: TemplateRun;
  readonly frame: Frame;
  readonly names: readonly string[];
  readonly each: Part;
  readonly inverse: Part;
}

function isEmpty(value: JsonValue | undefined): boolean {
  return (!value && value !== 0) || (Array.isArray(value) && value.length === 0);
}

function each(value: JsonValue | undefined, turns: Turns): void {
  const { run, frame, names, each: body, inverse } = turns;
  if (typeof value !== "object" || value === null) return inverse(run, frame);
  const isList = Array.isArray(value);
  const keys = isList ? value.keys() : Object.keys(value);
  const count = isList ? value.length : (keys as readonly string[]).length;
  let index = 0;
  for (const key of keys) {
    run.step();
    const item = (value as Readonly<Record<string | number, JsonValue>>)[key] ?? null;
    const loop = { index, key, first: index === 0, last: index === count - 1 };
    body(run, enter(frame, item, { names, loop, values: [item, key] }));
    index++;
  }
  if (count === 0) inverse(run, frame);
}

/** `{{#path}}…{{/path}}`: a list turns, true stays where it is, anything else present becomes `this`. */
function section(value: JsonValue | undefined, turns: Turns & { readonly same: Part }): void {
  const { run, frame, names, each: body, same, inverse } = turns;
  if (value === true) same(run, frame);
  else if (value === false || value === null || value === undefined) inverse(run, frame);
  else if (Array.isArray(value)) each(value, turns);
  else body(run, enter(frame, value, { names, loop: frame.loop, values: [value] }));
}

function enter(
  frame: Frame,
  context: JsonValue,
  inner: { readonly names: readonly string[]; readonly loop: Frame["loop"]; readonly values: readonly JsonValue[] },
): Frame {
  const names =
    inner.names.length === 0
      ? frame.names
      : new Map([...(frame.names ?? []), ...inner.names.map((name, i) => [name, inner.values[i] ?? null] as const)]);
  // Handlebars adds no level where the context stays the same, so that `../` means the same here.
  const parent = frame.context === context && frame !== TOP_FRAME ? frame.parent : frame;
  return { context, parent, loop: inner.loop, names };
}
