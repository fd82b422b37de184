import { hash } from "node:crypto";
import type { CatchUp, ScheduleIr } from "../flow/index.ts";
import type { Provider, ProviderTimer } from "../messaging/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import type { Times } from "./cron.ts";
import { handEventOver } from "./hand-over.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import type { OwnRequest } from "./own-envelope.ts";
import { requestOf } from "./own-envelope.ts";

/** The kind of work of flows that start by themselves. */
const TIMER_TYPE = "timer";

/** Something that comes by itself, as all workers of a host see it alike. */
export interface Scheduled {
  /** The session's conversation that remembers its firings. */
  readonly conversation: string;
  /** Names it within its conversation, the same in every version that has it. */
  readonly id: string;
  readonly times: Times;
  readonly catchUp: CatchUp;
  /** What its firing at an instant asks for. */
  readonly requestAt: (atMs: number) => Pick<OwnRequest, "choice" | "handOver">;
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
      return (ir.schedules ?? []).map((schedule) => scheduledFlow(pack, flow, schedule));
    }),
  );
}

function scheduledFlow(pack: LoadedPack, flow: LoadedFlow, { cron, zone, entry, catchUp }: ScheduleIr): Scheduled {
  const choice = { pack: pack.name, flow: flow.id, ...(entry === undefined ? {} : { entry }) };
  return {
    conversation: `cron-${hash("sha256", `${pack.name}\n${flow.id}`, "hex").slice(0, 32)}`,
    id: hash("sha256", `${cron}\n${zone ?? "UTC"}\n${entry ?? ""}`, "hex").slice(0, 12),
    times: { cron, zone },
    catchUp: catchUp ?? "last",
    requestAt: () => ({ choice }),
  };
}

/** The schedule of a channel whose events come by themselves. */
export function scheduleOfChannel(provider: Provider, { times, catchUp = "last", eventAt }: ProviderTimer): Scheduled {
  return {
    conversation: `timer-${hash("sha256", provider.address.channel, "hex").slice(0, 32)}`,
    id: hash("sha256", JSON.stringify(times), "hex").slice(0, 12),
    times,
    catchUp,
    requestAt: (atMs) => handEventOver(provider, eventAt(atMs), atMs).request,
  };
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
  const request = requestOf(message);
  return firingOf(message) !== undefined && request["choice"] === undefined && request["handOver"] === undefined;
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
