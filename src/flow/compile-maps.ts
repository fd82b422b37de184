import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import { compileJsonTemplate } from "./json-template.ts";
import type { JsonTemplate, JsonTemplateOptions } from "./json-template.ts";
import type { KindSpec } from "./kind-spec.ts";
import type { FlowScope } from "./scope.ts";

/**
 * A node's mappings: `in_map` makes what goes in and sees `input`; `out_map` makes the output and sees `result`; `err_map` makes a
 * failure's output and sees `error` and `result`. Values may be JSON pointers, `/result/id`, as public flows write them.
 * @see upstream reference §1.6, provider.invoke
 */
export interface NodeMaps {
  readonly in?: JsonTemplate;
  readonly out?: JsonTemplate;
  readonly err?: JsonTemplate;
}

/** Names that mappings see beside every value's roots. */
export const MAP_ROOTS: ReadonlySet<string> = new Set(["input", "result", "error"]);

const FIELDS = ["in_map", "out_map", "err_map"] as const;
type Field = (typeof FIELDS)[number];
const NONE: NodeMaps = Object.freeze({});

/** Compiles a node's mappings, from beside its operation key or, where the kind takes them there, from its input. */
export function compileMaps(
  flow: FlowIr,
  from: {
    readonly node: NodeIr;
    readonly spec: KindSpec | undefined;
    readonly onError?: JsonTemplateOptions["onError"];
  },
): NodeMaps {
  const { node, spec } = from;
  const inner = spec?.mapsInInput === true && isJsonObject(node.input) ? node.input : undefined;
  const compile = (own: JsonValue | undefined, field: Field): JsonTemplate | undefined => {
    const source = own ?? inner?.[field];
    // An empty map is how compiled flows spell none.
    if (source === undefined || source === null) return undefined;
    if (isJsonObject(source) && Object.keys(source).length === 0) return undefined;
    const base = own === undefined ? `/nodes/${node.id}/input/${field}` : `/nodes/${node.id}/${field}`;
    return compileJsonTemplate(source, {
      locate: (pointer): SourcePosition => flow.positions.get(base + pointer) ?? node.at,
      readsPointers: true,
      ...(from.onError === undefined ? {} : { onError: from.onError }),
    });
  };
  const made = {
    in: compile(node.inMap, "in_map"),
    out: compile(node.outMap, "out_map"),
    err: compile(node.errMap, "err_map"),
  };
  if (made.in === undefined && made.out === undefined && made.err === undefined) return NONE;
  return Object.fromEntries(Object.entries(made).filter(([, map]) => map !== undefined));
}

/** A node's input without the mappings that stand in it. */
export function withoutMaps(input: JsonValue, spec: KindSpec | undefined): JsonValue {
  if (spec?.mapsInInput !== true || !isJsonObject(input) || !FIELDS.some((field) => field in input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([key]) => !(FIELDS as readonly string[]).includes(key)));
}

/**
 * Puts a node's `in_map` before its input: where the input addresses what is called, the map makes what it is called with, else
 * the whole input.
 */
export function renderMappedInput(
  render: (scope: FlowScope) => JsonValue,
  from: { readonly map: JsonTemplate; readonly argument: string | undefined },
): (scope: FlowScope) => JsonValue {
  const { map, argument } = from;
  return (scope) => {
    const input = render(scope);
    const fields: JsonObject = isJsonObject(input) ? input : {};
    if (argument === undefined) return map.render(scope, { input, result: input });
    const given = fields[argument] ?? null;
    return { ...fields, [argument]: map.render(scope, { input: given, result: given }) };
  };
}
