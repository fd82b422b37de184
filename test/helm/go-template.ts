/**
 * As much of Go's text/template as the chart is written in: conditions, ranges, variables, fields, pipelines and a few functions.
 * Whatever else stands in a template is refused. A test holds it against Go's own, which kubectl has.
 */
import { FUNCTIONS, isTrue, shown } from "./go-values.ts";

type Scope = Map<string, unknown>;
interface State {
  readonly dot: unknown;
  readonly scopes: readonly Scope[];
}
interface Branch {
  readonly body: readonly Part[];
  readonly other: readonly Part[];
}
type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly words: readonly string[] }
  | ({ readonly kind: "if" | "range"; readonly words: readonly string[] } & Branch);

/** Renders a template. @throws Error for what is not in the subset */
export function renderTemplate(template: string, data: unknown): string {
  const parts = new Parser(template).parse();
  return run(parts, { dot: data, scopes: [new Map([["$", data]])] });
}

const WORD = /\s*("(?:[^"\\]|\\.)*"|:=|[=|(),]|\$?[\w.]+|\$[\w.]*)/y;

function wordsOf(action: string): readonly string[] {
  const words: string[] = [];
  WORD.lastIndex = 0;
  while (action.slice(WORD.lastIndex).trim() !== "") {
    const at = WORD.lastIndex;
    const word = WORD.exec(action)?.[1];
    if (word === undefined) throw new Error(`can't read ${action.slice(at)}`);
    words.push(word);
  }
  return words;
}

class Parser {
  /** Text and actions in turn. */
  readonly #pieces: readonly string[];
  #at = 0;

  constructor(template: string) {
    // A dash beside the braces takes the blanks away that stand on its side.
    this.#pieces = template
      .replaceAll(/\s*\{\{- /g, "{{ ")
      .replaceAll(/ -\}\}\s*/g, " }}")
      .split(/\{\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\}\}/);
  }

  parse(): readonly Part[] {
    const [parts, end] = this.#until([]);
    if (end !== undefined) throw new Error(`${end} without a beginning`);
    return parts;
  }

  #until(ends: readonly string[]): readonly [parts: readonly Part[], end: string | undefined] {
    const parts: Part[] = [];
    for (; this.#at < this.#pieces.length; this.#at += 1) {
      const piece = this.#pieces[this.#at] ?? "";
      if (this.#at % 2 === 0) {
        parts.push({ kind: "text", text: piece });
        continue;
      }
      const [word = "", ...words] = wordsOf(piece);
      if (word === "end" || word === "else") {
        if (!ends.includes(word) || words.length > 0) throw new Error(`${piece} stands where it can't`);
        return [parts, word];
      }
      if (word === "if" || word === "range") parts.push({ kind: word, words, ...this.#branch() });
      else parts.push({ kind: "action", words: [word, ...words] });
    }
    if (ends.length > 0) throw new Error("a condition or range has no end");
    return [parts, undefined];
  }

  #branch(): Branch {
    this.#at += 1;
    const [body, end] = this.#until(["else", "end"]);
    if (end === "end") return { body, other: [] };
    this.#at += 1;
    return { body, other: this.#until(["end"])[0] };
  }
}

function run(parts: readonly Part[], state: State): string {
  return parts.map((part) => runPart(part, state)).join("");
}

function inner(state: State, own: readonly (readonly [string, unknown])[], dot = state.dot): State {
  return { dot, scopes: [...state.scopes, new Map(own)] };
}

function runPart(part: Part, state: State): string {
  if (part.kind === "text") return part.text;
  if (part.kind === "action") return act(part.words, state);
  if (part.kind === "if") return run(isTrue(evaluate(part.words, state)) ? part.body : part.other, inner(state, []));
  return range(part, state);
}

function range({ words, body, other }: Branch & { readonly words: readonly string[] }, state: State): string {
  const declares = words.indexOf(":=");
  const names = words.slice(0, Math.max(declares, 0)).filter((word) => word !== ",");
  const over = evaluate(words.slice(declares + 1), state);
  if (!isTrue(over)) return run(other, inner(state, []));
  const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(over)
    ? over.map((item: unknown, index) => [index, item])
    : // Maps are gone through in the order of their keys.
      Object.entries(over as object).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries
    .map(([key, value]) => {
      const own = names.length === 2 ? [key, value] : [value];
      return run(
        body,
        inner(
          state,
          names.map((name, index) => [name, own[index]] as const),
          value,
        ),
      );
    })
    .join("");
}

function act(words: readonly string[], state: State): string {
  const [name = "", sign, ...rest] = words;
  if (sign !== ":=" && sign !== "=") return shown(evaluate(words, state));
  const scope = sign === ":=" ? state.scopes.at(-1) : state.scopes.findLast((one) => one.has(name));
  if (scope === undefined) throw new Error(`${name} isn't declared`);
  scope.set(name, evaluate(rest, state));
  return "";
}

/** Evaluates a pipeline: what one command gives is the last argument of the next. */
function evaluate(words: readonly string[], state: State): unknown {
  let given: readonly unknown[] = [];
  let at = 0;
  while (at < words.length) {
    const [command, end] = argumentsOf(words, at, state);
    given = [call(command, given)];
    at = end + 1;
  }
  if (given.length === 0) throw new Error("an empty pipeline");
  return given[0];
}

interface Named {
  readonly function: string;
}

/** Reads the arguments of a command up to a bar or the end. */
function argumentsOf(words: readonly string[], from: number, state: State): readonly [unknown[], number] {
  const found: unknown[] = [];
  let at = from;
  for (; at < words.length && words[at] !== "|"; at += 1) {
    if (words[at] !== "(") {
      found.push(argument(words[at] ?? "", state));
      continue;
    }
    const close = closing(words, at);
    found.push(evaluate(words.slice(at + 1, close), state));
    at = close;
  }
  return [found, at];
}

function closing(words: readonly string[], from: number): number {
  let depth = 0;
  for (let at = from; at < words.length; at += 1) {
    if (words[at] === "(") depth += 1;
    if (words[at] === ")" && (depth -= 1) === 0) return at;
  }
  throw new Error("a parenthesis has no end");
}

function argument(word: string, { dot, scopes }: State): unknown {
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^\d+$/.test(word)) return Number(word);
  if (word === ".") return dot;
  const [head = "", ...path] = word.split(".");
  if (head !== "" && !head.startsWith("$")) {
    if (path.length > 0 || !Object.hasOwn(FUNCTIONS, head)) throw new Error(`function ${word} is not defined`);
    return { function: head } satisfies Named;
  }
  const scope = scopes.findLast((one) => one.has(head));
  if (head !== "" && scope === undefined) throw new Error(`undefined variable ${head}`);
  return path.reduce<unknown>((value, key) => fieldOf(value, key), head === "" ? dot : scope?.get(head));
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`no field ${key}`);
  return Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function call([first, ...rest]: readonly unknown[], given: readonly unknown[]): unknown {
  if (typeof first === "object" && first !== null && "function" in first)
    return FUNCTIONS[(first as Named).function]?.(...rest, ...given);
  if (rest.length > 0 || given.length > 0) throw new Error("can't give arguments to what is no function");
  return first;
}
