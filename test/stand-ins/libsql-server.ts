/**
 * libSQL's server as far as its official client asks for it: Hrana over HTTP (pipelines of version 2 and 3 in JSON, with streams and
 * their batons) over the real engine. A stream between two requests keeps what it has locked, until it is closed or expires.
 * @see https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPeer } from "../peers/load-peer.ts";

type Json = Readonly<Record<string, unknown>>;
type Value =
  | { readonly type: "null" }
  | { readonly type: "integer" | "text"; readonly value: string }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "blob"; readonly base64: string };

interface Stmt {
  readonly sql?: string;
  readonly sql_id?: number;
  readonly args?: readonly Value[];
  readonly want_rows?: boolean;
}
type Cond =
  | { readonly type: "ok" | "error"; readonly step: number }
  | { readonly type: "not"; readonly cond: Cond }
  | { readonly type: "and" | "or"; readonly conds: readonly Cond[] }
  | { readonly type: "is_autocommit" };
interface StepError {
  readonly message: string;
  readonly code: string;
}

/** As much of the engine as is used. */
interface Engine {
  readonly inTransaction: boolean;
  prepare(sql: string): {
    readonly reader: boolean;
    raw(): { all(...args: unknown[]): unknown[][] };
    columns(): readonly { readonly name: string }[];
    run(...args: unknown[]): { readonly changes: number };
  };
  exec(sql: string): void;
  close(): void;
}

interface Stream {
  readonly engine: Engine;
  readonly sqls: Map<number, string>;
  expiry?: NodeJS.Timeout;
}

export interface LibsqlServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Moves with each transaction that is committed. */
  commits: number;
  /** Answers everything with this status while it is set. */
  failing: number | undefined;
  /** Every SQL text that was asked for. */
  readonly asked: string[];
  /** Ends it in the middle of whatever is under way, as a kill would, and what streams held with it. */
  kill(): Promise<void>;
  /** Starts it again over what it left, at the same port. */
  start(): Promise<void>;
}

export interface LibsqlServerOptions {
  readonly token?: string;
  /** How long a stream stays that nobody asks. The real one's: 10 s. */
  readonly streamMs?: number;
  /** What an answer may hold of rows. The real one's: 10 MB. */
  readonly answerBytes?: number;
}

