import { parse as parseToml, TomlError } from "smol-toml";
import { LineCounter, isMap, isPair, isScalar, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import { GreenticError } from "../types/index.ts";
import type { SourcePosition } from "../types/index.ts";
import { tomlPositions } from "./toml-positions.ts";

/** A source file as plain data that knows where its keys stand. */
export interface SourceDocument {
  readonly root: unknown;
  /** Where a key stands, or the nearest key around it. */
  positionOf(path: readonly (string | number)[]): SourcePosition;
}

const MAX_SOURCE_CHARS = 1 << 20;

/** Parses pack.toml or pack.yaml, told apart by the extension. @throws PACK_SOURCE_SYNTAX with the position */
export function parseSourceDocument(text: string, { file }: { readonly file: string }): SourceDocument {
  if (text.length > MAX_SOURCE_CHARS)
    throw new GreenticError(
      "PACK_SOURCE_SYNTAX",
      `Read pack source: expected at most ${MAX_SOURCE_CHARS} characters, got ${text.length}`,
      {
        at: { file, line: 1, column: 1 },
      },
    );
  return /\.ya?ml$/.test(file) ? yamlDocument(text, file) : tomlDocument(text, file);
}

function tomlDocument(text: string, file: string): SourceDocument {
  let root: unknown;
  try {
    root = parseToml(text, { unsafeKeyBehaviour: "throw", maxDepth: 32 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The library's message goes on with an excerpt of the file; callers print their own from the position.
    const reason = error.message.split("\n", 1)[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw new GreenticError("PACK_SOURCE_SYNTAX", `Read pack source: ${reason}`, {
      at: { file, line: error.line, column: error.column },
    });
  }
  const positions = tomlPositions(text);
  return {
    root,
    positionOf: (path) => {
      for (let length = path.length; length > 0; length--) {
        const found = positions.get(JSON.stringify(path.slice(0, length)));
        if (found !== undefined) return { file, ...found };
      }
      return { file, line: 1, column: 1 };
    },
  };
}

function yamlDocument(text: string, file: string): SourceDocument {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, {
    lineCounter: lines,
    version: "1.2",
    uniqueKeys: true,
    merge: false,
  });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const reason = problem.message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "";
    throw new GreenticError("PACK_SOURCE_SYNTAX", `Read pack source: ${reason}`, { at: at(problem.pos[0]) });
  }
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw new GreenticError("PACK_SOURCE_SYNTAX", "Read pack source: aliases aren't allowed", {
      at: at(0),
      cause: error,
    });
  }
  return { root, positionOf: (path) => at(yamlOffset(document, path)) };
}

function yamlOffset(document: Document, path: readonly (string | number)[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (typeof step === "number" && typeof node === "object" && node !== null && "items" in node) {
      node = (node.items as readonly unknown[])[step];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
