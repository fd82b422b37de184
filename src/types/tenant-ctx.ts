import type { ChannelId, EnvId, TeamId, TenantId, UserId } from "./ids.ts";
import type { SessionKey } from "./session-key.ts";
import { formatSessionKey } from "./session-key.ts";

/** Who an operation is for; the first parameter of everything that is scoped. */
export interface TenantCtx {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly user?: UserId;
  /** The session's key in text form. */
  readonly session?: string;
  readonly flow?: string;
  readonly node?: string;
  /** The channel (provider instance) that the work came from. */
  readonly provider?: ChannelId;
  /** 32 hex digits (W3C trace context). */
  readonly traceId: string;
  readonly correlationId: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** The same for every retry of one effect. */
  readonly idempotencyKey?: string;
  /** Wall-clock end of the work, milliseconds since the epoch. */
  readonly deadlineMs?: number;
  /** BCP 47. */
  readonly locale: string;
}

/** Makes the context of work for one session. */
export function sessionCtx(
  key: SessionKey,
  extra: { readonly traceId: string; readonly correlationId: string; readonly locale: string },
): TenantCtx {
  return {
    env: key.env,
    tenant: key.tenant,
    team: key.team,
    user: key.user,
    session: formatSessionKey(key),
    provider: key.channel,
    attempt: 1,
    ...extra,
  };
}
