import {
  array,
  assert,
  boolean,
  constantFrom,
  integer,
  letrec,
  oneof,
  property,
  record,
  string,
  tuple,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { expect, test } from "vitest";
import { readToml, readYaml } from "./index.ts";
import type { SourceDocument } from "./index.ts";

type Path = readonly (string | number)[];
type Style = "bare" | "double" | "single";
interface Key {
  readonly name: string;
  readonly style: Style;
}

/** What a generated document holds; who writes it down notes where each key went. */
type Value =
  | { readonly kind: "text"; readonly toml: string; readonly yaml: string }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "map"; readonly pairs: readonly Pair[] };
interface Pair {
  readonly keys: readonly Key[];
  readonly value: Value;
}
interface Table {
  readonly pairs: readonly Pair[];
  readonly tables: readonly { readonly key: Key; readonly items: readonly Table[]; readonly isList: boolean }[];
}

const style = constantFrom<Style>("bare", "double", "single");
const name = oneof(
  constantFrom(
    "__proto__",
    "constructor",
    "a.b",
    "a = 1",
    "#",
    "[x]",
    "",
    "'",
    '"',
    "\\",
    "\t",
    "0",
    "é😀",
    "key",
    "- a",
    "a: b",
  ),
  string({ maxLength: 6 }),
);
const key: Arbitrary<Key> = record({ name, style });
const text = constantFrom(
  { toml: "1", yaml: "1" },
  { toml: "1979-05-27 07:32:00Z", yaml: "true" },
  { toml: '"a = [{#"', yaml: '"a: [{ # }"' },
  { toml: "'C:\\'", yaml: "'it''s: x'" },
  { toml: '"""\nfake = 1\n[fake]\n\\""" "" = \'\'\' """""', yaml: '"two\n          lines: x"' },
  { toml: "'''\r\nfake = 1 # \"\"\"\n[[fake]]\n''''", yaml: "plain text" },
  { toml: '""""quoted" \\\\"""', yaml: '""' },
);
const { value, table } = letrec<{ value: Value; pair: Pair; table: Table }>((tie) => ({
  value: oneof(
    { maxDepth: 4, withCrossShrink: true },
    text.map((written) => ({ kind: "text" as const, ...written })),
    array(tie("value"), { maxLength: 3 }).map((items) => ({ kind: "list" as const, items })),
    array(tie("pair"), { maxLength: 3 }).map((pairs) => ({ kind: "map" as const, pairs })),
  ),
  pair: record({ keys: array(key, { minLength: 1, maxLength: 3 }), value: tie("value") }),
  table: record({
    pairs: array(tie("pair"), { maxLength: 4 }),
    tables: oneof(
      { maxDepth: 3 },
      constantFrom([]),
      array(record({ key, items: array(tie("table"), { minLength: 1, maxLength: 3 }), isList: boolean() }), {
        maxLength: 3,
      }),
    ),
  }),
}));

/** Writes a text piece by piece and notes the line and column of what begins. */
class Writer {
  readonly places: { readonly path: Path; readonly line: number; readonly column: number }[] = [];
  readonly #gaps: readonly string[];
  readonly #lineEnd: string;
  #gap = 0;
  #out: string;

  constructor(options: { readonly gaps: readonly string[]; readonly lineEnd: string; readonly hasMark: boolean }) {
    this.#gaps = options.gaps;
    this.#lineEnd = options.lineEnd;
    this.#out = options.hasMark ? "\uFEFF" : "";
  }

  get text(): string {
    return this.#out;
  }

  write(piece: string): this {
    this.#out += piece;
    return this;
  }

