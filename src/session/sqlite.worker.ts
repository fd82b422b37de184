// The thread that owns a store's file. Flushing takes it a fraction of a millisecond at a time, which the event loop is spared.
import { parentPort, workerData } from "node:worker_threads";
import type { FromWorker, RawCall, ToWorker } from "./sqlite-protocol.ts";
import { storeFailure } from "./sqlite-failure.ts";
import { openDatabase } from "./sqlite-schema.ts";
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

try {
  const { file, nowMs } = workerData as { readonly file: string; readonly nowMs: number };
  const writer = new SqliteWriter(openDatabase(file), nowMs, ({ code, message }) =>
    send({ kind: "damaged", code, message }),
  );
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
