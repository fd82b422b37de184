import { GreenticError, isJsonObject, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { NodeCall } from "./kind.ts";
import { text } from "./kind.ts";

/** JSON Schema of a card in a node's input. */
export const CARD_SCHEMA: JsonObject = {
  type: "object",
  description: "{ asset, data } for a card of the pack's assets, { inline }, or the Adaptive Card itself",
};

/** Makes the Adaptive Card that a node's `card` field asks for. @throws RUNNER_ASSET_MISSING, RUNNER_CARD_INVALID */
export function renderCard(card: JsonValue | undefined, call: NodeCall): JsonObject | undefined {
  if (card === undefined || card === null) return undefined;
  if (!isJsonObject(card)) throw invalidCard();
  const path = text(card["asset"]);
  if (path === undefined) {
    // Already rendered: the card's texts are part of the node's input.
    const inline = card["inline"] ?? card;
    if (!isJsonObject(inline)) throw invalidCard();
    return inline;
  }
  const template = call.pack.card(path);
  if (template === undefined) {
    throw new GreenticError("RUNNER_ASSET_MISSING", `Render card: the pack has no asset ${quote(path)}`);
  }
  const rendered = template.render(call.scope, card["data"]);
  if (!isJsonObject(rendered)) throw invalidCard();
  return rendered;
}

function invalidCard(): GreenticError {
  return new GreenticError("RUNNER_CARD_INVALID", "Render card: expected an Adaptive Card object, got something else");
}
