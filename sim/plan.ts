import type { Role } from "../src/runner/index.ts";
import { Random } from "./random.ts";

/** What a conversation is about: which flow answers it. */
export type TalkKind = "chain" | "plain" | "talk" | "form" | "order" | "request" | "pause" | "many" | "clock";

/** Where a conversation's replies go: our own log, a platform that honours keys, one that can be asked, an opaque one, or who waits. */
export type SinkName = "web" | "hook" | "traced" | "opaque" | "request";

/** One conversation that a platform carries. */
export interface Talk {
  readonly tenant: string;
  readonly kind: TalkKind;
  readonly sink: SinkName;
  readonly conversation: string;
  /** Waits in milliseconds before each message, counted from the answer to the one before; 0 does not wait for it. */
  readonly gapsMs: readonly number[];
  readonly startMs: number;
}

/** What a noise may do, each time it could. */
export type NoiseKind =
  | "store.request-lost"
  | "store.answer-lost"
  | "store.late"
  | "store.refused"
  | "bus.drop"
  | "bus.repeat"
  | "bus.late"
  | "platform.redelivers"
  | "platform.answer-lost"
  | "sink.refused"
  | "sink.busy"
  | "sink.lost-before"
  | "sink.lost-after"
  | "effect.fails"
  | "effect.slow";

/** One thing that goes wrong; a seed's faults can be left out one by one. */
export type Fault =
  /** A process dies when it reaches a named point for the nth time. */
  | {
      readonly kind: "crash";
      readonly process: string;
      readonly point: string;
      readonly nth: number;
      readonly restartMs: number;
    }
  | { readonly kind: "kill"; readonly process: string; readonly atMs: number; readonly restartMs: number }
  | { readonly kind: "term"; readonly process: string; readonly atMs: number; readonly restartMs: number }
  | { readonly kind: "pause"; readonly process: string; readonly atMs: number; readonly forMs: number }
  /** A process stands still when it reaches a named point for the nth time: what it asked for is done meanwhile. */
  | {
      readonly kind: "stall";
      readonly process: string;
      readonly point: string;
      readonly nth: number;
      readonly forMs: number;
    }
  | { readonly kind: "clock"; readonly process: string; readonly atMs: number; readonly jumpMs: number }
  | { readonly kind: "outage"; readonly what: "store" | "bus"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "noise"; readonly what: NoiseKind; readonly chance: number };

/** One simulated process. */
export interface ProcessPlan {
  readonly name: string;
  readonly roles: readonly Role[];
}

/** Everything that a seed decides before its run. */
export interface Plan {
  readonly seed: number;
  readonly backing: "memory" | "records" | "sqlite" | "sqlite-file";
  readonly processes: readonly ProcessPlan[];
  /** Whether the store lives and dies with the one process. */
  readonly isEmbedded: boolean;
  readonly hasOwnBus: boolean;
  /** Whether requests of one process to the store arrive in order. */
  readonly isOrdered: boolean;
  readonly unknownSends: "at-least-once" | "at-most-once";
  readonly talks: readonly Talk[];
  readonly faults: readonly Fault[];
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number;
}

/** The points at which a process can be made to die, by who reaches them. @see turns.md, "Where a crash can fall" */
const GATEWAY_POINTS = [
  "accept.before",
  "accept.after",
  "2xx.before",
  "2xx.after",
  "announce.before",
  "announce.after",
];
const WORKER_POINTS = [
  "lease.before",
  "lease.after",
  "record.before",
  "record.after",
  "effect.before",
  "effect.done",
  "effect.after",
  "commit.before",
  "commit.after",
  "release.before",
  "announce.before",
  "announce.after",
];
const EGRESS_POINTS = [
  "claimSends.before",
  "claimSends.after",
  "beginSend.before",
  "beginSend.after",
  "send.first-byte",
  "send.left",
  "send.delivered",
  "send.response",
  "endSend.before",
  "endSend.after",
];
const STORE_POINTS = ["flush.before", "flush.after"];

