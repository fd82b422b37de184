import { GreenticError, isGreenticError } from "../types/index.ts";
import type { ErrorCode } from "../types/index.ts";

const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** Turns what SQLite or the file system threw into the error of the store; SQLite's texts hold no values, but stay in `cause`. */
export function storeFailure(error: unknown, doing: string): GreenticError {
  if (isGreenticError(error)) return error;
  const [code, state] = classify(error);
  return new GreenticError(code, `${doing}: ${state}`, { cause: error });
}

/** Whether a failure leaves it open what is on disk: no later write can be trusted. After a failed flush the kernel drops the pages. */
export function isFatal(error: unknown): boolean {
  const code = primaryCode(error);
  return code === IOERR || code === CORRUPT || code === NOTADB;
}

function classify(error: unknown): readonly [ErrorCode, string] {
  switch (primaryCode(error)) {
    case BUSY:
      return ["STORE_UNAVAILABLE", "another process has it open"];
    case READONLY:
      return ["STORE_READ_ONLY", "it can only be read"];
    case FULL:
      return ["STORE_READ_ONLY", "the disk is full"];
    case IOERR:
      return ["STORE_UNAVAILABLE", "the disk failed"];
    case CORRUPT:
    case NOTADB:
      return ["STORE_DATA_CORRUPT", "the file is damaged or no database"];
    case CANTOPEN:
      return ["STORE_UNAVAILABLE", "the file can't be opened"];
    default:
  }
  // A number that the program never wrote: greater than it can read.
  if (isOutOfRange(error)) return ["STORE_DATA_CORRUPT", "a number in it is damaged"];
  const system = error instanceof Error && "code" in error ? String(error.code) : "";
  if (system === "EROFS" || system === "EACCES" || system === "EPERM") return ["STORE_READ_ONLY", system];
  if (system === "ENOSPC") return ["STORE_READ_ONLY", "the disk is full"];
  return ["STORE_UNAVAILABLE", /^E[A-Z]+$/.test(system) ? system : "it failed"];
}

/** Whether SQLite read a number that is too great to have been written. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_OUT_OF_RANGE";
}

/** SQLite's result code without its detail. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return Number(error.errcode) & 0xff;
}
