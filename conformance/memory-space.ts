import type {
  RecordChange,
  RecordKey,
  RecordRange,
  RecordSpace,
  SpaceLimits,
  StoredRecord,
} from "../src/session/records/space.ts";
import { checkWrite } from "../src/session/records/check-write.ts";
import { GreenticError } from "../src/types/index.ts";

/** What befalls a request: it is refused as it comes, it is done and its answer lost, or others were faster. */
export type SpaceFault = "refused" | "unanswered" | "conflict";

/** Decides about each request before it is carried out, and can let time pass. */
export type FaultPlan = (request: "get" | "scan" | "write") => SpaceFault | undefined | Promise<SpaceFault | undefined>;

/** What spaces over the same data share; it outlives them. */
export class MemoryRecords {
  readonly records = new Map<string, StoredRecord>();
  readonly written = new Map<string, boolean>();
}

/** How a {@link memorySpace} differs from one that takes everything and never fails. */
export interface MemorySpaceOptions {
  readonly nowMs?: () => number;
  readonly limits?: SpaceLimits;
  readonly fault?: FaultPlan;
}

/** The bounds of the narrowest database. */
const NARROW_LIMITS = { changes: 100, bytes: 4_000_000, recordBytes: 390_000 } as const;

/** A record space in this process's memory, to hold stores of records to their promises: it keeps to the bounds and can fail. */
export function memorySpace(shared: MemoryRecords, options: MemorySpaceOptions = {}): RecordSpace {
  const { limits = NARROW_LIMITS, nowMs = Date.now, fault = () => undefined } = options;
  const { records, written } = shared;
  let isClosed = false;

  const befall = async (request: Parameters<FaultPlan>[0]): Promise<SpaceFault | undefined> => {
    // Others come in between, as they do over a network.
    await Promise.resolve();
    const befallen = await fault(request);
    if (isClosed || befallen === "refused") throw unavailable();
    return befallen;
  };
  const answered = <T>(befallen: SpaceFault | undefined, answer: T): T => {
    if (befallen === "unanswered") throw unavailable();
    return answer;
  };

  return {
    limits,
    nowMs,
    get: async (keys) => {
      const befallen = await befall("get");
      return answered(
        befallen,
        keys.map((key) => records.get(nameOf(key))),
      );
    },
    scan: async (range) => answered(await befall("scan"), inRange(records, range)),
    write: async (changes, version) => {
      checkWrite(changes, limits);
      const befallen = await befall("write");
      const known = written.get(version);
      if (known === true) return answered(befallen, known);
      const isExpected = befallen !== "conflict" && changes.every((change) => isAsExpected(records, change));
      if (isExpected) for (const change of changes) apply(records, change, version);
      written.set(version, isExpected);
      return answered(befallen, isExpected);
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
    },
  };
}

const nameOf = ({ partition, sort }: RecordKey): string => JSON.stringify([partition, sort]);

function inRange(records: ReadonlyMap<string, StoredRecord>, range: RecordRange): readonly StoredRecord[] {
  const { partition, after = "", before, limit, isBackwards = false } = range;
  const found = [...records.values()].filter(
    (record) =>
      record.partition === partition &&
      (range.after === undefined || compare(record.sort, after) > 0) &&
      (before === undefined || compare(record.sort, before) < 0),
  );
  found.sort((a, b) => (isBackwards ? -1 : 1) * compare(a.sort, b.sort));
  return found.slice(0, limit);
}

function isAsExpected(records: ReadonlyMap<string, StoredRecord>, change: RecordChange): boolean {
  return change.expected === undefined || (records.get(nameOf(change))?.version ?? null) === change.expected;
}

function apply(records: Map<string, StoredRecord>, change: RecordChange, version: string): void {
  const { partition, sort, body } = change;
  if (body === null) records.delete(nameOf(change));
  else if (body !== undefined) records.set(nameOf(change), { partition, sort, version, body });
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function unavailable(): GreenticError {
  return new GreenticError("STORE_UNAVAILABLE", "Use record space: it doesn't answer");
}