const NOISES: readonly NoiseKind[] = [
  "store.request-lost",
  "store.answer-lost",
  "store.late",
  "store.refused",
  "bus.drop",
  "bus.repeat",
  "bus.late",
  "platform.redelivers",
  "platform.answer-lost",
  "sink.refused",
  "sink.busy",
  "sink.lost-before",
  "sink.lost-after",
  "effect.fails",
  "effect.slow",
];

/** The name of the store's own process. */
export const STORE = "store";

/** Decides a seed's run. */
export function planOf(seed: number): Plan {
  const random = new Random(seed, "plan");
  // Every eighth seed looks for what only a long pause in the right place shows: a worker that comes back behind its lease.
  const isTakeover = seed % 8 === 0;
  // Every sixteenth one the same of senders, whose claims live a minute.
  const isZombie = seed % 16 === 4;
  const isOne = !isTakeover && !isZombie && random.chance(0.4);
  const backing = random.chance(0.5) ? "memory" : random.chance(0.02) ? "sqlite-file" : "sqlite";
  const isEmbedded = isOne && backing !== "memory";
  const processes = isOne ? [ALL_IN_ONE] : processesOf(random);
  const healAtMs = isZombie ? 95_000 : isTakeover ? 30_000 : random.between(3_000, 25_000);
  const names = [...processes.map(({ name }) => name), ...(isEmbedded ? [] : [STORE])];
  return {
    seed,
    backing,
    processes,
    isEmbedded,
    hasOwnBus: isOne && random.chance(0.5),
    isOrdered: isEmbedded || random.chance(0.7),
    unknownSends: random.chance(0.5) ? "at-least-once" : "at-most-once",
    talks: talksOf(random, isTakeover ? ["talk"] : isZombie ? ["plain", "chain"] : KINDS),
    faults: isTakeover
      ? takeoverOf(random, processes)
      : isZombie
        ? zombiesOf(random, processes)
        : faultsOf(random, { processes, names, isEmbedded, healAtMs }),
    healAtMs,
  };
}

const ALL_IN_ONE: ProcessPlan = { name: "one", roles: ["gateway", "worker", "egress"] };

function processesOf(random: Random): readonly ProcessPlan[] {
  const processes: ProcessPlan[] = [
    { name: "gateway-1", roles: ["gateway"] },
    { name: "worker-1", roles: ["worker"] },
    { name: "egress-1", roles: random.chance(0.2) ? ["egress", "gateway"] : ["egress"] },
  ];
  if (random.chance(0.8))
    processes.push({ name: "worker-2", roles: random.chance(0.3) ? ["worker", "egress"] : ["worker"] });
  if (random.chance(0.3)) processes.push({ name: "gateway-2", roles: ["gateway"] });
  if (random.chance(0.4)) processes.push({ name: "egress-2", roles: ["egress"] });
  return processes;
}

const KINDS: readonly TalkKind[] = [
  "chain",
  "chain",
  "plain",
  "talk",
  "form",
  "order",
  "request",
  "pause",
  "many",
  "clock",
];

function talksOf(random: Random, kinds: readonly TalkKind[]): readonly Talk[] {
  const talks: Talk[] = [];
  const count = 1 + random.int(3);
  for (let i = 1; i <= count; i++) {
    const kind = random.pick(kinds);
    const sink: SinkName = kind === "request" ? "request" : random.pick(["web", "hook", "traced", "opaque"] as const);
    const length = kind === "form" ? 4 : kind === "clock" ? 0 : 1 + random.int(4);
    const base = {
      kind,
      sink,
      conversation: `c${i}`,
      gapsMs: Array.from({ length }, () =>
        random.chance(0.4) ? 0 : random.between(1, random.chance(0.2) ? 9_000 : 500),
      ),
    };
    const startMs = random.between(0, 1_500);
    talks.push({ ...base, tenant: "acme", startMs });
    // The other tenant's platform names everything alike.
    if (random.chance(0.4)) talks.push({ ...base, tenant: "globex", startMs: startMs + random.between(0, 20) });
  }
  return talks;
}

