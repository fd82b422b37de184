/** One thing that somebody did, or wasn't let do. Names, addresses and codes only: never a secret, never a message's text. */
export interface AuditEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** `component:weather`, `admin:alice`, `channel:slack`, `operator:cli` */
  readonly actor: string;
  /** `secret.read`, `pack.load`, `policy.denied`, `quota.exceeded`, `oauth.token` */
  readonly action: string;
  readonly target: string;
  readonly outcome: "allowed" | "denied" | "failed";
  readonly env?: string;
  readonly tenant?: string;
  readonly team?: string;
  /** The rule that decided. */
  readonly rule?: string;
  /** The error's code. */
  readonly code?: string;
  readonly traceId?: string;
}

/** What is put on record; `at` where it happened before now. */
export type NewAuditEntry = Omit<AuditEntry, "at"> & Partial<Pick<AuditEntry, "at">>;

/** Keeps who did what. */
export interface AuditLog {
  /** Resolves when the entry is on disk: who must not go on without a record awaits it. @throws TELEMETRY_AUDIT_FAILED */
  record(entry: NewAuditEntry): Promise<void>;
  /** Queues the entry in order and returns at once. */
  note(entry: NewAuditEntry): void;
  /** Writes what is queued, and closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Keeps nothing, where the operator wants no audit. */
export const NO_AUDIT: AuditLog = {
  record: () => Promise.resolve(),
  note: () => undefined,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Makes a log that keeps its entries in memory, in order. */
export function memoryAuditLog(nowMs: () => number = Date.now): AuditLog & { readonly entries: readonly AuditEntry[] } {
  const entries: AuditEntry[] = [];
  const note = (entry: NewAuditEntry): void => {
    entries.push({ at: new Date(nowMs()).toISOString(), ...entry });
  };
  return {
    entries,
    note,
    record: (entry) => Promise.resolve(note(entry)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
