// Loaded before a host and its threads by `--import`: ends the process by SIGKILL at the n-th passing of a named point. The plan is the
// file that this module's address names after its question mark; it is read at each passing, so that a running host can be given one.
import { appendFileSync, readFileSync } from "node:fs";
import { ClientRequest, ServerResponse } from "node:http";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";
import type { CrashPlan } from "./crash-host.ts";

const FILE = decodeURIComponent(new URL(import.meta.url).search.slice(1));
/** What of the store a turn or a send waits for. */
const OPERATIONS = ["accept", "lease", "record", "commit", "claimSends", "beginSend", "endSend"] as const;
/** Requests that the host makes, by what their paths hold. */
const REQUESTS = { send: "/sendMessage", effect: "/seal", fetch: "/getUpdates" } as const;

type Method = (this: unknown, ...args: never[]) => unknown;

let plan = -1;
let passed = 0;

function pass(point: string): void {
  const { id, trace, at } = JSON.parse(readFileSync(FILE, "utf8")) as CrashPlan;
  if (trace !== undefined) appendFileSync(trace, `${point}\n`);
  if (id !== plan) passed = 0;
  plan = id;
  if (at?.point !== point || ++passed !== at.nth) return;
  process.kill(process.pid, "SIGKILL");
  // The signal ends every thread; until it does, this one does nothing more.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function wrap(prototype: object, name: string, make: (original: Method) => Method): void {
  Reflect.set(prototype, name, make(Reflect.get(prototype, name) as Method));
}

/** Each flush, by the operations that share it. */
async function watchFlushes(): Promise<void> {
  const { SqliteWriter } = await import("../../src/session/sqlite-writer.ts");
  let operations: readonly string[] = ["opening"];
  wrap(
    SqliteWriter.prototype,
    "run",
    (run) =>
      function (calls, clock) {
        const names = new Set((calls as readonly (readonly [string])[]).map(([name]) => name));
        operations = OPERATIONS.filter((name) => names.has(name));
        return run.call(this, calls, clock);
      },
  );
  wrap(
    DatabaseSync.prototype,
    "prepare",
    (prepare) =>
      function (sql) {
        const statement = prepare.call(this, sql) as StatementSync;
        if (sql !== "COMMIT") return statement;
        const commit = statement.run.bind(statement);
        statement.run = () => {
          for (const name of operations) pass(`${name}: before its flush`);
          const result = commit();
          for (const name of operations) pass(`${name}: flushed`);
          return result;
        };
        return statement;
      },
  );
}

/** What the host asks its store, and when it is told. */
async function watchStore(): Promise<void> {
  const { SqliteSessionStore } = await import("../../src/session/sqlite-store.ts");
  for (const name of OPERATIONS) {
    wrap(
      SqliteSessionStore.prototype,
      name,
      (original) =>
        async function (...args) {
          pass(`${name}: asked`);
          const result = await original.apply(this, args);
          pass(`${name}: told`);
          return result;
        },
    );
  }
}

async function watchBus(): Promise<void> {
  const { openInProcessBus } = await import("../../src/bus/in-process-bus.ts");
  await using bus = openInProcessBus();
  wrap(
    Object.getPrototypeOf(bus) as object,
    "publish",
    (publish) =>
      function (...args) {
        pass("announce: before");
        publish.apply(this, args);
        pass("announce: done");
      },
  );
}

/** What people are answered, and what platforms and tools are asked. */
function watchHttp(): void {
  wrap(
    ServerResponse.prototype,
    "end",
    (end) =>
      function (...args) {
        const response = this as ServerResponse;
        const isMessage = response.req.method === "POST" && response.req.url?.endsWith("/activities") === true;
        if (!isMessage) return end.apply(this, args);
        pass("2xx: before");
        response.once("finish", () => pass("2xx: out"));
        return end.apply(this, args);
      },
  );
  const kindOf = ({ path }: ClientRequest): string | undefined =>
    Object.entries(REQUESTS).find(([, part]) => path.includes(part))?.[0];
  wrap(
    ClientRequest.prototype,
    "end",
    (end) =>
      function (...args) {
        const request = this as ClientRequest;
        const kind = kindOf(request);
        if (kind === undefined) return end.apply(this, args);
        pass(`${kind}: before its first byte`);
        request.once("finish", () => pass(`${kind}: out`));
        request.once("response", () => pass(`${kind}: answered`));
        return end.apply(this, args);
      },
  );
}

if (isMainThread) {
  if (process.argv.includes("start")) {
    watchHttp();
    await watchBus();
    await watchStore();
  }
} else await watchFlushes();
