import { hash } from "node:crypto";
import type { ScheduleIr } from "../flow/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import { requestOf } from "./own-envelope.ts";

/** The kind of work of flows that start by themselves. */
const TIMER_TYPE = "timer";

/** A schedule of a flow, as all workers of a host see it alike. */
export interface Scheduled {
  readonly pack: LoadedPack;
  readonly flow: LoadedFlow;
  readonly schedule: ScheduleIr;
  /** Names the schedule within its flow, the same in every version that has it. */
  readonly id: string;
}

/** One firing, as its message carries it. */
export interface Firing extends JsonObject {
  readonly id: string;
  /** When it was due, milliseconds since the epoch. */
  readonly at: number;
}

/** Lists the schedules of packs whose flows a team reaches. */
export function schedulesOf(packs: readonly LoadedPack[], team: string): readonly Scheduled[] {
  return packs.flatMap((pack) =>
    [...new Set(pack.flows.values())].flatMap((flow) => {
      const { ir } = flow.compiled;
      if (ir.type !== TIMER_TYPE || ir.start === undefined || !pack.allows(team, flow.id, ir.start)) return [];
      return (ir.schedules ?? []).map((schedule) => ({ pack, flow, schedule, id: nameOf(schedule) }));
    }),
  );
}

/** The session's conversation of a flow that starts by itself. */
export function conversationOfFlow({ pack, flow }: Pick<Scheduled, "pack" | "flow">): string {
  return `cron-${hash("sha256", `${pack.name}\n${flow.id}`, "hex").slice(0, 32)}`;
}

function nameOf({ cron, zone = "UTC", entry = "" }: ScheduleIr): string {
  return hash("sha256", `${cron}\n${zone}\n${entry}`, "hex").slice(0, 12);
}

/** The firing that a message is; undefined for every other message. */
export function firingOf(message: ChannelMessageEnvelope | undefined): Firing | undefined {
  const firing = requestOf(message)["firing"];
  return firing !== undefined && isJsonObject(firing) && typeof firing["at"] === "number"
    ? (firing as Firing)
    : undefined;
}

/** Whether a message only says since when a schedule is known; nothing runs. */
export function isBaseline(message: ChannelMessageEnvelope | undefined): boolean {
  return firingOf(message) !== undefined && requestOf(message)["choice"] === undefined;
}

/** When each schedule of a flow's session fired last, by its id. */
export type LastFired = Readonly<Record<string, number>>;

const NEVER: LastFired = Object.freeze({});

/** Reads when the schedules of a session fired last. */
export function lastFired(snapshot: JsonValue | undefined): LastFired {
  const fired = snapshot !== undefined && isJsonObject(snapshot) ? snapshot["fired"] : undefined;
  return fired !== undefined && isJsonObject(fired) ? (fired as LastFired) : NEVER;
}

/** How long a firing's name is remembered; what fired last is remembered for good. */
export const FIRING_TTL_MS = 2 * 86_400_000;

/**
 * Tells whether a firing comes from a worker that was away for so long that its name is forgotten: the session knows that later ones
 * have fired. A firing of now is none, even where a wrong clock fired later ones.
 */
export function isStale(firing: Firing | undefined, fired: LastFired, nowMs: number): boolean {
  return firing !== undefined && firing.at <= (fired[firing.id] ?? 0) && firing.at < nowMs - FIRING_TTL_MS;
}

/** Adds a firing; time that went back takes none away. */
export function withFiring(fired: LastFired, firing: Firing | undefined): LastFired {
  if (firing === undefined || (fired[firing.id] ?? 0) >= firing.at) return fired;
  return { ...fired, [firing.id]: firing.at };
}
