/** A host that dies at named points, and is there again each time. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";

/** The n-th time, from 1, that a host comes by a point. */
export interface Passing {
  readonly point: string;
  readonly nth: number;
}

/** What the hook reads. `id` is another for each plan; passings are counted from when it was made. */
export interface CrashPlan {
  readonly id: number;
  readonly at?: Passing;
  /** A file that gets the name of every point that is passed. */
  readonly trace?: string;
}

interface CrashHostOptions {
  readonly bundle: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a host that nothing is planned for. */
export async function startCrashHost(options: CrashHostOptions): Promise<CrashHost> {
  const host = new CrashHost(options);
  await host.start();
  return host;
}

/** A host that ends where it is planned to, and is started again each time. */
export class CrashHost implements AsyncDisposable {
  readonly url: string;
  readonly #options: CrashHostOptions;
  readonly #plan: string;
  readonly #trace: string;
  #host: HostProcess | undefined;
  #starting: Promise<void> = Promise.resolve();
  #isStopping = false;
  #plans = 0;
  #left: Passing[] = [];
  #spent = Promise.withResolvers<void>();
  /** How often it died. */
  deaths = 0;
  /** How it ended where nobody planned that. */
  readonly otherEnds: string[] = [];

  constructor(options: CrashHostOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
    this.#plan = join(options.bundle, "crash-plan.json");
    this.#trace = join(options.bundle, "crash-trace.txt");
    this.#write({});
  }

  async start(): Promise<void> {
    const { bundle, port, env } = this.#options;
    const hook = pathToFileURL(join(import.meta.dirname, "crash-points.hook.ts"));
    hook.search = encodeURIComponent(this.#plan);
    try {
      this.#host = await startHostProcess(".", {
        cwd: bundle,
        nodeArgs: ["--import", hook.href],
        args: ["--port", String(port), "--data", join(bundle, "data")],
        env,
      });
    } catch (error) {
      // One that dies while it starts dies as planned.
      if (this.#left.length === 0) throw error;
      return this.#again();
    }
    void this.#watch(this.#host);
  }

  /** Plans where it dies, and where it does again in what follows. */
  arm(passings: readonly Passing[]): void {
    this.#left = [...passings];
    this.#spent = Promise.withResolvers<void>();
    this.#write(passings[0] === undefined ? {} : { at: passings[0] });
  }

  /** Resolves once it has died wherever it was planned to and is there again. */
  spent(): Promise<void> {
    return this.#spent.promise;
  }

  /** Plans nothing any more; returns at how many points it wasn't. */
  async disarm(): Promise<number> {
    this.#write({});
    await this.#starting;
    return this.#left.length;
  }

  /** Writes down every point that is passed while something happens. */
  async trace(work: () => Promise<void>): Promise<readonly string[]> {
    writeFileSync(this.#trace, "");
    this.#write({ trace: this.#trace });
    await work();
    this.#write({});
    return readFileSync(this.#trace, "utf8").trim().split("\n");
  }

  /** SIGTERM, then waits for the end. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    await this.#starting;
    return (await this.#host?.stop()) ?? -1;
  }

  /** Leaves no process behind, whatever became of the test. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#starting;
    await this.#host?.kill();
  }

  async #watch(host: HostProcess): Promise<void> {
    const code = await host.ended;
    if (this.#isStopping) return;
    if (code !== -1 || this.#left.length === 0) this.otherEnds.push(`${code}: ${host.said.slice(-5).join("\n")}`);
    this.#starting = this.#again();
    await this.#starting;
  }

  async #again(): Promise<void> {
    this.deaths++;
    this.#left.shift();
    this.#write(this.#left[0] === undefined ? {} : { at: this.#left[0] });
    await this.start();
    if (this.#left.length === 0) this.#spent.resolve();
  }

  /** The host may read at any time: what it reads is whole. */
  #write(plan: Omit<CrashPlan, "id">): void {
    writeFileSync(`${this.#plan}.next`, JSON.stringify({ ...plan, id: ++this.#plans } satisfies CrashPlan));
    renameSync(`${this.#plan}.next`, this.#plan);
  }
}