export async function startLibsql(options: LibsqlServerOptions = {}): Promise<LibsqlServer> {
  const { token, streamMs = 10_000, answerBytes = 10_000_000 } = options;
  const Database = loadPeer("libsql") as new (file: string, options: object) => Engine;
  const dir = mkdtempSync(join(tmpdir(), "greentic-libsql-"));
  const streams = new Map<string, Stream>();
  const idle: Engine[] = [];
  let http: Server;

  const open = (): Engine => {
    const engine = idle.pop();
    if (engine !== undefined) return engine;
    // Whoever finds the lock taken is told at once: this process can't wait for what it has to do itself.
    const fresh = new Database(join(dir, "data.db"), { timeout: 0 });
    fresh.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    return fresh;
  };
  const close = ({ engine, expiry }: Stream): void => {
    clearTimeout(expiry);
    if (engine.inTransaction) engine.exec("ROLLBACK");
    idle.push(engine);
  };

  const execute = (stream: Stream, stmt: Stmt): Json => {
    const sql = textOf(stream, stmt);
    server.asked.push(sql);
    const wasOpen = stream.engine.inTransaction;
    const statement = stream.engine.prepare(sql);
    const args = (stmt.args ?? []).map(decode);
    const rows = statement.reader ? statement.raw().all(...args) : [];
    const changes = statement.reader ? 0 : statement.run(...args).changes;
    if (wasOpen && !stream.engine.inTransaction && /^commit/i.test(sql)) server.commits++;
    const size = rows.flat().reduce<number>((sum, cell) => sum + String(cell).length, 0);
    if (size > answerBytes) throw Object.assign(new Error("Response is too large"), { code: "RESPONSE_TOO_LARGE" });
    return {
      cols: statement.reader ? statement.columns().map(({ name }) => ({ name, decltype: null })) : [],
      rows: stmt.want_rows === false ? [] : rows.map((row) => row.map(encode)),
      affected_row_count: changes,
      last_insert_rowid: null,
    };
  };

  const batch = (stream: Stream, steps: readonly { readonly stmt: Stmt; readonly condition?: Cond | null }[]): Json => {
    const results: (Json | null)[] = [];
    const errors: (StepError | null)[] = [];
    const holds = (cond: Cond): boolean => {
      switch (cond.type) {
        case "ok":
          return results[cond.step] != null;
        case "error":
          return errors[cond.step] != null;
        case "not":
          return !holds(cond.cond);
        case "and":
          return cond.conds.every(holds);
        case "or":
          return cond.conds.some(holds);
        case "is_autocommit":
        default:
          return !stream.engine.inTransaction;
      }
    };
    for (const { stmt, condition } of steps) {
      let result: Json | null = null;
      let error: StepError | null = null;
      if (condition == null || holds(condition)) {
        try {
          result = execute(stream, stmt);
        } catch (thrown) {
          error = errorOf(thrown);
        }
      }
      results.push(result);
      errors.push(error);
    }
    return { step_results: results, step_errors: errors };
  };

  const handle = (stream: Stream, request: Json): Json => {
    switch (request["type"]) {
      case "execute":
        return { result: execute(stream, request["stmt"] as Stmt) };
      case "batch":
        return { result: batch(stream, (request["batch"] as { readonly steps: never[] }).steps) };
      case "sequence":
        stream.engine.exec(textOf(stream, request));
        return {};
      case "store_sql":
        stream.sqls.set(Number(request["sql_id"]), String(request["sql"]));
        return {};
      case "close_sql":
        stream.sqls.delete(Number(request["sql_id"]));
        return {};
      case "get_autocommit":
        return { is_autocommit: !stream.engine.inTransaction };
      default:
        throw Object.assign(new Error("not understood by the stand-in"), { code: "UNKNOWN_REQUEST" });
    }
  };

  /** Does all requests of a pipeline before anything else, as one stream. */
  const pipeline = ({
    baton,
    requests,
  }: {
    readonly baton?: string | null;
    readonly requests: readonly Json[];
  }): Json => {
    let stream: Stream = { engine: undefined as unknown as Engine, sqls: new Map() };
    if (baton == null) stream = { engine: open(), sqls: new Map() };
    else {
      const known = streams.get(baton);
      if (known === undefined) return { message: "The stream has expired due to inactivity", code: "STREAM_EXPIRED" };
      streams.delete(baton);
      clearTimeout(known.expiry);
      stream = known;
    }
    let isOpen = true;
    const results = requests.map((request) => {
      if (request["type"] === "close") {
        isOpen = false;
        return { type: "ok", response: { type: "close" } };
      }
      try {
        return { type: "ok", response: { type: request["type"], ...handle(stream, request) } };
      } catch (error) {
        return { type: "error", error: errorOf(error) };
      }
    });
    if (!isOpen) {
      close(stream);
      return { baton: null, base_url: null, results };
    }
    const next = randomUUID();
    stream.expiry = setTimeout(() => {
      streams.delete(next);
      close(stream);
    }, streamMs);
    streams.set(next, stream);
    return { baton: next, base_url: null, results };
  };

  const makeServer = (): Server =>
    createServer((request, response) => {
      const chunks: Buffer[] = [];
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (server.failing !== undefined) answer(server.failing, { error: "said by the stand-in" });
        else if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
          answer(401, { error: "Unauthorized: `The JWT is invalid`" });
        } else if (!/^\/v[23]\/pipeline$/.test(request.url ?? "")) answer(404, { error: "not found" });
        else {
          const said = pipeline(JSON.parse(Buffer.concat(chunks).toString()) as never);
          answer("results" in said ? 200 : 400, said);
        }
      });
    });

  const server: LibsqlServer = {
    port: 0,
    get url() {
      return `http://127.0.0.1:${this.port}`;
    },
    commits: 0,
    failing: undefined,
    asked: [],
    async kill() {
      http.close();
      http.closeAllConnections();
      await once(http, "close");
      for (const stream of streams.values()) close(stream);
      streams.clear();
    },
    async start() {
      http = makeServer();
      http.listen(server.port, "127.0.0.1");
      await once(http, "listening");
      Object.assign(server, { port: (http.address() as AddressInfo).port });
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      for (const engine of idle) engine.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function decode(value: Value): unknown {
  switch (value.type) {
    case "null":
      return null;
    case "integer":
      return BigInt(value.value);
    case "float":
    case "text":
      return value.value;
    case "blob":
    default:
      return Buffer.from(value.base64, "base64");
  }
}

function textOf({ sqls }: Stream, { sql, sql_id: id = -1 }: Stmt): string {
  return sql ?? sqls.get(id) ?? "";
}

function encode(cell: unknown): Value {
  if (cell === null) return { type: "null" };
  if (typeof cell === "string") return { type: "text", value: cell };
  if (cell instanceof Uint8Array) return { type: "blob", base64: Buffer.from(cell).toString("base64") };
  const number = Number(cell);
  return Number.isInteger(number) ? { type: "integer", value: `${number}` } : { type: "float", value: number };
}

/** The server tells primary codes alone: SQLITE_CONSTRAINT, not which. */
function errorOf(thrown: unknown): StepError {
  const { message, code } = thrown as { readonly message: string; readonly code?: string };
  return { message, code: /^SQLITE_[A-Z]+/.exec(code ?? "")?.[0] ?? code ?? "UNKNOWN" };
}
