import { GreenticError, quote } from "../../types/index.ts";

/*
 * Patterns of questions, matched in time that grows with text × pattern and never with their product's power: a pattern becomes
 * an automaton whose states are all followed at once, so no choice is ever taken back. Single characters and classes are left to
 * the machine's own RegExp, one code point at a time. Literals, `.`, classes, escapes, groups, `|`, `?`, `*`, `+`, `{n,m}`, `^`
 * and `$` are read; look-around and back-references are not. As in JSON Schema a pattern matches anywhere unless it is anchored.
 */

/** A compiled pattern. */
export interface Pattern {
  readonly test: (text: string) => boolean;
}

type Node =
  | { readonly kind: "char"; readonly accepts: (char: string) => boolean }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly min: number; readonly max: number };

type State =
  | { readonly kind: "char"; readonly accepts: (char: string) => boolean; next: number }
  | { readonly kind: "start" | "end"; next: number }
  | { readonly kind: "split"; readonly next: number[] }
  | { readonly kind: "match" };

const MAX_PATTERN = 512;
const MAX_STATES = 4_000;
const MAX_REPEAT = 1_000;
const MAX_DEPTH = 32;
const cache = new Map<string, Pattern>();

/** Compiles a pattern. @throws RUNNER_PATTERN_INVALID */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const pattern = automaton(new Parser(source).parse(), source);
  if (cache.size >= 256) cache.clear();
  cache.set(source, pattern);
  return pattern;
}

function invalid(source: string, problem: string): GreenticError {
  return new GreenticError("RUNNER_PATTERN_INVALID", `Read pattern ${quote(source)}: ${problem}`);
}

class Parser {
  readonly #source: string;
  readonly #chars: readonly string[];
  #at = 0;

  constructor(source: string) {
    if (source.length > MAX_PATTERN) throw invalid(source, `more than ${MAX_PATTERN} characters`);
    this.#source = source;
    this.#chars = Array.from(source);
  }

