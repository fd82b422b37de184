import { describe } from "vitest";
import type { SessionStore } from "../src/session/index.ts";
import type { World } from "../src/types/index.ts";
import { adminContract } from "./session-store/admin.ts";
import { answerContract } from "./session-store/answer.ts";
import { eraseContract } from "./session-store/erase.ts";
import { inboxContract } from "./session-store/inbox.ts";
import { leaseContract } from "./session-store/lease.ts";
import { logContract } from "./session-store/log.ts";
import { modelContract } from "./session-store/model.ts";
import { operationsContract } from "./session-store/operations.ts";
import { sendContract } from "./session-store/send.ts";
import { timerContract } from "./session-store/timer.ts";
import { turnContract } from "./session-store/turn.ts";

/** How the contract gets at a backend. */
export interface StoreFactory {
  /** Opens an empty store that takes its time from `world`; each call another one. */
  readonly open: (world: World) => Promise<SessionStore>;
  /** Reopens what a store would find after its process was killed at this moment; absent where nothing survives. */
  readonly crash?: (store: SessionStore, world: World) => Promise<SessionStore>;
  /** Whether leases and claims outlive that: those of a store that many processes share end by time alone. */
  readonly holdsOutliveCrash?: boolean;
}

/** Holds a backend to every promise of a session store. */
export function sessionStoreContract(name: string, factory: StoreFactory): void {
  describe(`${name} session store`, () => {
    inboxContract(factory);
    leaseContract(factory);
    turnContract(factory);
    timerContract(factory);
    sendContract(factory);
    logContract(factory);
    answerContract(factory);
    adminContract(factory);
    operationsContract(factory);
    eraseContract(factory);
    modelContract(factory);
  });
}
