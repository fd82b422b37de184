import type { StoreSwitches } from "./store-server.ts";

/** One planted bug: a change of the production sources as they are loaded, or a switch of the simulated store. */
export interface Mutant {
  readonly name: string;
  /** What the bug is, in words. */
  readonly bug: string;
  readonly edits?: readonly Edit[];
  readonly switches?: StoreSwitches;
}

/** An exact text of one source that must occur in it once. */
export interface Edit {
  /** Below `src/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const edit = (file: string, from: string, to: string): readonly Edit[] => [{ file, from, to }];

/** The bugs that a simulation worth its name finds. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "sqlite-no-fsync",
    bug: "commits of the file don't wait for the disk",
    edits: edit("session/sqlite-schema.ts", "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"),
  },
  { name: "store-no-flush", bug: "the store answers and never flushes", switches: { skipsFlush: true } },
  {
    name: "ack-before-journal",
    bug: "the store answers before it writes",
    switches: { acksBeforeJournal: true },
  },
  {
    name: "accept-not-awaited",
    bug: "the platform is told 2xx before its message is on disk",
    edits: edit(
      "runner/open-runtime.ts",
      "const accepted = await this.store.accept(entry, canTake ? { leaseTo: this.#leaseTo } : undefined);",
      `void this.store.accept(entry).then(() => this.#wakeUps.accepted(key, entry.traceId), () => undefined);
       const accepted = { kind: "accepted" };`,
    ),
  },
  {
    name: "memory-no-fence",
    bug: "the memory store takes commits of any fence",
    edits: [
      ...edit(
        "session/memory-store.ts",
        "return session?.hold?.fence === lease.fence ? session : undefined;",
        "return session;",
      ),
      ...edit(
        "session/memory-store.ts",
        "const hold = session?.hold;",
        'const hold = session?.hold ?? { worker: "", fence: lease.fence, expiresAtMs: 0, ttlMs: 6_000 };',
      ),
    ],
  },
  {
    name: "sqlite-no-fence",
    bug: "the SQLite store takes commits of any fence",
    edits: [
      ...edit(
        "session/sqlite-core.ts",
        "const session = this.#sessions.get(key);\n    return session?.hold?.fence === fence ? session : undefined;",
        "return this.open(key);",
      ),
      ...edit(
        "session/sqlite-ops-turn.ts",
        "const hold = session?.hold;",
        'const hold = session?.hold ?? { worker: "", fence, expiresAtMs: 0, ttlMs: 6_000 };',
      ),
    ],
  },
  {
    name: "outbox-outside-commit",
    bug: "the outbox is written in a transaction before the turn's own",
    edits: edit(
      "runner/worker-loop.ts",
      "const next = await env.store.commit(lease, commit, { keep: !this.#isDraining });\n    if (growth",
      `if (commit.outbox.length > 0) {
         await env.store.commit(lease, { session: lease.session ?? null, consumed: [], state: [], timersDone: [], timersNew: [], outbox: commit.outbox, log: [] }, { keep: true });
         onCommit(lease.key, commit);
       }
       const next = await env.store.commit(lease, { ...commit, outbox: [] }, { keep: !this.#isDraining });
    if (growth`,
    ),
  },
  {
    name: "memory-no-dedupe",
    bug: "the memory store forgets dedupe keys",
    edits: edit(
      "session/memory-store.ts",
      "if (first !== undefined && first.expiresAtMs > nowMs) return first.answer;",
      "",
    ),
  },
  {
    name: "dedupe-across-tenants",
    bug: "dedupe keys of two tenants are one",
    edits: edit(
      "session/memory-store.ts",
      "const delivery = `${known?.channel ?? channelOf(entry.key)} ${entry.dedupeKey}`;",
      "const delivery = entry.dedupeKey;",
    ),
  },
  {
    name: "conversations-across-tenants",
    bug: "the key of a conversation leaves out the tenant",
    edits: edit(
      "session/store.ts",
      'return key.slice(0, key.lastIndexOf(":"));',
      'return key.slice(0, key.lastIndexOf(":")).replace(/^([^:]*):[^:]*/, "$1:");',
    ),
  },
  {
    name: "begin-after-send",
    bug: "an attempt is put on record when it is over",
    edits: [
      ...edit("runner/sender-loop.ts", "    await store.beginSend(row, this.name);\n", ""),
      ...edit(
        "runner/sender-loop.ts",
        "return this.#end(row, this.#settle(row, await this.#attempt(row, provider as Provider)), startedMs);",
        `const result = this.#settle(row, await this.#attempt(row, provider as Provider));
    await store.beginSend(row, this.name);
    return this.#end(row, result, startedMs);`,
      ),
    ],
  },
  {
    name: "retry-without-key",
    bug: "each attempt has an idempotency key of its own",
    edits: edit(
      "runner/sender-loop.ts",
      "idempotencyKey: row.id,\n          conversation,",
      "idempotencyKey: `${row.id}-${row.attempts}`,\n          conversation,",
    ),
  },
  {
    name: "most-once-ignored",
    bug: "a send in doubt is repeated though the tenant wants it at most once",
    edits: edit(
      "runner/doubtful-sends.ts",
      'return unknownSends === "at-least-once" ? undefined : { kind: "abandoned", error: "RUNNER_SEND_UNKNOWN" };',
      "return undefined;",
    ),
  },
  {
    name: "expired-claim-queued",
    bug: "a claim that expires under a send leaves its row without doubt",
    edits: edit(
      "session/memory-outbox.ts",
      'this.#file({ ...row, status: "unknown", wasUnknown: true });',
      'this.#file({ ...row, status: "queued" });',
    ),
  },
  {
    name: "recovered-send-queued",
    bug: "a send that a crash cut off is queued as if it had never begun",
    edits: edit(
      "session/sqlite-ops-outbox.ts",
      "this.#recover = db.prepare(`${LOSE} WHERE",
      `this.#recover = db.prepare(\`UPDATE outbox SET status = 0,
        mark = row_sum(ord, 0, attempts, was_unknown, not_before, ended, error, receipt) WHERE`,
    ),
  },
  {
    name: "doubt-not-kept",
    bug: "the record of a doubt goes with its end",
    edits: edit(
      "session/outbox-rules.ts",
      'return { status: "unknown", wasUnknown: true, notBeforeMs',
      'return { status: "queued", wasUnknown, notBeforeMs',
    ),
  },
  {
    name: "claim-never-expires",
    bug: "what a dead sender had in hand stays its own",
    edits: edit(
      "session/send-lanes.ts",
      "if (claim !== undefined && claim.expiresAtMs > monotonicMs) {",
      "if (claim !== undefined) {",
    ),
  },
  {
    name: "lease-never-expires",
    bug: "what a dead worker had in hand stays its own",
    edits: edit(
      "session/lease-table.ts",
      "return session.hold === undefined || session.hold.expiresAtMs <= monotonicMs;",
      "return session.hold === undefined;",
    ),
  },
  {
    name: "lane-claimed-twice",
    bug: "two senders can hold one conversation's row",
    edits: edit("session/send-lanes.ts", "lane.claim = claim;\n    this.#ready.delete(lane);", "lane.claim = claim;"),
  },
  {
    name: "lease-revived",
    bug: "a lease that has passed on is renewed, and takes the session back",
    edits: edit(
      "session/memory-store.ts",
      "if (session !== undefined) this.#leases.renew(session, this.#world.monotonicMs() + ttlMs);\n    return session !== undefined;",
      `const found = this.#sessions.get(lease.key);
    if (found !== undefined) this.#leases.grant(found, { worker: lease.worker, fence: lease.fence, expiresAtMs: this.#world.monotonicMs() + ttlMs, ttlMs });
    return true;`,
    ),
  },
  {
    name: "timer-fires-again",
    bug: "a timer that fired stays",
    edits: edit(
      "session/memory-store.ts",
      "for (const onceKey of turn.timersDone) session.timers.delete(onceKey);",
      "",
    ),
  },
  {
    name: "timer-lost",
    bug: "timers of the file are noticed only while the process lives that set them",
    edits: edit(
      "session/sqlite-core.ts",
      "this.#timersSeenMs = -1;\n    this.#nextTimerMs = 0;",
      "this.#timersSeenMs = -1;\n    this.#nextTimerMs = Number.POSITIVE_INFINITY;",
    ),
  },
  {
    name: "inbox-reversed",
    bug: "the newest message is served first",
    edits: edit("runner/choose-trigger.ts", "const [entry] = lease.inbox;", "const entry = lease.inbox.at(-1);"),
  },
  {
    name: "consumed-stays",
    bug: "what a turn consumed stays in the file",
    edits: edit("session/sqlite-ops-turn.ts", "for (const order of gone) this.#sql.deleteEntry.run(order);", ""),
  },
  {
    name: "journal-ignored",
    bug: "a turn that crashed doesn't look what it had done",
    edits: edit("runner/turn-effects.ts", "if (recovered !== undefined) return apply(turn, decode(recovered));", ""),
  },
  {
    name: "recorded-before-effect",
    bug: "an effect is on record before it happened",
    edits: edit(
      "runner/turn-effects.ts",
      "const done = await attemptAll(turn, { ...effect, idempotencyKey: again?.idempotencyKey ?? ownKey });",
      `if (isJournaled) await recordStep(turn, { node: name, inputHash, outcome: { result: { kind: "ok", status: "ok", output: {} } } });
       const done = await attemptAll(turn, { ...effect, idempotencyKey: again?.idempotencyKey ?? ownKey });`,
    ),
  },
  {
    name: "steps-not-recovered",
    bug: "the file's journal isn't read after a crash",
    edits: edit(
      "session/sqlite-core.ts",
      "for (const { key } of steps.all()) this.reopen(String(key)).hasSteps = true;",
      'this.db.exec("DELETE FROM step");',
    ),
  },
  {
    name: "turn-named-by-lease",
    bug: "a turn that runs again has another name, and so have its sends and effects",
    edits: edit(
      "runner/turn-base.ts",
      "turnIdOf(this.lease.key, this.trigger)",
      "turnIdOf(`${this.lease.key}:${this.lease.fence}`, this.trigger)",
    ),
  },
  {
    name: "sweeper-asleep",
    bug: "nobody looks after sessions whose wake-up was lost",
    edits: edit("runner/sweeper.ts", "for (const key of overdue.sessions) onSession(key);", ""),
  },
  {
    name: "relay-without-dedupe",
    bug: "an event that is handed on twice arrives twice",
    edits: edit(
      "runner/relay.ts",
      "{ envelope, dedupeKey: name, conversation",
      "{ envelope, dedupeKey: `${name}${options.world.monotonicMs()}`, conversation",
    ),
  },
];
