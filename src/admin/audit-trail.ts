import type { AuditEntry, AuditLog } from "../telemetry/index.ts";
import { GreenticError, toGreenticError } from "../types/index.ts";
import type { EnvId } from "../types/index.ts";
import { TokenBuckets } from "../messaging/index.ts";
import type { World } from "../types/index.ts";

/** What of a request the log keeps. */
export interface Deed {
  readonly actor: string;
  readonly action: string;
  /** The path, whose names are the objects'. */
  readonly target: string;
  readonly tenant?: string;
}

/** Refusals of strangers that are kept a minute: who has no credential must not fill the disk. */
const STRANGERS_PER_MINUTE = 60;

/** Puts on record what the admin API does, before it does it. */
export class AuditTrail {
  readonly #log: AuditLog;
  readonly #env: EnvId;
  readonly #world: Pick<World, "monotonicMs">;
  readonly #strangers = new TokenBuckets({ capacity: STRANGERS_PER_MINUTE, perMs: STRANGERS_PER_MINUTE / 60_000 });

  constructor(log: AuditLog, { env, world }: { readonly env: EnvId; readonly world: Pick<World, "monotonicMs"> }) {
    this.#log = log;
    this.#env = env;
    this.#world = world;
  }

  /** Does something between two records; without the first it isn't done. @throws ADMIN_AUDIT_UNAVAILABLE, ADMIN_OUTCOME_UNRECORDED, what `act` throws */
  async around<T>(deed: Deed, act: () => Promise<T>): Promise<T> {
    try {
      await this.#log.record(this.#entry({ ...deed, action: `${deed.action}.begin` }, { outcome: "allowed" }));
    } catch (error) {
      throw new GreenticError("ADMIN_AUDIT_UNAVAILABLE", `Record ${deed.action}: the audit log can't be written`, {
        cause: error,
      });
    }
    let done: { readonly value: T } | { readonly error: GreenticError };
    try {
      done = { value: await act() };
    } catch (error) {
      done = { error: toGreenticError(error, "ADMIN_FAILED", `Do ${deed.action}`) };
    }
    const result =
      "error" in done ? ({ outcome: "failed", code: done.error.code } as const) : ({ outcome: "allowed" } as const);
    try {
      await this.#log.record(this.#entry(deed, result));
    } catch (error) {
      // What failed changed nothing that its error doesn't tell.
      if ("error" in done) throw done.error;
      throw new GreenticError(
        "ADMIN_OUTCOME_UNRECORDED",
        `Record ${deed.action}: done, and its outcome isn't on record`,
        {
          cause: error,
        },
      );
    }
    if ("error" in done) throw done.error;
    return done.value;
  }

  /** Keeps that somebody who is known was refused. */
  denied(deed: Deed, code: string): void {
    this.#log.note(this.#entry(deed, { outcome: "denied", code }));
  }

  /** Keeps that a stranger was refused, as far as there is room. */
  stranger(target: string, code: string): void {
    const nowMs = this.#world.monotonicMs();
    if (!this.#strangers.of("", nowMs).take(nowMs)) return;
    this.#log.note(
      this.#entry({ actor: "admin:unknown", action: "admin.authenticate", target }, { outcome: "denied", code }),
    );
  }

  #entry(
    { actor, action, target, tenant }: Deed,
    result: Pick<AuditEntry, "outcome" | "code">,
  ): Omit<AuditEntry, "at"> {
    return {
      actor,
      action,
      target: target.slice(0, 512),
      env: this.#env,
      ...(tenant !== undefined && { tenant }),
      ...result,
    };
  }
}
