import type { TrustPolicy } from "../pack/index.ts";
import type { PackApp, Runtime } from "../runner/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import type { World } from "../types/index.ts";
import { packTarget } from "./audit.ts";

/** Well within the minute in which a revoked key must be without effect. */
const INTERVAL_MS = 15_000;

export interface TrustWatchOptions {
  readonly runtime: Pick<Runtime, "loadPack" | "retainPack" | "revokePack">;
  readonly world: Pick<World, "nowMs" | "schedule">;
  /** The packs that run now. */
  readonly apps: () => Iterable<PackApp>;
  /** Older versions that sessions may still wait on. */
  readonly retired?: () => Iterable<PackApp>;
  readonly readTrust: () => Promise<TrustPolicy>;
  readonly audit: AuditLog;
  readonly warn: (message: string) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Judges the packs that run again and again by the trust of now: a pack whose signatures count no more, since a key was revoked
 * or its time is over, starts no flow any more, and none goes on with it: what waits there is moved to a version that is trusted, or
 * stopped, as its app says. Where trust can't be read, what runs stays as it is.
 */
export class TrustWatch implements AsyncDisposable {
  readonly #options: TrustWatchOptions;
  readonly #refused = new Map<PackApp, string>();
  #checking: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;

  constructor(options: TrustWatchOptions) {
    this.#options = options;
  }

  /** Checks every fifteen seconds from now on. */
  start(): void {
    this.#cancel = this.#options.world.schedule(INTERVAL_MS, () => {
      void this.check()
        .catch(this.#options.onError)
        .finally(() => {
          if (this.#cancel !== undefined) this.start();
        });
    });
  }

  /** Judges all packs once; checks follow one another. @throws what reading trust throws */
  check(): Promise<void> {
    this.#checking = this.#checking.catch(() => undefined).then(() => this.#check());
    return this.#checking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#checking.catch(() => undefined);
  }

  async #check(): Promise<void> {
    const { readTrust, apps, retired, world } = this.#options;
    const trust = await readTrust();
    const running = new Set([...apps(), ...(retired?.() ?? [])]);
    for (const app of this.#refused.keys()) if (!running.has(app)) this.#refused.delete(app);
    for (const app of running) {
      // Who let it run without a trusted signature decided about that, and about nothing else.
      const isLenient = app.pack.report.signature.status !== "valid";
      const by = { trust: isLenient ? { ...trust, rejectUnsigned: false } : trust, nowMs: world.nowMs() };
      const { findings } = await app.pack.judge(by);
      const problem = findings.find((finding) => finding.severity === "error");
      if (problem !== undefined && !this.#refused.has(app)) await this.#unload(app, problem);
      if (problem === undefined && this.#refused.has(app)) await this.#restore(app);
    }
  }

  async #unload(app: PackApp, { code, message }: { readonly code: string; readonly message: string }): Promise<void> {
    const { runtime, warn } = this.#options;
    // First what counts: an audit that fails must not keep the pack.
    runtime.revokePack(app.scope, app.pack);
    this.#refused.set(app, code);
    warn(`pack ${app.pack.name} of ${app.scope.tenant} starts no flow any more: ${message}`);
    await this.#record("pack.unloaded", app, code);
  }

  async #restore(app: PackApp): Promise<void> {
    const { runtime, warn, apps } = this.#options;
    const code = this.#refused.get(app);
    await ([...apps()].includes(app) ? runtime.loadPack(app) : runtime.retainPack(app));
    this.#refused.delete(app);
    warn(`pack ${app.pack.name} of ${app.scope.tenant} runs again`);
    await this.#record("pack.restored", app, code);
  }

  async #record(
    action: "pack.unloaded" | "pack.restored",
    { scope: { env, tenant, team }, pack }: PackApp,
    code: string | undefined,
  ): Promise<void> {
    await this.#options.audit.record({
      actor: "host",
      action,
      target: packTarget(pack),
      outcome: "allowed",
      env,
      tenant,
      ...(team !== undefined && { team }),
      ...(code !== undefined && { code }),
    });
  }
}
