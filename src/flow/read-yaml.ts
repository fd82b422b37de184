import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import type { CST, Document, Node, Pair } from "yaml";
import type { JsonValue, Paced, SourcePosition } from "../types/index.ts";
import { GreenticError, Pace, quote, runWhole } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import { escapePointer } from "./json-template.ts";

/** Bounds of a flow file. */
const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 64;
/** One slip in YAML makes a hundred errors behind it. */
const MAX_PROBLEMS = 10;
const MAX_ALIASES = 100;
const MAX_ALIASED_VALUES = 10_000;

/** A YAML text as JSON, with the place of each value and key by JSON pointer. */
export interface YamlSource {
  readonly value: JsonValue;
  readonly values: ReadonlyMap<string, SourcePosition>;
  readonly keys: ReadonlyMap<string, SourcePosition>;
}

/**
 * Reads YAML 1.2 (core schema) from outside within bounds. Aliases are few and counted by what they stand for; merge keys,
 * tags of one's own, duplicate keys and numbers that JSON lacks are errors; `__proto__` is a key like any other.
 * Gives undefined when there is no value to go on with; the findings say why.
 */
export function readYaml(
  source: Uint8Array | string,
  to: { readonly file: string; readonly findings: Findings },
): YamlSource | undefined {
  return runWhole(readYamlPaced(source, { ...to, pace: new Pace() }));
}

/** Reads as {@link readYaml}, in turns; composing and reading what was parsed are one each. */
export function* readYamlPaced(
  source: Uint8Array | string,
  to: { readonly file: string; readonly findings: Findings; readonly pace: Pace },
): Paced<YamlSource | undefined> {
  const start: SourcePosition = { file: to.file, line: 1, column: 1 };
  const text = decode(source, { findings: to.findings, at: start });
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const place = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file: to.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const tokens = yield* readTokens(text, { at: start, lines, pace: to.pace });
    if (to.pace.spend(text.length / COMPOSED_PER_STEP)) yield;
    const [document, ...others] = new Composer(OPTIONS).compose(tokens, true, text.length);
    if (document === undefined) throw new TypeError("yaml: no document, though one is asked for");
    const problems = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
      state: describe(code, message),
      offset: pos[0],
    }));
    for (const { range } of others.slice(0, 1))
      problems.push({ state: "expected one document, got several", offset: range[0] });
    for (const { state, offset } of problems.slice(0, MAX_PROBLEMS))
      to.findings.add("FLOW_YAML_INVALID", `Read YAML: ${state}`, { at: place(offset) });
    if (problems.length > 0) return undefined;
    if (to.pace.spend(text.length / COMPOSED_PER_STEP)) yield;
    const reader = new YamlReader(document, place);
    const value = reader.read(document.contents, { pointer: "", depth: 0, isAliased: false });
    return { value, values: reader.values, keys: reader.keys };
  } catch (error) {
    if (error instanceof RangeError) {
      to.findings.add("FLOW_YAML_TOO_DEEP", `Read YAML: expected at most ${MAX_DEPTH} levels, got many more`, {
        at: start,
      });
    } else to.findings.addThrown(error, { at: start });
    return undefined;
  }
}

function decode(
  source: Uint8Array | string,
  to: { readonly findings: Findings; readonly at: SourcePosition },
): string | undefined {
  // Three bytes a UTF-16 unit at most, so short texts need no counting.
  const size =
    typeof source !== "string"
      ? source.byteLength
      : source.length * 3 <= MAX_BYTES
        ? 0
        : new TextEncoder().encode(source).byteLength;
  if (size > MAX_BYTES) {
    to.findings.add("FLOW_YAML_TOO_LARGE", `Read YAML: expected at most ${MAX_BYTES} bytes, got ${size}`, {
      at: to.at,
    });
    return undefined;
  }
  if (typeof source === "string") return source;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(source);
  } catch {
    to.findings.add("FLOW_YAML_INVALID", "Read YAML: not UTF-8", { at: to.at });
    return undefined;
  }
}

const OPTIONS = {
  version: "1.2",
  schema: "core",
  merge: false,
  stringKeys: true,
  // Checked below in linear time; the library compares every pair.
  uniqueKeys: false,
  resolveKnownTags: false,
  prettyErrors: false,
} as const;
/** What a microsecond does: characters that are composed or read, and lexemes that are parsed. */
const COMPOSED_PER_STEP = 10;
const STEPS_PER_LEXEME = 1;

/**
 * Parses the text, counting brackets, dashes and aliases before anything is built of them: composing recurses, and takes seconds
 * over too many.
 */
