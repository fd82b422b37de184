import { openInProcessBus, subjectOfSession } from "../../bus/index.ts";
import { InProcessComponentHost } from "../../component/index.ts";
import { StubbedComponents, Stubs, toolsOf } from "../../conformance/index.ts";
import type { Provider } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import type { TurnJournal } from "../../runner/index.ts";
import { createMachineWorld, openRuntime, readTurnJournal } from "../../runner/index.ts";
import { createSecretReader } from "../../secrets/index.ts";
import type { SessionStore } from "../../session/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { DENY_ALL, GreenticError, parseSessionKey, quote } from "../../types/index.ts";
import type { JsonValue, Policy, SessionKeyText } from "../../types/index.ts";
import type { Difference } from "./compare-turns.ts";
import { compareTurns } from "./compare-turns.ts";
import type { RecordedTurn, Recording } from "./read-recording.ts";

const POLICY: Policy = { ...DENY_ALL, network: { egress: { origins: ["*"] }, privateAddresses: [] }, secrets: ["*"] };
const WORKER = "replay";
const DAY_MS = 86_400_000;
const POLL_MS = 2;

/** What a replay came to. */
export interface ReplayReport {
  readonly pack: { readonly name: string; readonly version: string; readonly packHash: string };
  readonly turns: number;
  readonly differences: readonly Difference[];
}

/**
 * Runs a recorded session through the engine again, with another version of its pack: every effect that is called as it was before
 * answers as it did before, through the journal that recovers crashed turns; what is called otherwise has no network, no secrets and no
 * servers. Time is what it was.
 * @throws RUNNER_REPLAY_STUCK; what loading the pack throws
 */
export async function replaySession(
  { key, turns }: Recording,
  from: { readonly pack: Pack; readonly timeoutMs: number },
): Promise<ReplayReport> {
  const { pack, timeoutMs } = from;
  const { env, tenant, team, channel } = parseSessionKey(key);
  const clock = { nowMs: turns[0]?.atMs ?? 0 };
  const world = { ...createMachineWorld(), nowMs: () => clock.nowMs };
  const store = openMemoryStore(world);
  const bus = openInProcessBus();
  const remote = [...toolsOf(pack)].filter(([, { target }]) => target.kind !== "component").map(([name]) => name);
  const stubs = new Stubs(new Map(), new Set(remote));
  await using components = new StubbedComponents(new InProcessComponentHost(), {
    stubs,
    aheadMs: clock.nowMs - Date.now(),
  });
  const provider: Provider = {
    type: "replay",
    address: { env, tenant, team, channel },
    delivery: { kind: "send", sinkClass: "A" },
    dedupeTtlMs: DAY_MS,
    project: (message) => [message as unknown as JsonValue],
  };
  await using runtime = await openRuntime({
    env,
    world,
    store,
    bus,
    components,
    secrets: createSecretReader([]),
    policy: () => POLICY,
    providers: [provider],
    apps: [{ scope: { env, tenant }, pack }],
    stubTool: stubs.stubTool,
    journal: "replay",
    roles: ["worker"],
  });
  await begin(store, key, turns[0]);
  runtime.start();
  const differences: Difference[] = [];
  for (const turn of turns) {
    clock.nowMs = Math.max(clock.nowMs, turn.atMs);
    const got = await runAgain(turn, {
      store,
      key,
      timeoutMs,
      wake: () => bus.publish(subjectOfSession("ingress", key), { key }),
    });
    if (got === undefined)
      differences.push({ revision: turn.revision, what: "turn", expected: turn.journal.by, got: "nothing to do" });
    else differences.push(...compareTurns(turn.revision, turn.journal, got));
  }
  const { name, version, packHash } = pack;
  return { pack: { name, version, packHash }, turns: turns.length, differences };
}

/** Puts the session where it was before its first turn. */
async function begin(store: SessionStore, key: SessionKeyText, first: RecordedTurn | undefined): Promise<void> {
  const before = first?.replay.before;
  const trigger = first?.replay.trigger;
  if (before?.session === undefined || trigger?.kind !== "message") return;
  const { entry } = trigger;
  const accepted = await store.accept(
    { ...entry, key, dedupeKey: "before the replay", dedupeTtlMs: 1 },
    { leaseTo: { worker: WORKER } },
  );
  if (accepted.lease === undefined) return;
  await store.commit(accepted.lease, {
    session: before.session,
    consumed: accepted.lease.inbox.map(({ order }) => order),
    state: before.state.map(([name, value]) => ({ key: name, value })),
    timersDone: [],
    timersNew: [],
    outbox: [],
    log: [],
  });
}

/** Runs one turn; undefined where the session has nothing to do at its time. */
async function runAgain(
  { replay, revision }: RecordedTurn,
  at: {
    readonly store: SessionStore;
    readonly key: SessionKeyText;
    readonly timeoutMs: number;
    readonly wake: () => void;
  },
): Promise<TurnJournal | undefined> {
  const { store, key, timeoutMs, wake } = at;
  const { trigger, effects } = replay;
  if (trigger.kind === "message" && trigger.isLater !== true)
    await store.accept({ ...trigger.entry, key, dedupeTtlMs: DAY_MS });
  const [lease] = await store.lease(WORKER, { limit: 1, keys: [key] });
  if (lease === undefined) return undefined;
  const turn = (lease.session?.revision ?? 0) + 1;
  for (const effect of effects) if (effect.seq >= 0) await store.record(lease, { ...effect, turn });
  await store.release(lease);
  wake();
  const untilMs = performance.now() + timeoutMs;
  while (performance.now() < untilMs) {
    const [last] = await store.readJournal(key, { limit: 1 });
    if (last?.revision === turn) return readTurnJournal(last.turn);
    await new Promise((later) => setTimeout(later, POLL_MS));
  }
  throw new GreenticError(
    "CLI_REPLAY_STUCK",
    `Replay session ${quote(key)}: turn ${revision} didn't end within ${timeoutMs} ms`,
  );
}
