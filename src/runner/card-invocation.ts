/**
 * The host's part of a public card node. A card component can't read the pack, so before the call
 *   config defaults        → card_source, card_spec        (default_source, default_card_asset, default_card_inline)
 *   asset or catalog name  → card_spec.inline_json          (asset_path, asset_registry, catalog_name)
 *   the pack's texts       → card_spec.i18n_inline, and into the card's own {{i18n:key}} tokens
 *   who and where          → locale, node_id, session, state, payload, unless the node says them
 * @see upstream reference §1.9 and Appendix C
 */
import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
import type { NodeCall } from "./kinds/kind.ts";
import { fields, text } from "./kinds/kind.ts";
import type { LoadedPack } from "./loaded-pack.ts";

const TOKEN = /\{\{\s*i18n:\s*([^{}\s]+)\s*\}\}/g;
const MAX_DEPTH = 64;

/** Tells whether a node's input asks a card component for a card; the defaults of its configuration may be all that asks. */
export function isCardInvocation(input: JsonValue, config?: JsonValue): boolean {
  if (isJsonObject(input) && ("card_source" in input || "card_spec" in input)) return true;
  return isJsonObject(defaultsOf(input, config) ?? null);
}

/** Completes a card invocation for its component; undefined where the input is none. */
export function cardInvocationOf(
  input: JsonValue,
  from: { readonly config: JsonValue | undefined; readonly call: NodeCall },
): JsonObject | undefined {
  if (!isCardInvocation(input, from.config)) return undefined;
  const { call } = from;
  const asked = withDefaults(fields(input), defaultsOf(input, from.config));
  const locale = text(asked["locale"]) ?? call.scope.locale;
  const nested = fields(asked["call"] ?? null);
  const copy = nested["payload"];
  const { prev } = call.scope;
  return {
    node_id: call.node.id,
    session: call.scope.session,
    state: call.scope.state,
    ...(isJsonObject(prev) && !("payload" in asked) ? { payload: prev } : {}),
    ...withCard(asked, { locale, call }),
    locale,
    // Generators put the same invocation there once more.
    ...(copy !== undefined && isJsonObject(copy) && isCardInvocation(copy)
      ? { call: { ...nested, payload: withCard(copy, { locale, call }) } }
      : {}),
  };
}

/** The configuration that stands in for a card invocation, where there is one. */
function defaultsOf(input: JsonValue, config: JsonValue | undefined): JsonObject | undefined {
  const own = isJsonObject(input) ? input["config"] : undefined;
  for (const one of [config, own]) {
    if (one === undefined || !isJsonObject(one)) continue;
    if ("default_card_asset" in one || "default_card_inline" in one || "default_source" in one) return one;
  }
  return undefined;
}

function withDefaults(input: JsonObject, defaults: JsonObject | undefined): JsonObject {
  if (defaults === undefined || "card_source" in input || "card_spec" in input) return input;
  const asset = text(defaults["default_card_asset"]);
  const inline = defaults["default_card_inline"];
  const source = text(defaults["default_source"])?.toLowerCase() ?? (inline === undefined ? "asset" : "inline");
  const spec: JsonObject =
    source === "inline" ? { inline_json: inline ?? null } : asset === undefined ? {} : { asset_path: asset };
  return { ...input, card_source: source, card_spec: spec };
}

function withCard(input: JsonObject, from: { readonly locale: string; readonly call: NodeCall }): JsonObject {
  const { locale, call } = from;
  const { pack } = call;
  const { inline_json: given, ...spec } = fields(input["card_spec"] ?? null);
  const bundles = bundlesOf(pack, { locale, path: text(spec["i18n_bundle_path"]) });
  const texts = spec["i18n_inline"] === undefined && Object.keys(bundles).length > 0 ? { i18n_inline: bundles } : {};
  const path = call.cardAsset ?? (given === undefined || given === null ? assetPathOf(input, spec) : undefined);
  const read = path === undefined ? undefined : readCard(pack, path);
  const card = read ?? parseInline(given);
  if (card === undefined || card === null) return { ...input, card_spec: { ...spec, ...texts } };
  const { asset_path: _asset, ...rest } = spec;
  const inline = translateTokens(card, { translate: (key) => pack.translate(locale, key), depth: 0 });
  return {
    ...input,
    card_source: "inline",
    card_spec: { ...(read === undefined ? spec : rest), ...texts, inline_json: inline },
  };
}

