import type { FileRoom } from "../messaging/index.ts";
import { isDataUrl } from "../messaging/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import type { Lease, SessionRecord, TurnCommit } from "../session/index.ts";
import { channelOf } from "../session/index.ts";
import type { AdmitGrowth } from "../state/index.ts";
import { storedSize } from "../state/index.ts";
import type { Attachment, GreenticError, SessionKey, SessionKeyText } from "../types/index.ts";
import { parseSessionKey } from "../types/index.ts";
import type { EngineEnv } from "./engine-env.ts";
import { isHostWork } from "./own-envelope.ts";
import type { Turn } from "./turn.ts";
import type { TurnBase } from "./turn-base.ts";

/** What a record's numbers may grow by in any turn: its revision and its times. */
const NUMBERS_BYTES = 64;

/** Whose a session is, where what its tenant keeps is bounded. */
function boundedOf(quotas: Quotas, key: SessionKeyText): SessionKey | undefined {
  if (!quotas.boundsStored) return undefined;
  const whose = parseSessionKey(key);
  return quotas.of(whose.tenant).storedBytes === undefined ? undefined : whose;
}

/** Lets a session's state grow while its tenant has room; undefined where nothing bounds it. `tell` hears each denial. */
export function stateGrowth(
  { quotas }: EngineEnv,
  { key }: Lease,
  tell: (error: GreenticError) => void,
): AdmitGrowth | undefined {
  const whose = boundedOf(quotas, key);
  if (whose === undefined) return undefined;
  return (bytes) => {
    if (bytes <= quotas.storedRoom(whose)) return;
    const error = quotas.storageExceeded(whose);
    tell(error);
    throw error;
  };
}

/** Lets a flow say files that are yet to be kept while its tenant has room. @throws POLICY_QUOTA_EXCEEDED */
export function admitSaidFiles(turn: TurnBase, attachments: readonly Attachment[] | undefined): void {
  const { env, lease } = turn;
  if (attachments === undefined || env.files === undefined) return;
  const whose = boundedOf(env.quotas, lease.key);
  if (whose === undefined || env.providerOf(channelOf(lease.key))?.delivery.kind === "answer") return;
  let bytes = 0;
  // Base64 says three bytes in four characters.
  for (const { url } of attachments) if (isDataUrl(url)) bytes += (url.length * 3) / 4;
  if (bytes === 0 || bytes <= env.quotas.storedRoom(whose)) return;
  const error = env.quotas.storageExceeded(whose);
  turn.tellDenied(error);
  throw error;
}

/** How much more, or less, a session takes behind a turn, and why that may not be. */
export interface Growth {
  readonly bytes: number;
  readonly denied?: GreenticError;
}

/**
 * Judges what a turn is about to commit; undefined where nothing bounds it. Timers, what was kept for later and the host's own work go on
 * with what was let in before, and a session where no flow waits is always put on record.
 */
export function judgeGrowth(turn: Turn, commit: TurnCommit): Growth | undefined {
  const { env, lease, trigger } = turn;
  const { gate, quotas } = env;
  const whose = boundedOf(quotas, lease.key);
  if (whose === undefined) return undefined;
  const bytes = grownBytes(turn, commit);
  const isNew = trigger.kind === "message" && trigger.isLater !== true && !isHostWork(trigger.entry.envelope);
  if (!isNew || commit.session?.cursor === undefined || bytes <= NUMBERS_BYTES || bytes <= quotas.storedRoom(whose))
    return { bytes };
  const denied = quotas.storageExceeded(whose);
  const { env: environment, tenant, team, channel, user } = whose;
  const { pack, cursor } = commit.session;
  gate.tell(denied, { point: "turn", env: environment, tenant, team, channel, user, pack, ...cursor }, turn.ctx);
  return { bytes, denied };
}

function grownBytes({ lease, working }: Turn, { session }: TurnCommit): number {
  const before = recordBytes(lease.session);
  if (session !== null) return recordBytes(session) - before + working.grownBytes;
  return [...lease.state].reduce((sum, [key, value]) => sum - storedSize(key, value), -before);
}

const recordBytes = (record: SessionRecord | undefined): number =>
  record === undefined ? 0 : Buffer.byteLength(JSON.stringify(record));

/** Bounds the files of tenants by what they may keep; denials are told to the gate. */
export function fileRoom({ quotas, gate }: { readonly quotas: Quotas; readonly gate: PolicyGate }): FileRoom {
  return {
    async left(owner) {
      const whose = boundedOf(quotas, owner);
      if (whose === undefined) return Number.POSITIVE_INFINITY;
      await quotas.measureStored(whose);
      return quotas.storedRoom(whose);
    },
    taken: (owner, bytes) => quotas.noteStored(parseSessionKey(owner), bytes),
    refused(owner, { isOwn }) {
      const { env, tenant, team, channel, user } = parseSessionKey(owner);
      const point = isOwn ? "send" : "ingress";
      gate.tell(quotas.storageExceeded({ env, tenant }), { point, env, tenant, team, channel, user });
    },
  };
}
