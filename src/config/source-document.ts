import { GreenticError, didYouMean, quote } from "../types/index.ts";
import type { ErrorCode, JsonValue, SourcePosition } from "../types/index.ts";
import { parse as parseTomlText, TomlError } from "smol-toml";
import { isMap, isNode, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document } from "yaml";
import { tomlPlaces } from "./toml-places.ts";
import type { Place } from "./toml-places.ts";

/** How a layer speaks of its own files. */
export interface SourceRules {
  /** What is being done, at the front of every message. */
  readonly doing: string;
  readonly syntaxInvalid: ErrorCode;
  readonly keyUnknown: ErrorCode;
  /** Takes `__proto__` and `constructor` in TOML for syntax errors instead of data. */
  readonly refusesUnsafeKeys?: boolean;
}

/** The keys and indices to a value. */
export type SourcePath = readonly (string | number)[];

/** A file that people write, as plain data that knows where each of its keys stands. */
export interface SourceDocument {
  readonly file: string;
  /** The data; an empty YAML file is an empty object. */
  readonly value: JsonValue;
  /** Finds where a key or item stands; the nearest known ancestor where it has no place of its own. */
  positionOf(path: SourcePath): SourcePosition;
  /** Makes the error for the key at `path`, which isn't one of those that its table may have. */
  unknownKey(path: SourcePath, known: readonly string[]): GreenticError;
}

const CONFIG_RULES: SourceRules = {
  doing: "Read configuration",
  syntaxInvalid: "CONFIG_SYNTAX_INVALID",
  keyUnknown: "CONFIG_KEY_UNKNOWN",
};
const MAX_CHARS = 1 << 20;
const MAX_DEPTH = 32;

/** Reads YAML 1.2 (core schema) with positions; aliases, duplicate keys and custom tags are refused. @throws the rules' syntax code */
export function readYaml(text: string, file: string, rules = CONFIG_RULES): SourceDocument {
  return new YamlSource({ text, file, rules, language: "YAML" });
}

/** Reads JSON with positions; comments are no error. @throws the rules' syntax code */
export function readJson(text: string, file: string, rules = CONFIG_RULES): SourceDocument {
  return new YamlSource({ text, file, rules, language: "JSON" });
}

/** Reads TOML 1.0 with positions. @throws the rules' syntax code */
export function readToml(text: string, file: string, rules = CONFIG_RULES): SourceDocument {
  return new TomlSource({ text, file, rules, language: "TOML" });
}

interface Source {
  readonly text: string;
  readonly file: string;
  readonly rules: SourceRules;
  readonly language: "YAML" | "JSON" | "TOML";
}

abstract class TextSource implements SourceDocument {
  abstract readonly value: JsonValue;
  readonly file: string;
  protected readonly text: string;
  readonly #source: Source;

  constructor(source: Source) {
    this.file = source.file;
    this.#source = source;
    // Editors don't show a byte order mark, so it has no column.
    this.text = source.text.replace(/^\uFEFF/, "");
    if (this.text.length > MAX_CHARS)
      throw this.malformed(`expected at most ${MAX_CHARS} characters, got ${this.text.length}`, this.at(0));
  }

  /** Tells the offset of what stands at a path, or of the nearest known ancestor. */
  protected abstract offsetOf(path: SourcePath): number;

  positionOf(path: SourcePath): SourcePosition {
    return this.at(this.offsetOf(path));
  }

  unknownKey(path: SourcePath, known: readonly string[]): GreenticError {
    const { doing, keyUnknown } = this.#source.rules;
    const key = String(path.at(-1));
    const where = path.slice(0, -1).join(".") || "the file";
    const names = known.length === 0 ? "" : `, known are ${known.join(", ")}`;
    return new GreenticError(
      keyUnknown,
      `${doing}: unknown key ${quote(key)} in ${where}${names}${didYouMean(key, known)}`,
      { at: this.positionOf(path) },
    );
  }

  protected at(offset: number): SourcePosition {
    const before = this.text.slice(0, offset);
    return { file: this.file, line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
  }

  protected malformed(reason: string, at: SourcePosition, cause?: unknown): GreenticError {
    const { rules, language } = this.#source;
    return new GreenticError(rules.syntaxInvalid, `${rules.doing}: malformed ${language}, ${reason}`, { at, cause });
  }
}

class YamlSource extends TextSource {
  readonly value: JsonValue;
  readonly #document: Document;

  constructor(source: Source) {
    super(source);
    try {
      this.#document = parseDocument(this.text, {
        version: "1.2",
        merge: false,
        resolveKnownTags: false,
        prettyErrors: false,
        // Checked below in linear time; the library compares every pair.
        uniqueKeys: false,
        // Keys are the texts that stand there; JSON's must have quotes already.
        ...(source.language === "JSON" ? { schema: "json" } : { schema: "core", stringKeys: true }),
      });
    } catch (error) {
      throw this.#refuse(error);
    }
    const problem = this.#document.errors[0] ?? this.#document.warnings[0];
    if (problem !== undefined) throw this.malformed(problem.message, this.at(problem.pos[0]));
    this.#checkKeys();
    try {
      this.value = (this.#document.toJS({ maxAliasCount: 0 }) ?? {}) as JsonValue;
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  #checkKeys(): void {
    visit(this.#document, {
      Map: (_step, { items }) => {
        const seen = new Set<string>();
        for (const { key } of items) {
          const name = isScalar(key) ? String(key.value) : undefined;
          if (name !== undefined && !seen.has(name)) {
            seen.add(name);
            continue;
          }
          const reason = name === undefined ? "expected a text as key" : `key ${quote(name)} stands twice`;
          throw this.malformed(reason, this.at(isNode(key) ? (key.range?.[0] ?? 0) : 0));
        }
      },
    });
  }

  /** The library recurses, and throws a ReferenceError for an alias. */
  #refuse(error: unknown): unknown {
    if (error instanceof RangeError) return this.malformed("nested too deep", this.at(0), error);
    return error instanceof ReferenceError ? this.malformed("aliases aren't allowed", this.at(0), error) : error;
  }

  protected offsetOf(path: SourcePath): number {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const step of path) {
      let place: unknown;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
        place = pair?.key;
        node = pair?.value;
      } else place = node = isSeq(node) ? node.items[Number(step)] : undefined;
      if (!isNode(place)) break;
      offset = place.range?.[0] ?? offset;
    }
    return offset;
  }
}

class TomlSource extends TextSource {
  readonly value: JsonValue;
  /** Found when somebody asks, which only errors do. */
  #places: Place | undefined;

  constructor(source: Source) {
    super(source);
    const unsafeKeyBehaviour = source.rules.refusesUnsafeKeys === true ? "throw" : "keep";
    try {
      this.value = parseTomlText(this.text, { unsafeKeyBehaviour, maxDepth: MAX_DEPTH }) as unknown as JsonValue;
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      // The library's message goes on with an excerpt of the file; callers print their own from the position.
      const reason = error.message.split("\n", 1)[0]?.replace(/^Invalid TOML document: /, "") ?? "";
      throw this.malformed(reason, { file: this.file, line: error.line, column: error.column });
    }
  }

  protected offsetOf(path: SourcePath): number {
    let place = (this.#places ??= tomlPlaces(this.text));
    for (const step of path) {
      const next = place.inside.get(String(step));
      if (next === undefined) break;
      place = next;
    }
    return place.offset;
  }
}
