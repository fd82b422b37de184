import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import type { NodeIr } from "./ir.ts";
import { escapePointer } from "./json-template.ts";

/** What the pack around a flow holds; what isn't given isn't judged. */
export interface PackNames {
  /** Component ids of the pack and its dependencies. */
  readonly components?: ReadonlySet<string>;
  readonly tools?: ReadonlySet<string>;
  /** Paths in the pack. */
  readonly assets?: ReadonlySet<string>;
  /** Capabilities that the pack provides; providers are found by them. */
  readonly provides?: ReadonlySet<string>;
}

interface NameCheck {
  readonly options: PackNames;
  readonly findings: Findings;
  /** The place of a value of the node's input. */
  readonly locate: (pointer: string) => SourcePosition;
}

/** Checks that tools, components, assets and providers that a node names are there; names that are templates can't be judged. */
export function checkPackNames(node: NodeIr, check: NameCheck): void {
  checkValue(node.input, { ...check, node, pointer: "" });
  if (node.kind === "llm.chat" && isJsonObject(node.input)) checkChatTools(node.input["tools"], { ...check, node });
  if (node.kind === "provider.invoke" && isJsonObject(node.input)) checkProvider(node.input, { ...check, node });
}

interface ValueCheck extends NameCheck {
  readonly node: NodeIr;
  readonly pointer: string;
}

function checkValue(value: JsonValue, from: ValueCheck): void {
  if (Array.isArray(value)) {
    value.forEach((item: JsonValue, i) => checkValue(item, { ...from, pointer: `${from.pointer}/${i}` }));
    return;
  }
  if (!isJsonObject(value)) return;
  const registry = value["asset_registry"];
  for (const [key, item] of Object.entries(value)) {
    const pointer = `${from.pointer}/${escapePointer(key)}`;
    if (typeof item !== "string") checkValue(item, { ...from, pointer });
    // A name of a card's own registry isn't a path.
    else if (key === "asset_path" && registry !== undefined && isJsonObject(registry) && item in registry) continue;
    else if (!item.includes("{{")) checkName(item, { ...from, pointer, key });
  }
}

function checkName(name: string, from: ValueCheck & { readonly key: string }): void {
  const { node, pointer, key, findings } = from;
  const { assets, components, tools } = from.options;
  const place = { at: from.locate(pointer), node: node.id };
  const isTop = pointer.lastIndexOf("/") === 0;
  const isSpec = isTop && key === "spec_ref" && (node.kind === "describe" || node.kind === "emit");
  const isAsset = key === "asset" || key === "asset_path" || isSpec;
  if (assets !== undefined && isAsset && !assets.has(name) && !assets.has(`assets/${name}`)) {
    findings.add("FLOW_ASSET_MISSING", `Check pack: no asset ${quote(name)}${didYouMean(name, assets)}`, place);
  }
  if (tools !== undefined && isTop && node.kind === "tool.invoke" && key === "tool" && !tools.has(name)) {
    findings.add("FLOW_TOOL_MISSING", `Check pack: no tool ${quote(name)}${didYouMean(name, tools)}`, place);
  }
  const isComponent = isTop && node.kind === "component.exec" && (key === "component" || key === "component_ref");
  if (components !== undefined && isComponent && !components.has(name)) {
    findings.add(
      "FLOW_COMPONENT_MISSING",
      `Check pack: no component ${quote(name)}${didYouMean(name, components)}`,
      place,
    );
  }
}

/** The tools that a model may have called. */
function checkChatTools(listed: JsonValue | undefined, from: NameCheck & { readonly node: NodeIr }): void {
  const { tools } = from.options;
  if (tools === undefined || !Array.isArray(listed)) return;
  for (const [i, name] of (listed as readonly JsonValue[]).entries()) {
    if (typeof name !== "string" || name.includes("{{") || tools.has(name)) continue;
    from.findings.add("FLOW_TOOL_MISSING", `Check pack: no tool ${quote(name)}${didYouMean(name, tools)}`, {
      at: from.locate(`/tools/${i}`),
      node: from.node.id,
    });
  }
}

const PROVIDER_KEYS = ["provider_id", "provider_type", "provider"] as const;

/** A provider may be another pack's, so that one isn't here is a warning. */
function checkProvider(input: JsonObject, from: NameCheck & { readonly node: NodeIr }): void {
  const { components, provides } = from.options;
  if (components === undefined || provides === undefined) return;
  const keys = PROVIDER_KEYS.filter((key) => typeof input[key] === "string");
  const names = keys.map((key) => input[key] as string);
  if (names.length === 0 || names.some((name) => name.includes("{{") || components.has(name) || provides.has(name)))
    return;
  const hint = didYouMean(names[0] ?? "", [...components, ...provides]);
  from.findings.add(
    "FLOW_PROVIDER_MISSING",
    `Check pack: it has no provider ${names.map(quote).join(" or ")}; another pack of the team must${hint}`,
    { at: from.locate(`/${keys[0] ?? ""}`), node: from.node.id, severity: "warning" },
  );
}
