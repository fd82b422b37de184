import type { JsonValue, SourcePosition } from "../types/index.ts";
import type { CompiledJsonTemplate } from "./compiled.ts";
import { compilePath, follow, formatPath, parsePath, stepInto } from "./path.ts";
import type { Path } from "./path.ts";
import type { FlowScope } from "./scope.ts";
import type { TemplateReference } from "./template-expression.ts";
import { compileTemplate } from "./template.ts";
import type { TextTemplate } from "./template.ts";
import { onlyTag } from "./template-source.ts";

/** A JSON template with what its strings refer to, for `doctor`. */
export interface JsonTemplate extends CompiledJsonTemplate {
  readonly references: readonly PlacedReference[];
}

/** A reference and the string that holds it, as a JSON pointer from the document's root. */
interface PlacedReference {
  readonly reference: TemplateReference;
  readonly pointer: string;
}

/** What to know about a JSON document to compile it. */
export interface JsonTemplateOptions {
  /** Where a string stands, by JSON pointer from the document's root. */
  readonly locate?: (pointer: string) => SourcePosition | undefined;
  /** Called with each string before it is read; public flows replace `parameters.<path>` so. */
  readonly substitute?: (text: string) => JsonValue;
  /** Reads a text that is a JSON pointer as the value there; what points at nothing stays a text. */
  readonly readsPointers?: boolean;
  /** Given what a string's compilation throws; without it the first error is thrown. */
  readonly onError?: (error: unknown) => void;
}

type Render = (scope: FlowScope, data: JsonValue | undefined) => JsonValue;
type Compiled =
  | { readonly kind: "static"; readonly value: JsonValue }
  | { readonly kind: "dynamic"; readonly render: Render };

/**
 * Compiles a JSON document whose strings may be templates. What holds none is frozen and shared between renderings, so a
 * document without templates costs nothing.
 * @throws FLOW_TEMPLATE_INVALID
 */
export function compileJsonTemplate(document: JsonValue, options: JsonTemplateOptions = {}): JsonTemplate {
  const references: PlacedReference[] = [];
  const compiled = compileValue(document, { pointer: "", references, options });
  if (compiled.kind === "static") {
    const { value } = compiled;
    return { isStatic: true, render: () => value, references };
  }
  return { isStatic: false, render: (scope, data) => compiled.render(scope, data), references };
}

interface Place {
  readonly pointer: string;
  readonly references: PlacedReference[];
  readonly options: JsonTemplateOptions;
}

function compileValue(value: JsonValue, place: Place): Compiled {
  if (typeof value === "string") return compileString(value, place);
  if (typeof value !== "object" || value === null) return { kind: "static", value };
  return Array.isArray(value) ? compileList(value, place) : compileMap(Object.entries(value), place);
}

function compileString(source: string, place: Place): Compiled {
  const text = place.options.substitute?.(source) ?? source;
  if (typeof text !== "string") return { kind: "static", value: deepFreeze(text) };
  if (!text.includes("{{")) {
    const pointed = place.options.readsPointers === true ? pointerPath(text) : undefined;
    return pointed === undefined
      ? { kind: "static", value: text }
      : { kind: "dynamic", render: renderPointer(pointed, text) };
  }
  const tag = onlyTag(text);
  const path = tag === undefined ? undefined : parsePath(tag);
  if (path !== undefined) {
    place.references.push({ reference: { kind: "path", path, isOptional: false }, pointer: place.pointer });
    return { kind: "dynamic", render: renderPath(path) };
  }
  if (tag === "this") return { kind: "dynamic", render: (_scope, data) => data ?? null };
  const template = compileText(text, place);
  if (template === undefined) return { kind: "static", value: text };
  for (const reference of template.references) place.references.push({ reference, pointer: place.pointer });
  return { kind: "dynamic", render: template.render };
}

function compileText(text: string, { pointer, options }: Place): TextTemplate | undefined {
  try {
    return compileTemplate(text, options.locate?.(pointer));
  } catch (error) {
    if (options.onError === undefined) throw error;
    options.onError(error);
    return undefined;
  }
}

function renderPath(path: Path): Render {
  const read = compilePath(path);
  const first = path[0] as string;
  return (scope, data) => {
    const value = stepInto(data, first) === undefined ? read(scope) : follow(data, path, 0);
    if (value !== undefined) return value;
    scope.warn("FLOW_PATH_UNKNOWN", formatPath(path));
    return null;
  };
}

/** The path of a text that is a JSON pointer (RFC 6901) to something named. */
function pointerPath(text: string): Path | undefined {
  if (!/^(?:\/[^/\s]+)+$/.test(text)) return undefined;
  return text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function renderPointer(path: Path, text: string): Render {
  const read = compilePath(path);
  const first = path[0] as string;
  return (scope, data) => (stepInto(data, first) === undefined ? read(scope) : follow(data, path, 0)) ?? text;
}

function compileList(list: readonly JsonValue[], place: Place): Compiled {
  const items = list.map((item, i) => compileValue(item, { ...place, pointer: `${place.pointer}/${i}` }));
  if (items.every((item) => item.kind === "static")) {
    return { kind: "static", value: Object.freeze(items.map((item) => item.value)) };
  }
  return {
    kind: "dynamic",
    render: (scope, data) => items.map((item) => (item.kind === "static" ? item.value : item.render(scope, data))),
  };
}

function compileMap(entries: readonly (readonly [string, JsonValue])[], place: Place): Compiled {
  const members = entries.map(([key, value]) => ({
    key,
    ...compileValue(value, { ...place, pointer: `${place.pointer}/${escapePointer(key)}` }),
  }));
  const base: Record<string, JsonValue> = {};
  for (const member of members) setOwn(base, member.key, member.kind === "static" ? member.value : null);
  const dynamic = members.filter((member) => member.kind === "dynamic");
  if (dynamic.length === 0) return { kind: "static", value: Object.freeze(base) };
  // The spread copies the shared parts and fixes the order of keys; only what changes is written again.
  return {
    kind: "dynamic",
    render: (scope, data) => {
      const made = { ...base };
      for (const { key, render } of dynamic) {
        if (key === "__proto__") setOwn(made, key, render(scope, data));
        else made[key] = render(scope, data);
      }
      return made;
    },
  };
}

/** Sets a member as data, `__proto__` too. */
function setOwn(target: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}

/** Escapes one step of a JSON pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Freezes a JSON value and all that it holds. */
export function deepFreeze(value: JsonValue): JsonValue {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}
