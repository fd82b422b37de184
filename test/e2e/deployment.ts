/** Gateway, two workers and a sender as processes of their own over one store and one NATS, each of which can be killed or stopped. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../stand-ins/server-program.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { pause } from "./kill-harness.ts";
import type { SeenDeadLetter, SeenRow } from "./kill-harness.ts";
import { ROOT } from "./shell.ts";

const MEMBERS = {
  gateway: "gateway",
  "worker-1": "worker",
  "worker-2": "worker",
  egress: "egress",
} as const;

/** A process of the deployment by its name, which is its data directory too. */
export type Member = keyof typeof MEMBERS;
export const MEMBER_NAMES = Object.keys(MEMBERS) as readonly Member[];

export interface DeploymentOptions {
  /** Made by `makeKillBundle(MEMBER_NAMES)`. */
  readonly bundle: string;
  /** The variables that name the store that they share. */
  readonly store: Readonly<Record<string, string>>;
  readonly natsUrl: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts all four. */
export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const deployment = new Deployment(options, await freePort());
  await Promise.all(MEMBER_NAMES.map((name) => deployment.start(name)));
  return deployment;
}

export class Deployment {
  readonly gatewayUrl: string;
  readonly #options: DeploymentOptions;
  readonly #port: number;
  readonly #running = new Map<Member, HostProcess>();

  constructor(options: DeploymentOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.gatewayUrl = `http://127.0.0.1:${port}`;
  }

  async start(name: Member): Promise<void> {
    const { bundle } = this.#options;
    const port = name === "gateway" ? this.#port : 0;
    this.#running.set(
      name,
      await startHostProcess(".", {
        cwd: bundle,
        args: ["--role", MEMBERS[name], "--port", String(port), "--data", join(bundle, name)],
        env: this.#env(),
      }),
    );
  }

  /** SIGKILL, and the next one in its place. */
  async kill(name: Member): Promise<void> {
    await this.#running.get(name)?.kill();
    await this.start(name);
  }

  /** SIGSTOP for a while: it holds leases and claims that others take over meanwhile, and goes on as if nothing had been. */
  async freeze(name: Member, ms: number): Promise<void> {
    const child = this.#running.get(name)?.child;
    child?.kill("SIGSTOP");
    await pause(ms);
    child?.kill("SIGCONT");
  }

  /** SIGTERM to all; returns their exit codes. */
  async stop(): Promise<readonly number[]> {
    return Promise.all([...this.#running.values()].map((host) => host.stop()));
  }

  /** Every row of the shared outbox. */
  async rows(): Promise<readonly SeenRow[]> {
    return (await this.#list("outbox")) as SeenRow[];
  }

  /** Every dead letter, of both stages. */
  async deadLetters(): Promise<readonly SeenDeadLetter[]> {
    return (await this.#list("dlq")) as SeenDeadLetter[];
  }

  async #list(what: "outbox" | "dlq"): Promise<unknown> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, "src/cli/main.ts"), what, "list", "--json", "--limit", "100000"],
      { cwd: this.#options.bundle, env: this.#env(), maxBuffer: 1 << 28 },
    );
    return JSON.parse(stdout);
  }

  /** What the processes said on stderr, for a test that failed. */
  said(): string {
    return [...this.#running].map(([name, { said }]) => `${name}:\n${said.slice(-20).join("\n")}`).join("\n");
  }

  #env(): Readonly<Record<string, string>> {
    const { store, natsUrl, env } = this.#options;
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      GREENTIC_LOG_LEVEL: "error",
      ...store,
      GREENTIC_NATS_URL: natsUrl,
      ...env,
    };
  }
}
