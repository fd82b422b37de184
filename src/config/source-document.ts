import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Node, Pair } from "yaml";
import { parse as parseToml, TomlError } from "smol-toml";
import { GreenticError } from "../types/index.ts";
import type { JsonValue, SourcePosition } from "../types/index.ts";

/** A configuration file's value with the place of each of its keys. */
export interface SourceDocument {
  readonly file: string;
  readonly value: JsonValue;
  /** Finds where a key or item stands; the nearest known ancestor where it has no place of its own. */
  positionOf(path: readonly (string | number)[]): SourcePosition;
}

/** Reads YAML 1.2 (core schema) with positions; aliases, duplicate keys and custom tags are refused. @throws CONFIG_SYNTAX_INVALID */
export function readYaml(text: string, file: string): SourceDocument {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true, schema: "core", merge: false });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problem = doc.errors[0] ?? doc.warnings[0];
  if (problem) {
    const reason = problem.message.split(" at line ")[0] ?? problem.code;
    throw new GreenticError("CONFIG_SYNTAX_INVALID", `Read YAML: ${reason}`, { at: at(problem.pos[0]) });
  }
  return {
    file,
    value: (doc.toJS({ maxAliasCount: 0 }) ?? {}) as JsonValue,
    positionOf(path) {
      let node: unknown = doc.contents;
      let best = 0;
      for (const step of path) {
        if (isMap(node)) {
          const pair: Pair | undefined = node.items.find(
            (item) => isScalar(item.key) && String(item.key.value) === String(step),
          );
          if (pair === undefined) break;
          best = (pair.key as Node).range?.[0] ?? best;
          node = pair.value;
        } else if (isSeq(node)) {
          node = node.items[Number(step)];
          if (node === undefined || isAlias(node)) break;
          best = (node as Node).range?.[0] ?? best;
        } else break;
      }
      return at(best);
    },
  };
}

/** Reads TOML 1.0 with positions of its keys. @throws CONFIG_SYNTAX_INVALID */
export function readToml(text: string, file: string): SourceDocument {
  let value: JsonValue;
  try {
    value = parseToml(text) as unknown as JsonValue;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0] ?? "malformed";
    throw new GreenticError("CONFIG_SYNTAX_INVALID", `Read TOML: ${reason}`, {
      at: { file, line: error.line, column: error.column },
    });
  }
  const places = tomlPlaces(text);
  return {
    file,
    value,
    positionOf(path) {
      for (let length = path.length; length > 0; length--) {
        const place = places.get(path.slice(0, length).join("\u0000"));
        if (place) return { file, ...place };
      }
      return { file, line: 1, column: 1 };
    },
  };
}

/** Finds the first line and column of every table and key; the text is known to be well-formed TOML. */
function tomlPlaces(text: string): Map<string, { line: number; column: number }> {
  const places = new Map<string, { line: number; column: number }>();
  const arrays = new Map<string, number>();
  let table: string[] = [];
  let multiline: string | undefined;
  text.split("\n").forEach((source, index) => {
    if (multiline !== undefined) {
      if (source.includes(multiline)) multiline = undefined;
      return;
    }
    const note = (path: string[], column: number): void => {
      for (let length = 1; length <= path.length; length++) {
        const key = path.slice(0, length).join("\u0000");
        if (!places.has(key)) places.set(key, { line: index + 1, column });
      }
    };
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$/.exec(source);
    if (header?.[1] !== undefined && header[2] !== undefined) {
      table = splitKey(header[2]);
      if (header[1] === "[[") {
        const name = table.join("\u0000");
        const count = arrays.get(name) ?? 0;
        arrays.set(name, count + 1);
        table = [...table, String(count)];
      }
      note(table, source.indexOf("[") + 1);
      return;
    }
    const pair = /^(\s*)((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-]|\s*\.\s*)+?)\s*=/.exec(source);
    if (pair?.[1] !== undefined && pair[2] !== undefined) {
      note([...table, ...splitKey(pair[2])], pair[1].length + 1);
      // Inline tables on the line: their keys are found by name, which is exact enough for an error's place.
      for (const inner of source.matchAll(/[{,]\s*([A-Za-z0-9_-]+)\s*=/g)) {
        note(
          [...table, ...splitKey(pair[2]), inner[1] ?? ""],
          (inner.index ?? 0) + inner[0].indexOf(inner[1] ?? "") + 1,
        );
      }
      for (const quotes of ['"""', "'''"]) {
        if (source.split(quotes).length === 2) multiline = quotes;
      }
    }
  });
  return places;
}

function splitKey(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|([^\s."']+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}
