import type { Lease, Step } from "../session/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";
import { FILES_SEQ } from "./incoming-files.ts";
import type { Trigger } from "./trigger.ts";
import { firedTimer } from "./trigger.ts";

/** From this many beginnings that came to no end a turn is suspected of ending its process; before, chance is likelier. */
const SUSPECT_ATTEMPT = 2;
/** How many processes a turn may end. */
const MAX_DEATHS = 5;

/**
 * Turns that may have ended their process. A store that keeps no leases can only tell who was waiting when a process died, and all
 * turns under way die with it; so suspects run one at a time, each on record before it begins, and only what is on record again and
 * again is condemned. Whoever merely waited while processes died is never, however often that was.
 */
export class Suspects {
  readonly #waiting = new Set<SessionKeyText>();
  #isBusy = false;

  /** Whether a session has to wait until another suspect's turn is over. */
  isWaiting(key: SessionKeyText): boolean {
    return this.#isBusy && this.#waiting.has(key);
  }

  /** Lets a session's turn begin, unless another's is under way. Call `leave` after it. */
  enter(key: SessionKeyText): boolean {
    if (this.#isBusy) {
      this.#waiting.add(key);
      return false;
    }
    this.#isBusy = true;
    this.#waiting.delete(key);
    return true;
  }

  /** Says that a suspect's turn is over; returns whose is next. */
  leave(): SessionKeyText | undefined {
    this.#isBusy = false;
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next);
    return next;
  }
}

/** Tells whether a lease's turn is suspected of having ended its process. */
export function isSuspect({ attempt }: Lease): boolean {
  return attempt >= SUSPECT_ATTEMPT;
}

/** Tells whether a turn ended its process too often: alone of its like, and on record, whenever it was suspected. */
export function isCondemned(lease: Lease): boolean {
  return lease.attempt >= MAX_DEATHS && marksOf(lease) >= MAX_DEATHS - SUSPECT_ATTEMPT;
}

/** Makes the record of a suspect's beginning. It goes with the commit, as every step does; effects count from 0, marks down from -1. */
export function markOf(lease: Lease, trigger: Trigger): Step {
  const timer = firedTimer(trigger);
  return {
    turn: revisionOf(lease),
    seq: -1 - marksOf(lease),
    node: timer === undefined ? "" : `@${timer}`,
    inputHash: "",
    outcome: null,
  };
}

/** The error of a turn that is given up because processes end with it. */
export function processEnded({ attempt }: Lease): GreenticError {
  return new GreenticError("RUNNER_PROCESS_ENDED", `Run turn: ${attempt} processes ended while it ran`);
}

function marksOf(lease: Lease): number {
  const turn = revisionOf(lease);
  return lease.steps.filter((step) => step.turn === turn && step.seq < 0 && step.seq !== FILES_SEQ).length;
}

function revisionOf({ session }: Lease): number {
  return (session?.revision ?? 0) + 1;
}
