import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { freePort, hasServer } from "./server-program.ts";

/** A real PostgreSQL of a test's own, over a folder of its own, that flushes before it answers. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Kills all its processes at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again over what it left. */
  start(): Promise<void>;
  /** Ends it by the book, breaking its connections. */
  stop(): Promise<void>;
  /** Runs statements in its database and gives the last one's rows. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

const HOME = "/usr/lib/postgresql";

/** Where Debian puts its programs, the newest version first; elsewhere they are on the path. */
function findPrograms(): string {
  if (!existsSync(HOME)) return "";
  const versions = readdirSync(HOME).filter((version) => existsSync(join(HOME, version, "bin/postgres")));
  const [newest] = versions.toSorted((a, b) => Number(b) - Number(a));
  return newest === undefined ? "" : join(HOME, newest, "bin/");
}

const PROGRAMS = findPrograms();

/** Whether there is a PostgreSQL to test with. Where it must be (CI) and isn't, the run fails. */
export const hasPostgres = hasServer(`${PROGRAMS}postgres`) && hasServer(`${PROGRAMS}initdb`);

/** It refuses to run as root: then the first of these users does. */
function findUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const ids = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, name], { encoding: "utf8" }).stdout));
    const [uid = 0, gid = 0] = ids;
    if (uid > 0) return { uid, gid };
  }
  throw new Error("expected a user that PostgreSQL can run as");
}

const MEMORY = "/dev/shm";

/** A folder in memory outlives the processes that are killed, and a restart needs no busy disk to have thousands of files flushed. */
function roomyMemory(): string | undefined {
  if (!existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > 2 ** 30 ? MEMORY : undefined;
}

const PASSWORD = "s3cret";

function childrenOf(parent: number): number[] {
  const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(parent)], { encoding: "utf8" });
  return stdout.split("\n").map(Number).filter(Boolean);
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** How a server is started. */
export interface PostgresOptions {
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Whether its files must be where flushes take their time, for measurements. */
  readonly isOnDisk?: boolean;
}

/**
 * Starts a server on a free port of the loopback interface; `settings` are added to its configuration. With `tls` it takes nothing else,
 * under that certificate.
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  { tls, isOnDisk = false }: PostgresOptions = {},
): Promise<PostgresServer> {
  const user = findUser();
  const dir = mkdtempSync(join((isOnDisk ? undefined : roomyMemory()) ?? tmpdir(), "greentic-postgres-"));
  const data = join(dir, "data");
  if (user !== undefined) chownSync(dir, user.uid, user.gid);
  const made = spawnSync(
    `${PROGRAMS}initdb`,
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-k"],
    { ...user, cwd: dir, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const all = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    shared_buffers: "32MB",
    max_connections: "60",
    ...settings,
  };
  if (tls !== undefined) {
    for (const [from, name] of [
      [tls.certFile, "server.crt"],
      [tls.keyFile, "server.key"],
    ] as const) {
      const file = join(data, name);
      writeFileSync(file, readFileSync(from), { mode: 0o600 });
      if (user !== undefined) chownSync(file, user.uid, user.gid);
    }
    Object.assign(all, { ssl: "on" });
    writeFileSync(
      join(data, "pg_hba.conf"),
      "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n",
    );
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
  appendFileSync(join(data, "postgresql.conf"), lines.join(""));
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill(signal);
    await ended;
  };
  const connect = async <T>(use: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({
      host: "127.0.0.1",
      port,
      user: "postgres",
      database: "postgres",
      ssl: tls && { rejectUnauthorized: false },
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await use(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const server: PostgresServer = {
    port,
    url: `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`,
    async kill() {
      if (child?.pid === undefined) return;
      // Its processes are no group, and those that outlive it would keep the next one from starting.
      child.kill("SIGSTOP");
      for (const pid of childrenOf(child.pid)) tryKill(pid);
      await end("SIGKILL");
    },
    // SIGINT is its "fast" shutdown.
    stop: () => end("SIGINT"),
    async start() {
      for (let tries = 0; tries < 1_600; tries++) {
        // While one of its processes from before is yet to die, it ends at its start.
        if (child === undefined || child.exitCode !== null)
          child = spawn(`${PROGRAMS}postgres`, ["-D", data], { ...user, cwd: dir, stdio: "ignore" });
        if (await connect(() => Promise.resolve(true)).catch(() => false)) return;
        await sleep(25);
      }
      throw new Error("postgres doesn't get ready");
    },
    sql: (text) =>
      connect(async (client) => {
        const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
        return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) as readonly Readonly<
          Record<string, unknown>
        >[];
      }),
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await using unfinished = new AsyncDisposableStack();
  unfinished.use(server);
  await server.start();
  unfinished.move();
  return server;
}
