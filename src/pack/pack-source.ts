/**
 * pack.toml or pack.yaml, same keys: [pack] name, version, description, authors · [capabilities] id, provides · [dependencies] ·
 * [flows] name = path · [components] name = path, or a table { path, grants, reuse } · [assets] name = file or folder ·
 * [secrets] required, optional · [config] · [provider], see ProviderTraits. An unknown key is an error with its position.
 * @see pack-format.md, "Layout"
 */
import { valid as validVersion } from "semver";
import { readToml, readYaml } from "../config/index.ts";
import type { SourceDocument, SourceRules } from "../config/index.ts";
import { findTraitsProblem, GreenticError, isGreenticError, quote, secretHeaderProblem } from "../types/index.ts";
import type { ErrorCode, JsonObject, JsonValue, SecretHeader, SourcePosition } from "../types/index.ts";
import { packKindOf } from "./capability-id.ts";
import { cargoRange } from "./cargo-range.ts";
import { entryPathProblem } from "./entry-path.ts";
import { ENTRY_NAME, PACK_NAME } from "./manifest-read.ts";
import type { PackGrants } from "./manifest.ts";

/** What the author of a pack wrote down; paths are relative to the source's folder and not looked at yet. */
export interface PackSource {
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly capabilities: { readonly id: string; readonly provides: readonly string[] };
  /** Name → Cargo range. */
  readonly dependencies: ReadonlyMap<string, string>;
  /** Name → path. */
  readonly flows: ReadonlyMap<string, string>;
  readonly components: ReadonlyMap<string, ComponentSource>;
  /** Name → file or folder; undefined means the whole folder assets/, if there is one. */
  readonly assets: ReadonlyMap<string, string> | undefined;
  readonly secrets: { readonly required: readonly string[]; readonly optional: readonly string[] };
  readonly config: JsonObject;
  /** Of a provider pack, what it says of its platform. */
  readonly provider?: JsonObject;
}

export interface ComponentSource {
  readonly path: string;
  readonly grants: PackGrants;
  readonly reuse?: "tenant";
}

const RULES: SourceRules = {
  doing: "Read pack source",
  syntaxInvalid: "PACK_SOURCE_SYNTAX",
  keyUnknown: "PACK_SOURCE_KEY_UNKNOWN",
  refusesUnsafeKeys: true,
};

/** Asks for nothing. */
const NO_PACK_GRANTS: PackGrants = {
  http: [],
  secrets: [],
  secretsWrite: [],
  state: "none",
  tools: [],
  assets: false,
  oauth: [],
};

/**
 * Parses a pack's source file, told apart by its extension.
 * @throws PACK_SOURCE_SYNTAX, PACK_SOURCE_KEY_UNKNOWN, PACK_SOURCE_INVALID, PACK_CAPABILITY_INVALID, PACK_RANGE_INVALID, all with
 * the position
 */
export function parsePackSource(text: string, { file }: { readonly file: string }): PackSource {
  const document = readDocument(text, file);
  const root = new Table(document, document.value, []);
  root.allow([
    "pack",
    "capabilities",
    "dependencies",
    "flows",
    "components",
    "assets",
    "secrets",
    "config",
    "provider",
  ]);
  const pack = root.table("pack", ["name", "version", "description", "authors"]);
  const capabilities = root.table("capabilities", ["id", "provides"]);
  const secrets = root.optionalTable("secrets")?.allow(["required", "optional"]);
  const source: PackSource = {
    file,
    name: pack.text("name", (name) => PACK_NAME.test(name) || `expected ${PACK_NAME.source}`),
    version: pack.text("version", (v) => validVersion(v) === v.replace(/\+.*$/, "") || "expected a semantic version"),
    description: pack.has("description") ? pack.text("description") : "",
    authors: pack.texts("authors"),
    capabilities: {
      id: capabilities.checked("id", (id) => packKindOf(id)),
      provides: capabilities.texts("provides"),
    },
    dependencies: readDependencies(root),
    flows: readPaths(root.optionalTable("flows"), /^flows\/.+\.ygtc$/) ?? new Map(),
    components: readComponents(root.optionalTable("components")),
    assets: readPaths(root.optionalTable("assets"), /^assets(?:\/|$)/),
    secrets: { required: secrets?.texts("required") ?? [], optional: secrets?.texts("optional") ?? [] },
    config: root.optionalTable("config")?.json() ?? {},
  };
  const provider = readProvider(root, source);
  if (packKindOf(source.capabilities.id) === "component" && source.flows.size > 0)
    throw root.problem("flows", "PACK_SOURCE_INVALID", "a component pack has no flows");
  return provider === undefined ? source : { ...source, provider };
}

