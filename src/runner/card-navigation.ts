import { mcpCallOf } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
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
 * Finds out where a message asks to go within a flow: to a card, and only to one that a card of the pack, or the one on show, leads to.
 * What people send is theirs to choose: no node but a card can be named so, and no card that the author never linked.
 */
export function navigationOf(
  message: ChannelMessageEnvelope | undefined,
  from: {
    readonly flow: LoadedFlow;
    readonly pack: LoadedPack;
    /** Where the flow waits, or starts. */
    readonly at: string;
    /** The output of the card on show. */
    readonly shown?: JsonValue | undefined;
  },
): Navigation | undefined {
  // Programs that call a flow have arguments, not buttons.
  if (mcpCallOf(message) !== undefined) return undefined;
  const submitted = submittedValues(message);
  const id = TARGET_KEYS.map((key) => submitted[key]).find((value) => typeof value === "string" && value !== "");
  if (typeof id !== "string") return undefined;
  const { flow, pack, at, shown } = from;
  if (!linkedCards(pack).has(id) && !targetsIn(shown ?? null).has(id)) return undefined;
  const node = flow.nodes.get(id);
  if (node !== undefined && isCardCall(node)) return { kind: "node", node: id };
  const waiting = flow.nodes.get(at);
  if (waiting === undefined || !isCardCall(waiting)) return undefined;
  const asset = cardAssetOf(pack, id);
  return asset === undefined ? undefined : { kind: "card", asset };
}

const MAX_CARD_BYTES = 256 * 1024;
const linked = new WeakMap<LoadedPack, ReadonlySet<string>>();

/** The cards that any card of a pack leads to; found once per pack, when first somebody asks. */
function linkedCards(pack: LoadedPack): ReadonlySet<string> {
  const known = linked.get(pack);
  if (known !== undefined) return known;
  const found = new Set<string>();
  for (const flow of pack.flows.values())
    for (const { compiled } of flow.nodes.values()) for (const id of targetsIn(compiled.ir.input)) found.add(id);
  for (const { path, sizeBytes } of pack.assets) {
    if (!path.endsWith(".json") || sizeBytes > MAX_CARD_BYTES) continue;
    for (const id of targetsIn(readJson(pack.asset(path)))) found.add(id);
  }
  linked.set(pack, found);
  return found;
}

function readJson(bytes: Uint8Array | undefined): JsonValue {
  try {
    return bytes === undefined ? null : parseJson(bytes);
  } catch {
    // Not every .json of a pack is; this one leads nowhere.
    return null;
  }
}

/** The ids that the actions of a document lead to. */
function targetsIn(document: JsonValue): ReadonlySet<string> {
  const found = new Set<string>();
  const pending: JsonValue[] = [document];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== "object" || value === null) continue;
    if (isJsonObject(value)) {
      for (const key of TARGET_KEYS) {
        const id = value[key];
        if (typeof id === "string") found.add(id);
      }
    }
    for (const inner of Object.values(value)) pending.push(inner);
  }
  return found;
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