/** A card may stand in the flow as the text of its JSON; what isn't JSON is the component's to judge. */
function parseInline(given: JsonValue | undefined): JsonValue | undefined {
  if (typeof given !== "string") return given;
  try {
    return parseJson(given);
  } catch {
    return given;
  }
}

/** The asset that the invocation names: by path, by a name of its registry, or by a name of the pack's cards. */
function assetPathOf(input: JsonObject, spec: JsonObject): string | undefined {
  const registry = fields(spec["asset_registry"] ?? null);
  const asset = text(spec["asset_path"]);
  if (asset !== undefined) return text(registry[asset]) ?? asset;
  const name = text(spec["catalog_name"]);
  if (name === undefined || text(input["card_source"])?.toLowerCase() !== "catalog") return undefined;
  return text(registry[name]) ?? `assets/cards/${name}.json`;
}

/** Finds the asset of a card by its id, as navigation names it. */
export function cardAssetOf(pack: LoadedPack, id: string): string | undefined {
  if (!/^[A-Za-z0-9_][\w.-]{0,127}$/.test(id)) return undefined;
  const path = `assets/cards/${id}.json`;
  return pack.asset(path) === undefined ? undefined : path;
}

function readCard(pack: LoadedPack, path: string): JsonValue | undefined {
  const bytes = pack.asset(path) ?? pack.asset(path.replace(/^\/?assets\//, ""));
  if (bytes === undefined) return undefined;
  try {
    return parseJson(bytes);
  } catch {
    // The component reports a card that it can't read in its own words.
    return undefined;
  }
}

/** Texts by locale: the person's own language with all that it falls back to, its plain language, and English. */
function bundlesOf(
  pack: LoadedPack,
  from: { readonly locale: string; readonly path: string | undefined },
): Readonly<Record<string, JsonObject>> {
  const { locale, path } = from;
  const bundle = (name: string): JsonObject => {
    const own = path === undefined || path.endsWith(".json") ? undefined : readCard(pack, `${path}/${name}.json`);
    return fields(own ?? Object.entries(pack.texts).find(([tag]) => sameTag(tag, name))?.[1] ?? null);
  };
  const single = path?.endsWith(".json") === true ? fields(readCard(pack, path) ?? null) : {};
  const english = { ...bundle("en"), ...single };
  const language = locale.split("-", 1)[0] ?? "en";
  const plain = language === "en" ? english : bundle(language);
  const exact = { ...english, ...plain, ...(locale === language ? {} : bundle(locale)) };
  const made = { en: english, [language]: { ...english, ...plain }, [locale]: exact };
  return Object.fromEntries(Object.entries(made).filter(([, texts]) => Object.keys(texts).length > 0));
}

function sameTag(one: string, other: string): boolean {
  return one.replaceAll("_", "-").toLowerCase() === other.replaceAll("_", "-").toLowerCase();
}

/** Puts the pack's texts in the place of a card's tokens; older card components would show the keys. */
function translateTokens(
  value: JsonValue,
  from: { readonly translate: (key: string) => string | undefined; readonly depth: number },
): JsonValue {
  const { translate, depth } = from;
  if (depth > MAX_DEPTH) return value;
  if (typeof value === "string")
    return value.includes("i18n:") ? value.replace(TOKEN, (token, key: string) => translate(key) ?? token) : value;
  if (typeof value !== "object" || value === null) return value;
  const inner = { translate, depth: depth + 1 };
  if (Array.isArray(value)) return value.map((item: JsonValue) => translateTokens(item, inner));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, translateTokens(item, inner)]));
}
