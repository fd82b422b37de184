/** What a store of records needs from a database: ordered partitions, and writes of several records that happen whole or not at all. */

/** Names a record. Records of one partition lie together, in the order of the UTF-8 bytes of `sort`. */
export interface RecordKey {
  readonly partition: string;
  readonly sort: string;
}

/** One text for a record's whole name; no two names have the same. */
export function recordName({ partition, sort }: RecordKey): string {
  return `${partition.length}:${partition}${sort}`;
}

/** A record as it was last written. */
export interface StoredRecord extends RecordKey {
  /** Names the write that made it. */
  readonly version: string;
  readonly body: string;
}

/** What a write does to one record: `body` puts it, `null` deletes it, `undefined` leaves it and looks at `expected` alone. */
export interface RecordChange extends RecordKey {
  readonly body: string | null | undefined;
  /** The version that the record must have, `null` where there must be none; absent where any will do. */
  readonly expected?: string | null;
}

/** Which records of a partition: those behind `after` and before `before`, in order or from the end. */
export interface RecordRange {
  readonly partition: string;
  readonly after?: string;
  readonly before?: string;
  readonly limit: number;
  readonly isBackwards?: boolean;
}

/** What one write can hold at most. */
export interface SpaceLimits {
  readonly changes: number;
  /** Bytes of all bodies and keys in UTF-8, together and of one record. */
  readonly bytes: number;
  readonly recordBytes: number;
}

/** A database of records that several processes share. Reads see every write that resolved before they began. */
export interface RecordSpace extends AsyncDisposable {
  readonly limits: SpaceLimits;
  /** The database's own time in wall-clock milliseconds, as well as it is known here: workers' clocks needn't agree. */
  nowMs(): number;
  /** Reads records in the order of `keys`; undefined where there is none. @throws STORE_UNAVAILABLE */
  get(keys: readonly RecordKey[]): Promise<readonly (StoredRecord | undefined)[]>;
  /** Reads what lies in a range. @throws STORE_UNAVAILABLE */
  scan(range: RecordRange): Promise<readonly StoredRecord[]>;
  /**
   * Does all changes at once and resolves to true, or to false and changes nothing where a record isn't as expected. Each record is
   * named once at most. `version` (1 to 36 ASCII characters) names the write and becomes the version of what it puts: asked again under
   * it, with the same changes, a write is done once, and what resolves is what happened the first time. Durable once it resolves.
   * @throws STORE_UNAVAILABLE, at once or after a request's time at most, where nobody knows whether it was done: the store asks again for
   * as long as that makes sense; RangeError above `limits`
   */
  write(changes: readonly RecordChange[], version: string): Promise<boolean>;
}