function readProvider(root: Table, { capabilities, components }: PackSource): JsonObject | undefined {
  const table = root.optionalTable("provider")?.json();
  if (table === undefined) return undefined;
  if (packKindOf(capabilities.id) !== "provider")
    throw root.problem("provider", "PACK_SOURCE_INVALID", "only a provider pack has it");
  const problem = findTraitsProblem(table, new Set(components.keys()));
  if (problem === undefined) return table;
  throw root.problemAt(["provider", ...problem.path], problem.state);
}

/** Finds where something of a source stands, or what it would stand in. */
export function packSourcePlaces(
  text: string,
  { file }: { readonly file: string },
): (path: readonly (string | number)[]) => SourcePosition {
  const document = readDocument(text, file);
  return (path) => document.positionOf(path);
}

function readDocument(text: string, file: string): SourceDocument {
  return (/\.ya?ml$/.test(file) ? readYaml : readToml)(text, file, RULES);
}

function readDependencies(root: Table): ReadonlyMap<string, string> {
  const table = root.optionalTable("dependencies");
  const entries = table?.keys().map((name): [string, string] => {
    if (!PACK_NAME.test(name))
      throw table.problem(name, "PACK_SOURCE_INVALID", `expected ${PACK_NAME.source}, got ${quote(name)}`);
    return [name, table.checked(name, cargoRange)];
  });
  return new Map(entries);
}

function readPaths(table: Table | undefined, pattern: RegExp): ReadonlyMap<string, string> | undefined {
  if (table === undefined) return undefined;
  return new Map(table.keys().map((name) => [name, readPath(table, { key: name, pattern })]));
}

function readPath(table: Table, { key, pattern }: { readonly key: string; readonly pattern: RegExp }): string {
  table.checkName(key);
  return table.text(key, (path) => {
    const problem = entryPathProblem(path.replace(/\/$/, ""));
    if (problem !== undefined) return problem;
    return pattern.test(path) || `expected a path like ${pattern.source}`;
  });
}

const COMPONENT_PATH = /^components\/.+\.wasm$/;

function readComponents(table: Table | undefined): ReadonlyMap<string, ComponentSource> {
  const entries = table?.keys().map((name): [string, ComponentSource] => {
    if (typeof table.value(name) === "string")
      return [name, { path: readPath(table, { key: name, pattern: COMPONENT_PATH }), grants: NO_PACK_GRANTS }];
    table.checkName(name);
    const fields = table.table(name, ["path", "grants", "reuse"]);
    const path = fields.has("path")
      ? readPath(fields, { key: "path", pattern: COMPONENT_PATH })
      : `components/${name}.wasm`;
    const grants = fields.optionalTable("grants");
    if (fields.has("reuse")) fields.text("reuse", (reuse) => reuse === "tenant" || 'expected "tenant"');
    return [
      name,
      {
        path,
        grants: grants === undefined ? NO_PACK_GRANTS : readGrants(grants),
        ...(fields.has("reuse") ? { reuse: "tenant" as const } : {}),
      },
    ];
  });
  return new Map(entries);
}

function readGrants(table: Table): PackGrants {
  table.allow(["http", "secrets", "secrets_write", "state", "tools", "assets", "oauth", "secret_headers"]);
  const secretHeaders = readSecretHeaders(table);
  const states = ["none", "read", "read-write"] as const;
  const state = table.has("state")
    ? table.text("state", (s) => states.some((known) => known === s) || `expected one of ${states.join(", ")}`)
    : "none";
  const assets = table.has("assets") ? table.value("assets") : false;
  if (typeof assets !== "boolean") throw table.problem("assets", "PACK_SOURCE_INVALID", "expected true or false");
  return {
    http: table.texts("http", ORIGIN_PATTERN),
    secrets: table.texts("secrets"),
    secretsWrite: table.texts("secrets_write"),
    state: state as PackGrants["state"],
    tools: table.texts("tools"),
    assets,
    oauth: table.texts("oauth"),
    ...(secretHeaders.length > 0 && { secretHeaders }),
  };
}

function readSecretHeaders(grants: Table): readonly SecretHeader[] {
  return grants.tables("secret_headers").map((table) => {
    table.allow(["secret", "header", "format", "hosts"]);
    const header = {
      secret: table.text("secret"),
      header: table.text("header"),
      format: table.has("format") ? table.text("format") : "{secret}",
      hosts: table.texts("hosts"),
    };
    const problem = secretHeaderProblem(header);
    if (problem !== undefined) throw table.problem("secret", "PACK_SOURCE_INVALID", problem);
    return header;
  });
}

