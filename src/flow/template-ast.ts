/** The parts of the Handlebars syntax tree that templates are compiled from, as its parser gives them. */
export type AstStatement =
  | { readonly type: "ContentStatement"; readonly value: string }
  | { readonly type: "CommentStatement" }
  | AstMustache
  | AstBlock
  | { readonly type: "PartialStatement" | "PartialBlockStatement" | "Decorator" | "DecoratorBlock" };

/** A sequence of statements; block parameters are the names after `as`. */
export interface AstProgram {
  readonly body: readonly AstStatement[];
  readonly blockParams?: readonly string[];
}

/** `{{path params hash}}`. */
export interface AstMustache extends AstCall {
  readonly type: "MustacheStatement";
}

/** `{{#path params hash}}program{{else}}inverse{{/path}}`; `{{^path}}` has an inverse alone. */
export interface AstBlock extends AstCall {
  readonly type: "BlockStatement";
  readonly path: AstPath;
  readonly program?: AstProgram;
  readonly inverse?: AstProgram;
}

/** What calls have in common. */
export interface AstCall {
  readonly path: AstPath | AstLiteral;
  readonly params: readonly AstExpression[];
  readonly hash?: AstHash | undefined;
}

/** `name=value` arguments. */
interface AstHash {
  readonly pairs: readonly { readonly key: string; readonly value: AstExpression }[];
}

/** `a.b`, `../a`, `@index`; `original` tells `this.a` from `a`. */
export interface AstPath {
  readonly type: "PathExpression";
  readonly data: boolean;
  readonly depth: number;
  readonly parts: readonly string[];
  readonly original: string;
}

/** A literal; as a tag's path it is looked up as a name. */
type AstLiteral =
  | { readonly type: "StringLiteral"; readonly value: string; readonly original: string }
  | { readonly type: "NumberLiteral"; readonly value: number; readonly original: number }
  | { readonly type: "BooleanLiteral"; readonly value: boolean; readonly original: boolean }
  | { readonly type: "UndefinedLiteral" | "NullLiteral"; readonly original: null | undefined };

/** What gives a value. */
export type AstExpression = AstPath | AstLiteral | (AstCall & { readonly type: "SubExpression" });
