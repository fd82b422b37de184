// The thread that owns a store's file. Flushing takes it a fraction of a millisecond at a time, which the event loop is spared.
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { GreenticError } from "../types/index.ts";
import type { FromWorker, RawCall, ToWorker, WriterData } from "./sqlite-protocol.ts";
import { storeFailure } from "./sqlite-failure.ts";
import { keepLog } from "./sqlite-kept-log.ts";
import { lostCommits } from "./sqlite-log-check.ts";
import { SpaceReserve } from "./sqlite-reserve.ts";
import { openDatabase } from "./sqlite-schema.ts";
import type { WriterOptions } from "./sqlite-writer.ts";
import { SqliteWriter } from "./sqlite-writer.ts";

const port = parentPort;
if (port === null) throw new TypeError("Run session store: expected to be a worker thread");
const send = (message: FromWorker): void => port.postMessage(message);

let waiting: RawCall[] = [];
let clock = { nowMs: 0, monotonicMs: 0 };

function flush(writer: SqliteWriter): void {
  const calls = waiting;
  waiting = [];
  if (calls.length > 0) send(writer.run(calls, clock));
}

/** What SQLite would drop without a word is told of, and kept beside the file. */
function tellOfLog(file: string, { onDamage }: WriterOptions): void {
  const lost = lostCommits(file);
  if (lost === 0) return;
  copyFileSync(`${file}-wal`, `${file}-wal.damaged`);
  const message = `Open session store: its log is damaged, and ${lost} transactions behind the damage are lost; the log was kept`;
  onDamage?.(new GreenticError("STORE_DATA_CORRUPT", message));
}

/** A disk that is full must not keep from opening what would make room. */
function openWriter(file: string, nowMs: number, options: WriterOptions): SqliteWriter {
  tellOfLog(file, options);
  try {
    return new SqliteWriter(openDatabase(file), nowMs, options);
  } catch (error) {
    if (storeFailure(error, "").code !== "STORE_READ_ONLY" || options.reserve === undefined) throw error;
    options.reserve.release();
    return new SqliteWriter(openDatabase(file), nowMs, options);
  }
}

try {
  const { file, nowMs, reserveBytes } = workerData as WriterData;
  const reserve = new SpaceReserve(join(dirname(file), "sessions.reserve"), reserveBytes);
  const tell = ({ code, message }: GreenticError): void => send({ kind: "damaged", code, message });
  const writer = openWriter(file, nowMs, {
    ...(reserveBytes > 0 && { reserve }),
    onDamage: tell,
    onShut: (error) => {
      keepLog(file);
      tell(error);
    },
  });
  port.on("message", (message: ToWorker) => {
    if ("kind" in message) {
      flush(writer);
      writer.close();
      send({ kind: "closed" });
      port.close();
      return;
    }
    clock = message;
    if (waiting.length > 0) {
      waiting.push(...message.calls);
      return;
    }
    waiting = [...message.calls];
    // Everything that has arrived by then shares one flush.
    setImmediate(flush, writer);
  });
  send({ kind: "opened" });
} catch (error) {
  const { code, message } = storeFailure(error, "Open session store");
  send({ kind: "failed", code, message });
  port.close();
}