/** `scheme://host[:port]`, `*.` allowed in front of the host. */
export const ORIGIN_PATTERN = /^https?:\/\/(?:\*\.)?(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/** One table of the source with its path, so that every complaint has a position. */
class Table {
  readonly #document: SourceDocument;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: readonly string[];

  constructor(document: SourceDocument, value: unknown, path: readonly string[]) {
    this.#document = document;
    this.#path = path;
    if (!isTable(value))
      throw complain(document, path, {
        code: "PACK_SOURCE_INVALID",
        state: path.length === 0 ? "expected tables" : "expected a table",
      });
    this.#value = value;
  }

  allow(known: readonly string[]): this {
    const unknown = this.keys().find((key) => !known.includes(key));
    if (unknown !== undefined) throw this.#document.unknownKey([...this.#path, unknown], known);
    return this;
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key) && this.#value[key] !== undefined;
  }

  value(key: string): unknown {
    if (!this.has(key)) throw this.problem(key, "PACK_SOURCE_INVALID", "missing");
    return this.#value[key];
  }

  /** Reads text that satisfies `check`, which returns true or says what was expected. */
  text(key: string, check: (text: string) => true | string = () => true): string {
    const value = this.value(key);
    if (typeof value !== "string") throw this.problem(key, "PACK_SOURCE_INVALID", "expected text");
    const verdict = check(value);
    if (verdict !== true) throw this.problem(key, "PACK_SOURCE_INVALID", `${verdict}, got ${quote(value)}`);
    return value;
  }

  /** Reads text that a parser accepts; the parser's error gets the position. */
  checked(key: string, parse: (text: string) => unknown): string {
    const text = this.text(key);
    try {
      parse(text);
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      throw new GreenticError(error.code, error.message, {
        at: this.#document.positionOf([...this.#path, key]),
        cause: error,
      });
    }
    return text;
  }

  /** Reads a list of texts; an absent one is empty. */
  texts(key: string, pattern = /^[^\u0000-\u001f\u007f]+$/): readonly string[] {
    if (!this.has(key)) return [];
    const value = this.value(key);
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
      throw this.problem(key, "PACK_SOURCE_INVALID", "expected a list of texts");
    const wrong = value.find((item) => !pattern.test(item));
    if (wrong !== undefined)
      throw this.problem(key, "PACK_SOURCE_INVALID", `expected ${pattern.source}, got ${quote(wrong)}`);
    return value;
  }

  table(key: string, known: readonly string[]): Table {
    return new Table(this.#document, this.value(key), [...this.#path, key]).allow(known);
  }

  /** Reads a list of tables; none where the key is missing. */
  tables(key: string): readonly Table[] {
    if (!this.has(key)) return [];
    const value = this.value(key);
    if (!Array.isArray(value)) throw this.problem(key, "PACK_SOURCE_INVALID", "expected a list of tables");
    return value.map((each, index) => new Table(this.#document, each, [...this.#path, key, String(index)]));
  }

  optionalTable(key: string): Table | undefined {
    return this.has(key) && this.#value[key] !== null
      ? new Table(this.#document, this.#value[key], [...this.#path, key])
      : undefined;
  }

  checkName(key: string): void {
    if (!ENTRY_NAME.test(key))
      throw this.problem(key, "PACK_SOURCE_INVALID", `expected a name like ${ENTRY_NAME.source}, got ${quote(key)}`);
  }

  /** The table as JSON without prototypes; only what the manifest can hold. */
  json(): JsonObject {
    return this.#jsonObject(this.#value, this.#path);
  }

  problem(key: string, code: ErrorCode, state: string): GreenticError {
    return complain(this.#document, [...this.#path, key], { code, state });
  }

  problemAt(path: readonly string[], state: string): GreenticError {
    return complain(this.#document, [...this.#path, ...path], { code: "PACK_SOURCE_INVALID", state });
  }

  #jsonObject(value: Readonly<Record<string, unknown>>, path: readonly string[]): JsonObject {
    const out = Object.create(null) as Record<string, JsonValue>;
    for (const [key, inner] of Object.entries(value)) out[key] = this.#json(inner, [...path, key]);
    return out;
  }

  #json(value: unknown, path: readonly string[]): JsonValue {
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    if (Array.isArray(value)) return value.map((item) => this.#json(item, path));
    if (isTable(value)) return this.#jsonObject(value, path);
    const state =
      typeof value === "number"
        ? "the manifest holds whole numbers only: write the value as text"
        : "expected text, a whole number, true, false, a list or a table";
    throw complain(this.#document, path, { code: "PACK_SOURCE_INVALID", state });
  }
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function complain(
  document: SourceDocument,
  path: readonly string[],
  { code, state }: { readonly code: ErrorCode; readonly state: string },
): GreenticError {
  const where = path.length === 0 ? "" : ` ${path.join(".")}`;
  return new GreenticError(code, `Read pack source${where}: ${state}`, { at: document.positionOf(path) });
}