function faultsOf(
  random: Random,
  place: {
    readonly processes: readonly ProcessPlan[];
    readonly names: readonly string[];
    readonly isEmbedded: boolean;
    readonly healAtMs: number;
  },
): readonly Fault[] {
  const faults: Fault[] = [];
  const { processes, names, isEmbedded, healAtMs } = place;
  const within = (): number => random.between(0, healAtMs);
  const crashes = random.pick([0, 1, 1, 2, 2, 3, 4]);
  for (let i = 0; i < crashes; i++) {
    const name = random.pick(names);
    const restartMs = random.chance(0.5) ? random.between(1, 100) : random.between(100, 8_000);
    if (random.chance(0.7)) {
      const roles = processes.find((process) => process.name === name)?.roles ?? [];
      const points = [
        ...(roles.includes("gateway") ? GATEWAY_POINTS : []),
        ...(roles.includes("worker") ? WORKER_POINTS : []),
        ...(roles.includes("egress") ? EGRESS_POINTS : []),
        ...(name === STORE || isEmbedded ? STORE_POINTS : []),
      ];
      const point = random.pick(points);
      faults.push({
        kind: "crash",
        process: name,
        point,
        nth: 1 + random.int(point.startsWith("flush") ? 40 : 6),
        restartMs,
      });
    } else if (name !== STORE && random.chance(0.25)) {
      faults.push({ kind: "term", process: name, atMs: within(), restartMs });
    } else faults.push({ kind: "kill", process: name, atMs: within(), restartMs });
  }
  for (let pauses = random.pick([0, 0, 0, 1, 1, 2]); pauses > 0; pauses--) {
    const forMs = random.chance(0.5) ? random.between(6_000, 14_000) : random.between(50, 20_000);
    faults.push({ kind: "pause", process: random.pick(names), atMs: within(), forMs });
  }
  if (random.chance(0.12)) {
    // A store elsewhere judges by its own clock what a sender's clock wished: what is delayed waits as long as they differ.
    const jumpMs = isEmbedded ? random.between(-90_000, 3_600_000) : random.between(-60_000, 60_000);
    faults.push({ kind: "clock", process: random.pick(names), atMs: within(), jumpMs });
  }
  if (random.chance(0.15)) {
    faults.push({
      kind: "outage",
      what: random.pick(["store", "bus"] as const),
      atMs: within(),
      forMs: random.between(20, 6_000),
    });
  }
  for (const what of NOISES) {
    if (isEmbedded && (what === "store.request-lost" || what === "store.answer-lost" || what === "store.late"))
      continue;
    if (random.chance(0.15)) faults.push({ kind: "noise", what, chance: random.pick([0.03, 0.1, 0.3]) });
  }
  return faults;
}

/** Effects that take long, and workers that stand still under them for longer than a lease lives. */
function takeoverOf(random: Random, processes: readonly ProcessPlan[]): readonly Fault[] {
  const workers = processes.filter(({ roles }) => roles.includes("worker"));
  const pauses = workers.map(({ name }): Fault => {
    const forMs = random.between(6_500, 14_000);
    if (random.chance(0.5)) return { kind: "pause", process: name, atMs: random.between(500, 16_000), forMs };
    return { kind: "stall", process: name, point: random.pick(WORKER_POINTS), nth: 1 + random.int(6), forMs };
  });
  return [
    ...pauses,
    { kind: "noise", what: "effect.slow", chance: 0.5 },
    ...(random.chance(0.3) ? [{ kind: "noise", what: "store.late", chance: 0.1 } as const] : []),
  ];
}

/** Senders that stand still for longer than their claims live, one after another. */
function zombiesOf(random: Random, processes: readonly ProcessPlan[]): readonly Fault[] {
  const senders = processes.filter(({ roles }) => roles.includes("egress"));
  return senders.map(({ name }): Fault => {
    const point = random.pick(["claimSends.before", "beginSend.before", "send.first-byte"]);
    return { kind: "stall", process: name, point, nth: 1 + random.int(3), forMs: random.between(61_000, 90_000) };
  });
}