  parse(): Node {
    const node = this.#choice(0);
    if (this.#at < this.#chars.length) throw invalid(this.#source, "a closing parenthesis too many");
    return node;
  }

  #choice(depth: number): Node {
    if (depth > MAX_DEPTH) throw invalid(this.#source, `groups nested more than ${MAX_DEPTH} deep`);
    const parts = [this.#sequence(depth)];
    while (this.#take("|")) parts.push(this.#sequence(depth));
    return parts.length === 1 ? (parts[0] as Node) : { kind: "choice", parts };
  }

  #sequence(depth: number): Node {
    const parts: Node[] = [];
    while (this.#at < this.#chars.length && this.#chars[this.#at] !== "|" && this.#chars[this.#at] !== ")") {
      parts.push(this.#repeated(this.#atom(depth)));
    }
    return { kind: "sequence", parts };
  }

  #repeated(part: Node): Node {
    let node = part;
    for (;;) {
      const bounds = this.#bounds();
      if (bounds === undefined) return node;
      this.#take("?");
      node = { kind: "repeat", part: node, ...bounds };
    }
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    const match = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(this.#chars.slice(this.#at, this.#at + 12).join(""));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[3] === undefined ? (match[2] === undefined ? min : Number.POSITIVE_INFINITY) : Number(match[3]);
    if (max < min || Math.max(min, max === Number.POSITIVE_INFINITY ? 0 : max) > MAX_REPEAT) {
      throw invalid(this.#source, `a repetition out of 0 to ${MAX_REPEAT}`);
    }
    return { min, max };
  }

  #atom(depth: number): Node {
    const char = this.#chars[this.#at++] as string;
    switch (char) {
      case "(": {
        if (this.#take("?") && !this.#take(":"))
          throw invalid(this.#source, "look-around and named groups aren't read");
        const inner = this.#choice(depth + 1);
        if (!this.#take(")")) throw invalid(this.#source, "a parenthesis isn't closed");
        return inner;
      }
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "[":
        return this.#single(this.#class());
      case "\\":
        return this.#single(this.#escape());
      case ".":
        return this.#single(".");
      case "*":
      case "+":
      case "?":
        throw invalid(this.#source, `nothing to repeat before ${quote(char)}`);
      default:
        return { kind: "char", accepts: (other) => other === char };
    }
  }

  #class(): string {
    let text = "[";
    for (let isFirst = true; ; isFirst = false) {
      const char = this.#chars[this.#at++];
      if (char === undefined) throw invalid(this.#source, "a class isn't closed");
      if (char === "]" && !isFirst) return `${text}]`;
      if (char === "\\") text += this.#escape();
      else text += char === "]" || char === "[" ? `\\${char}` : char;
    }
  }

  #escape(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw invalid(this.#source, "an escape isn't finished");
    if (/[1-9kbB]/.test(char)) throw invalid(this.#source, "back-references and word boundaries aren't read");
    if (char !== "p" && char !== "P" && char !== "u" && char !== "x") {
      return /[A-Za-z0-9]/.test(char) || /[\^$\\.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
    }
    const rest = this.#chars.slice(this.#at, this.#at + 48).join("");
    const match = /^(?:\{[\w=]+\}|[0-9A-Fa-f]{2,4})/.exec(rest);
    if (match === null) throw invalid(this.#source, `an escape \\${char} isn't finished`);
    const length = char === "x" ? 2 : match[0].length;
    this.#at += length;
    return `\\${char}${rest.slice(0, length)}`;
  }

  #single(text: string): Node {
    try {
      const one = new RegExp(`^${text}$`, "u");
      return { kind: "char", accepts: (char) => one.test(char) };
    } catch {
      throw invalid(this.#source, `${quote(text)} names no characters`);
    }
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

/** Builds the states backwards: every part is given the state that follows it. */
function automaton(node: Node, source: string): Pattern {
  const states: State[] = [{ kind: "match" }];
  const add = (state: State): number => {
    if (states.length >= MAX_STATES) throw invalid(source, "its repetitions make it too large");
    return states.push(state) - 1;
  };
  const build = (part: Node, next: number): number => {
    switch (part.kind) {
      case "char":
        return add({ kind: "char", accepts: part.accepts, next });
      case "start":
      case "end":
        return add({ kind: part.kind, next });
      case "sequence":
        return part.parts.reduceRight((after, inner) => build(inner, after), next);
      case "choice":
        return add({ kind: "split", next: part.parts.map((inner) => build(inner, next)) });
      default:
        return buildRepeat(part, next);
    }
  };
  const buildRepeat = (repeat: Node & { readonly kind: "repeat" }, next: number): number => {
    let after = next;
    if (repeat.max === Number.POSITIVE_INFINITY) {
      const loop: State = { kind: "split", next: [next] };
      after = add(loop);
      loop.next.push(build(repeat.part, after));
    } else {
      for (let n = repeat.min; n < repeat.max; n++)
        after = add({ kind: "split", next: [next, build(repeat.part, after)] });
    }
    for (let n = 0; n < repeat.min; n++) after = build(repeat.part, after);
    return after;
  };
  const start = build(node, 0);
  return { test: (text) => simulate(states, start, Array.from(text)) };
}

function simulate(states: readonly State[], start: number, chars: readonly string[]): boolean {
  let current = new Set<number>();
  let isMatch = false;
  const follow = (index: number, at: number, into: Set<number>): void => {
    const pending = [index];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (into.has(id)) continue;
      into.add(id);
      const state = states[id] as State;
      if (state.kind === "match") isMatch = true;
      else if (state.kind === "split") pending.push(...state.next);
      else if (state.kind === "start" ? at === 0 : state.kind === "end" && at === chars.length)
        pending.push(state.next);
    }
  };
  for (let at = 0; at <= chars.length; at++) {
    follow(start, at, current);
    if (isMatch) return true;
    const char = chars[at];
    if (char === undefined) return false;
    const next = new Set<number>();
    for (const id of current) {
      const state = states[id] as State;
      if (state.kind === "char" && state.accepts(char)) follow(state.next, at + 1, next);
    }
    if (isMatch) return true;
    current = next;
  }
  return isMatch;
}
