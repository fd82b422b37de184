import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import type { DraftDestination } from "./kind.ts";
import { print, text as textOr } from "./kind.ts";

const MAX_DESTINATIONS = 100;

/** What a destination may be. */
const DESTINATIONS = ["chat", "user", "phone", "room", "channel", "email"] as const;

/** Reads a node's `to`: an id, { id, channel, kind }, or a list of them. @throws RUNNER_INPUT_INVALID */
export function destinations(to: JsonValue): readonly DraftDestination[] {
  const list = Array.isArray(to) ? to : [to];
  if (list.length === 0 || list.length > MAX_DESTINATIONS)
    throw new GreenticError("RUNNER_INPUT_INVALID", `Read "to": expected 1 to ${MAX_DESTINATIONS} destinations`);
  return list.map((one: JsonValue) => {
    const given = isJsonObject(one) ? one : { id: one };
    const id = print(given["id"]);
    if (id === "") throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "to": expected the id of a conversation');
    const channel = textOr(given["channel"]);
    const kind = DESTINATIONS.find((known) => known === given["kind"]);
    return { id, ...(kind === undefined ? {} : { kind }), ...(channel === undefined ? {} : { channel }) };
  });
}
