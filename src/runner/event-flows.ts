import { isJsonObject } from "../types/index.ts";
import type { ChannelMessageEnvelope, JsonObject } from "../types/index.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import { requestOf } from "./own-envelope.ts";

/** Kinds of work that events start; public packs write all three. */
const EVENT_TYPES: ReadonlySet<string> = new Set(["event", "events", "pubsub"]);
const ENTRYPOINT = "event:";
/** Events that lead to events that lead to events: how many, before it is taken for a circle. */
export const MAX_EVENT_HOPS = 16;

/** A published event in the attributes of CloudEvents 1.0; `greentichops` counts the events that led to it. */
export interface FlowEvent extends JsonObject {
  readonly specversion: "1.0";
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: JsonObject[string];
  readonly greentichops: number;
}

/** A flow that an event starts, and where. */
interface Subscriber {
  readonly pack: LoadedPack;
  readonly flow: LoadedFlow;
  /** Absent for the flow's start. */
  readonly entry?: string;
}

/**
 * Finds the flows that an event starts: of type `events`, with an entrypoint `event:<type>`, `event:<prefix>.*` or `event:*`, the
 * most exact one; or without any such entrypoint and named like the type.
 */
export function subscribersOf(packs: readonly LoadedPack[], type: string, team: string): readonly Subscriber[] {
  const found: Subscriber[] = [];
  for (const pack of packs) {
    for (const flow of new Set(pack.flows.values())) {
      const { ir } = flow.compiled;
      if (!EVENT_TYPES.has(ir.type) || ir.start === undefined || !pack.allows(team, flow.id, ir.start)) continue;
      const names = [...ir.entrypoints.keys()].filter((name) => name.startsWith(ENTRYPOINT));
      const entry = names
        .filter((name) => matchesType(name.slice(ENTRYPOINT.length), type))
        .sort((a, b) => b.length - a.length)[0];
      if (entry !== undefined) found.push({ pack, flow, entry });
      else if (names.length === 0 && flow.id === type) found.push({ pack, flow });
    }
  }
  return found;
}

function matchesType(pattern: string, type: string): boolean {
  if (pattern === "*" || pattern === type) return true;
  return pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1));
}

/** The event that started a message's flow; undefined where none did. */
export function eventOf(message: ChannelMessageEnvelope | undefined): FlowEvent | undefined {
  const event = requestOf(message).event;
  return event !== undefined && isJsonObject(event) ? (event as FlowEvent) : undefined;
}