function* readTokens(
  text: string,
  from: { readonly at: SourcePosition; readonly lines: LineCounter; readonly pace: Pace },
): Paced<readonly CST.Token[]> {
  const { at, lines, pace } = from;
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let open = 0;
  let inLine = 0;
  let aliases = 0;
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    if (pace.spend(STEPS_PER_LEXEME)) yield;
    if (lexeme === "[" || lexeme === "{") open++;
    else if (lexeme === "]" || lexeme === "}") open--;
    else if (lexeme === "-" || lexeme === "?") inLine++;
    else if (lexeme.startsWith("*") && ++aliases > MAX_ALIASES) throw tooManyAliases(at);
    else if (lexeme.startsWith("\n") || lexeme.startsWith("\r")) inLine = 0;
    if (open + inLine > MAX_DEPTH) {
      throw new GreenticError("FLOW_YAML_TOO_DEEP", `Read YAML: expected at most ${MAX_DEPTH} levels, got more`, {
        at,
      });
    }
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  tokens.push(...parser.end());
  return tokens;
}

function describe(code: string, message: string): string {
  if (code === "TAG_RESOLVE_FAILED") return "tags are not available";
  return message.replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

interface Place {
  readonly pointer: string;
  readonly depth: number;
  readonly isAliased: boolean;
}

class YamlReader {
  readonly values = new Map<string, SourcePosition>();
  readonly keys = new Map<string, SourcePosition>();
  readonly #document: Document.Parsed;
  readonly #place: (offset: number) => SourcePosition;
  #aliasedValues = 0;

  constructor(document: Document.Parsed, place: (offset: number) => SourcePosition) {
    this.#document = document;
    this.#place = place;
  }

  read(node: Node | null | undefined, place: Place): JsonValue {
    if (node === null || node === undefined) return null;
    const at = this.#place(node.range?.[0] ?? 0);
    if (!this.values.has(place.pointer)) this.values.set(place.pointer, at);
    if (place.depth > MAX_DEPTH) {
      throw new GreenticError("FLOW_YAML_TOO_DEEP", `Read YAML: expected at most ${MAX_DEPTH} levels, got more`, {
        at,
      });
    }
    if (place.isAliased && ++this.#aliasedValues > MAX_ALIASED_VALUES) throw tooManyAliases(at);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined)
        throw new GreenticError("FLOW_YAML_INVALID", `Read YAML: no anchor ${quote(node.source)}`, { at });
      return this.read(target, { ...place, isAliased: true });
    }
    if (isScalar(node)) return this.#scalar(node.value, at);
    if (isSeq<Node>(node)) {
      return node.items.map((item, i) =>
        this.read(item, { ...place, pointer: `${place.pointer}/${i}`, depth: place.depth + 1 }),
      );
    }
    if (isMap<Node, Node>(node)) return this.#map(node.items, place);
    throw new GreenticError("FLOW_YAML_INVALID", "Read YAML: expected a map, list or scalar", { at });
  }

  #scalar(value: unknown, at: SourcePosition): JsonValue {
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw new GreenticError("FLOW_YAML_INVALID", "Read YAML: expected a finite number", { at });
  }

  #map(pairs: readonly Pair<Node, Node | null>[], place: Place): JsonValue {
    const made: Record<string, JsonValue> = {};
    for (const pair of pairs) {
      const key = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : undefined;
      const at = this.#place(pair.key.range?.[0] ?? 0);
      if (key === undefined)
        throw new GreenticError("FLOW_YAML_INVALID", "Read YAML: expected a string as key", { at });
      if (key === "<<") throw new GreenticError("FLOW_YAML_INVALID", "Read YAML: merge keys are not available", { at });
      if (Object.hasOwn(made, key)) {
        throw new GreenticError("FLOW_YAML_INVALID", `Read YAML: key ${quote(key)} stands twice in one map`, { at });
      }
      const pointer = `${place.pointer}/${escapePointer(key)}`;
      if (!this.keys.has(pointer)) this.keys.set(pointer, at);
      const value = this.read(pair.value, { ...place, pointer, depth: place.depth + 1 });
      if (!this.values.has(pointer)) this.values.set(pointer, at);
      // Defined, not assigned: `__proto__` must not become anyone's prototype.
      Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return made;
  }
}

function tooManyAliases(at: SourcePosition): GreenticError {
  return new GreenticError(
    "FLOW_YAML_TOO_MANY_ALIASES",
    `Read YAML: expected at most ${MAX_ALIASES} aliases for ${MAX_ALIASED_VALUES} values, got more`,
    { at },
  );
}
