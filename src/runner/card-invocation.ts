import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";

/** Tells whether a node's input asks a card component for a card. @see upstream reference §1.9 */
export function isCardInvocation(input: JsonValue): input is JsonObject {
  return isJsonObject(input) && ("card_source" in input || "card_spec" in input);
}

/**
 * Does the host's part of a public card node: the card's asset is put into the input, since the component can't read the pack, and
 * so are the pack's texts.
 */
export function prepareCard(input: JsonObject, pack: LoadedPack): JsonObject {
  const spec = isJsonObject(input["card_spec"]) ? input["card_spec"] : {};
  const path = spec["asset_path"];
  const card = spec["inline_json"] === undefined && typeof path === "string" ? readCard(pack, path) : undefined;
  const texts =
    spec["i18n_inline"] === undefined && Object.keys(pack.texts).length > 0 ? { i18n_inline: pack.texts } : {};
  if (card === undefined) return { ...input, card_spec: { ...spec, ...texts } };
  return { ...input, card_source: "inline", card_spec: { ...spec, ...texts, inline_json: card } };
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
