import { mcpCallOf } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import { cardAssetOf, isCardInvocation } from "./card-invocation.ts";
import { fields } from "./kinds/kind.ts";
import type { LoadedFlow, LoadedNode, LoadedPack } from "./loaded-pack.ts";
import { submittedValues } from "./submitted-values.ts";

/** Where a submitted card asks to go: to a node, or to another card in the node's place. */
export type Navigation =
  | { readonly kind: "node"; readonly node: string }
  | { readonly kind: "card"; readonly asset: string };

const TARGET_KEYS = ["routeToCardId", "toCardId", "nextCardId"] as const;
/** Members of a submission that steer; everything else is an answer. @see upstream reference §1.9 */
const PROTOCOL: ReadonlySet<string> = new Set([
  ...TARGET_KEYS,
  "cardId",
  "card_id",
  "cardInstanceId",
  "card_instance_id",
  "action",
  "actionId",
  "action_id",
  "verb",
  "step",
  "flow",
  "msteams",
]);
/** What providers note about any message where they flatten a submission into its metadata. */
const STAMPED: ReadonlySet<string> = new Set([
  "universal",
  "tenant",
  "team",
  "route",
  "tenant_channel_id",
  "user_id",
  "from",
  "chat_id",
  "locale",
  "timezone",
  "callback_data",
  "callback_query_id",
]);

/**
 * Finds out where a message asks to go within a flow. A person chooses among cards and the ways out of where the flow waits, never
 * any node: what a flow guards by its routes stays guarded.
 */
export function navigationOf(
  message: ChannelMessageEnvelope | undefined,
  from: { readonly flow: LoadedFlow; readonly pack: LoadedPack; readonly at: string | undefined },
): Navigation | undefined {
  // Programs that call a flow have arguments, not buttons.
  if (mcpCallOf(message) !== undefined) return undefined;
  const submitted = submittedValues(message);
  const id = TARGET_KEYS.map((key) => submitted[key]).find((value) => typeof value === "string" && value !== "");
  if (typeof id !== "string") return undefined;
  const { flow, pack, at } = from;
  const node = flow.nodes.get(id);
  const waiting = at === undefined ? undefined : flow.nodes.get(at);
  const isWayOut = waiting?.compiled.ir.routing.some(({ target }) => target.kind === "node" && target.node === id);
  if (node !== undefined && (isCardCall(node) || isWayOut === true)) return { kind: "node", node: id };
  if (waiting === undefined || !isCardCall(waiting)) return undefined;
  const asset = cardAssetOf(pack, id);
  return asset === undefined ? undefined : { kind: "card", asset };
}

/** Tells whether a node calls a card component; such a node isn't rendered again when its guards wait for a submission. */
export function isCardCall(node: LoadedNode): boolean {
  if (node.kind.isComponent !== true) return false;
  const { input } = node.compiled.ir;
  const config = fields(input)["config"];
  return isCardInvocation(input, config) || (isJsonObject(input) && isCardInvocation(input["input"] ?? null, config));
}

/** The fields that a card was submitted with, without what steers; `answer_fields` of the node says which it wants. */
export function answersTo(node: LoadedNode, message: ChannelMessageEnvelope | undefined): JsonObject {
  const { input } = node.compiled.ir;
  const wanted = fieldsWanted(
    fields(input)["answer_fields"] ?? fields(fields(input)["input"] ?? null)["answer_fields"],
  );
  const submitted = submittedValues(message);
  const isFlattened = submitted === message?.metadata;
  return Object.fromEntries(
    Object.entries(submitted).filter(([key]) =>
      wanted === undefined ? !PROTOCOL.has(key) && !(isFlattened && STAMPED.has(key)) : wanted.has(key),
    ),
  );
}

function fieldsWanted(value: JsonValue | undefined): ReadonlySet<string> | undefined {
  return Array.isArray(value) ? new Set(value.filter((item: JsonValue) => typeof item === "string")) : undefined;
}