  end(comment = ""): this {
    return this.write(comment + this.#lineEnd);
  }

  /** Blanks of any length, the next of those generated. */
  gap(): this {
    return this.write(this.#gaps[this.#gap++ % this.#gaps.length] ?? "");
  }

  note(path: Path): this {
    const lines = this.#out.replace("\uFEFF", "").split("\n");
    this.places.push({ path, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 });
    return this;
  }

  check(document: SourceDocument): void {
    for (const { path, line, column } of this.places)
      expect({ path, ...document.positionOf(path) }).toEqual({ path, file: "f", line, column });
  }
}

/** Names of one table, each once: those that come again are left out. */
function once<T>(items: readonly T[], seen: Set<string>, nameOf: (item: T) => string | undefined): readonly T[] {
  return items.filter((item) => {
    const name = nameOf(item) ?? "";
    return !seen.has(name) && seen.add(name);
  });
}
const firstName = ({ keys }: Pair): string | undefined => keys[0]?.name;

function tomlKey({ name, style }: Key): string {
  if (style === "bare" && /^[\w-]+$/.test(name)) return name;
  if (style === "single" && !/['\u0000-\u001f\u007f]/.test(name)) return `'${name}'`;
  return JSON.stringify(name).replaceAll("\u007f", "\\u007f");
}

function writeTomlPair(out: Writer, path: Path, { keys, value }: Pair): void {
  const names = keys.map(({ name }) => name);
  keys.forEach((key, index) => {
    if (index > 0) out.gap().write(".").gap();
    out.note([...path, ...names.slice(0, index + 1)]).write(tomlKey(key));
  });
  out.gap().write("=").gap();
  writeTomlValue(out, [...path, ...names], value);
}

function writeTomlValue(out: Writer, path: Path, value: Value): void {
  if (value.kind === "text") out.write(value.toml);
  else if (value.kind === "list") {
    out.write("[").gap();
    value.items.forEach((item, index) => {
      if (index % 2 === 1) out.end(' # no = 1, [x] "');
      out.gap().note([...path, index]);
      writeTomlValue(out, [...path, index], item);
      out.gap().write(",");
    });
    out.gap().write("]");
  } else {
    out.write("{").gap();
    once(value.pairs, new Set(), firstName).forEach((pair, index) => {
      if (index > 0) out.gap().write(",").gap();
      writeTomlPair(out, path, pair);
    });
    out.gap().write("}");
  }
}

/** `keys` name the table in headers, `path` in the data: lists have an index there. */
function writeTomlTable(out: Writer, at: { readonly keys: readonly Key[]; readonly path: Path }, table: Table): void {
  const seen = new Set<string>();
  for (const pair of once(table.pairs, seen, firstName)) {
    out.gap();
    writeTomlPair(out, at.path, pair);
    out.gap().end("# comment = 1");
  }
  for (const { key, items, isList } of once(table.tables, seen, (inner) => inner.key.name)) {
    const keys = [...at.keys, key];
    for (const [index, item] of (isList ? items : items.slice(0, 1)).entries()) {
      const path = [...at.path, key.name];
      out.end().gap();
      if (index === 0) out.note(path);
      if (isList) out.note([...path, index]);
      out.write(isList ? "[[" : "[").gap();
      keys.forEach((part, at) => out.write(at > 0 ? " . " : "").write(tomlKey(part)));
      out
        .gap()
        .write(isList ? "]]" : "]")
        .gap()
        .end("# [comment]");
      writeTomlTable(out, { keys, path: isList ? [...path, index] : path }, item);
    }
  }
}

function yamlKey({ name, style }: Key): string {
  if (style === "bare" && /^[a-z_][a-z_0-9]*$/i.test(name)) return name;
  if (style === "single" && !/[\u0000-\u001f\u007f]/.test(name)) return `'${name.replaceAll("'", "''")}'`;
  return JSON.stringify(name);
}

function writeYamlMap(out: Writer, at: { readonly path: Path; readonly indent: string }, pairs: readonly Pair[]): void {
  for (const [index, pair] of once(pairs, new Set(), firstName).entries()) {
    const [key = { name: "", style: "double" as const }] = pair.keys;
    const path = [...at.path, key.name];
    out.end(index % 2 === 1 ? `${index === 0 ? "" : " "}# comment: 1` : "").write(at.indent);
    out
      .note(path)
      .write(`${yamlKey(key)}: `)
      .gap();
    if (pair.value.kind === "map" && pair.value.pairs.length > 0)
      writeYamlMap(out, { path, indent: `${at.indent}  ` }, pair.value.pairs);
    else writeYamlFlow(out, path, pair.value);
  }
}

function writeYamlFlow(out: Writer, path: Path, value: Value): void {
  if (value.kind === "text") out.write(value.yaml);
  else if (value.kind === "list") {
    out.write("[").gap();
    value.items.forEach((item, index) => {
      out.note([...path, index]);
      writeYamlFlow(out, [...path, index], item);
      out.gap().write(",").gap();
    });
    out.write("]");
  } else {
    out.write("{").gap();
    for (const { keys, value: inner } of once(value.pairs, new Set(), firstName)) {
      const [key = { name: "", style: "double" as const }] = keys;
      out
        .note([...path, key.name])
        .write(`${yamlKey(key)}: `)
        .gap();
      writeYamlFlow(out, [...path, key.name], inner);
      out.gap().write(",").gap();
    }
    out.write("}");
  }
}

const layout = record({
  gaps: array(constantFrom("", " ", "\t", "  "), { minLength: 1, maxLength: 7 }),
  lineEnd: constantFrom("\n", "\r\n"),
  hasMark: boolean(),
});

test("readToml() finds every key, table and item where it was written", () => {
  assert(
    property(tuple(table, layout), ([root, how]) => {
      const out = new Writer(how);
      writeTomlTable(out, { keys: [], path: [] }, root);
      out.check(readToml(out.text, "f"));
    }),
    { numRuns: 500 },
  );
});

test("readYaml() finds every key and item where it was written", () => {
  assert(
    property(
      tuple(array(record({ keys: array(key, { minLength: 1, maxLength: 1 }), value }), { minLength: 1 }), layout),
      ([pairs, how]) => {
        // Tabs are no indentation.
        const out = new Writer({ ...how, gaps: how.gaps.map((gap) => gap.replace("\t", " ")) });
        writeYamlMap(out, { path: [], indent: "" }, pairs);
        out.check(readYaml(out.text, "f"));
      },
    ),
    { numRuns: 500 },
  );
});

test("readToml() keeps its place whatever the text is", () => {
  const snippet = constantFrom(
    '"',
    "'",
    '"""',
    "'''",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "#",
    "\\",
    "\n",
    "\r\n",
    " ",
    "a",
    "b",
    "1",
    "[[a]]\n",
    "a = 1\n",
  );
  assert(
    property(
      tuple(array(snippet, { maxLength: 40 }), array(integer({ min: 0, max: 3 }), { maxLength: 3 })),
      ([snippets, path]) => {
        let document: SourceDocument;
        try {
          document = readToml(snippets.join(""), "f");
        } catch (error) {
          expect(error).toMatchObject({ code: "CONFIG_SYNTAX_INVALID" });
          return;
        }
        expect(document.positionOf(path).line).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});
