import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import type {
  Bundle,
  BundlePolicy,
  Config,
  Environment,
  PolicyConfig,
  PolicyRule,
  RetentionConfig,
} from "../config/index.ts";
import { loadConfig, policyFilesOf, readBundlePolicy } from "../config/index.ts";
import { PolicyGate, Quotas } from "../policy/index.ts";
import type { BytesKeeper, PolicyEngine, QuotaBuckets } from "../policy/index.ts";
import type { AuditLog, TurnEvent, TurnObserver } from "../telemetry/index.ts";
import { DEFAULT_TEAM, toGreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";
import { openPolicyEngine } from "./open-policy.ts";
import { watchFiles } from "./watch-files.ts";

export interface HostPolicyOptions {
  readonly config: Config;
  readonly environment: Environment;
  /** The bundle as it was read last. */
  readonly bundle: () => Bundle | undefined;
  /** Reads the bundle as it is now. */
  readonly readBundle: () => Promise<Bundle | undefined>;
  readonly world: World;
  readonly buckets: QuotaBuckets;
  /** Where tenants keep what a quota bounds. */
  readonly keepers: readonly BytesKeeper[];
  readonly audit: AuditLog;
  /** Hears denials and changes. */
  readonly observe: TurnObserver | undefined;
}

/** What a host follows while it runs. */
const FOLLOWED = ["policy", "quota", "residency", "retention", "bundle", "opa"] as const;

interface Settings extends Pick<Config, "policy" | "quota" | "residency" | "retention"> {
  readonly bundle: BundlePolicy | undefined;
  /** SHA-256 of OPA's WASM bundle. */
  readonly opa: string | undefined;
}

/** What came of reading policy anew. */
export interface PolicyReload {
  /** The sections that are others now; none where nothing changed. */
  readonly changed: readonly (typeof FOLLOWED)[number][];
  /** SHA-256 of all that counts now, lower-case hex: hosts with the same policy say the same. */
  readonly digest: string;
}

/**
 * Policy, quotas, residency and retention of a host, as its greentic.toml and its bundle have them. They are read anew all or nothing:
 * what can't be read, compiled or put on record changes nothing. What was begun goes on by what it was begun with.
 */
export class HostPolicy {
  readonly gate: PolicyGate;
  readonly quotas: Quotas;
  /** Always the times that count now. */
  readonly retention: RetentionConfig;
  readonly #options: HostPolicyOptions;
  #settings: Settings;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: HostPolicyOptions, settings: Settings, engine: PolicyEngine) {
    const { world, observe, audit, buckets, keepers } = options;
    this.#options = options;
    this.#settings = settings;
    this.gate = new PolicyGate({ engine, world, observe, audit });
    this.quotas = new Quotas({ quota: settings.quota, buckets, keepers, nowMs: () => world.nowMs() });
    const times = (): RetentionConfig => this.#settings.retention;
    this.retention = {
      get all() {
        return times().all;
      },
      get tenants() {
        return times().tenants;
      },
    };
  }

  /** Compiles what the configuration and the bundle say. @throws as `openPolicyEngine` */
  static async open(options: HostPolicyOptions): Promise<HostPolicy> {
    const settings = settingsOf(options.config, options.bundle());
    return new HostPolicy(options, settings, await openPolicyEngine(settings, options.world));
  }

  /** The rules that count now, the operator's before the bundle's. */
  get rules(): readonly PolicyRule[] {
    const { policy, bundle } = this.#settings;
    return [...policy.rules, ...(bundle?.rules ?? [])];
  }

  /**
   * Reads everything anew, one call after the other; a change is on record before it counts.
   * @throws CONFIG_… and POLICY_… with the place, TELEMETRY_AUDIT_FAILED; then nothing has changed
   */
  reload(): Promise<PolicyReload> {
    const mine = this.#last.then(() => this.#reload());
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** Reloads whenever a file changes that policy is made of. Returns how to stop. */
  watch({
    intervalMs,
    onError,
  }: {
    readonly intervalMs: number;
    readonly onError: (error: unknown) => void;
  }): () => void {
    const { config, bundle } = this.#options;
    return watchFiles(
      () => {
        const own = [config.file, opaFileOf(this.#settings.policy)];
        return [...own.filter((file) => file !== undefined), ...policyFilesOf(bundle()?.files)];
      },
      { intervalMs, onChange: () => this.reload().then(() => undefined, onError) },
    );
  }

  async #reload(): Promise<PolicyReload> {
    const { config, environment, readBundle, world, audit } = this.#options;
    try {
      const { file } = config;
      const said =
        file === undefined ? config : loadConfig({ cwd: dirname(file), environment, flags: { config: file } });
      const next = settingsOf(said, await readBundle());
      const changed = FOLLOWED.filter((name) => textOf(next[name]) !== textOf(this.#settings[name]));
      const digest = hash("sha256", FOLLOWED.map((name) => textOf(next[name])).join("\n"));
      const engine = await openPolicyEngine(next, world);
      if (changed.length > 0) {
        const target = `${changed.join(", ")} sha256:${digest}`;
        await audit.record({ ...this.#record, target, outcome: "allowed" });
      }
      this.#settings = next;
      this.gate.use(engine);
      this.quotas.use(next.quota);
      if (changed.length > 0) this.#tell({ outcome: "changed", sections: changed.join(", ") });
      return { changed, digest };
    } catch (thrown) {
      const error = toGreenticError(thrown, "CLI_INTERNAL", "Read policy anew");
      const { at, code } = error;
      const target =
        at === undefined ? "" : `${relative(dirname(config.file ?? at.file), at.file)}:${at.line}:${at.column}`;
      audit.note({ ...this.#record, target, outcome: "failed", code });
      this.#tell({ outcome: "refused", errorCode: code });
      throw error;
    }
  }

  get #record(): { readonly actor: string; readonly action: string; readonly env: string } {
    return { actor: "host", action: "policy.changed", env: this.#options.config.env };
  }

  #tell(said: Pick<TurnEvent & { readonly kind: "policy.changed" }, "outcome" | "sections" | "errorCode">): void {
    const { config, observe, world } = this.#options;
    const { env, tenant } = config;
    const ctx = { env, tenant, team: DEFAULT_TEAM, traceId: "", correlationId: "", attempt: 1, locale: "en" };
    observe?.({ kind: "policy.changed", ctx, ...said, atMs: world.nowMs() });
  }
}

function settingsOf({ policy, quota, residency, retention }: Config, bundle: Bundle | undefined): Settings {
  const file = opaFileOf(policy);
  return {
    policy,
    quota,
    residency,
    retention,
    bundle: bundle && readBundlePolicy(bundle.files),
    // Where it isn't there, opening it says so.
    opa: file !== undefined && existsSync(file) ? hash("sha256", readFileSync(file)) : undefined,
  };
}

function opaFileOf({ opa }: PolicyConfig): string | undefined {
  return opa?.source.kind === "wasm" ? opa.source.file : undefined;
}

/** Where rules stand in their files is nothing that they say. */
function textOf(settings: unknown): string {
  return JSON.stringify(settings, (key, value: unknown) => (key === "place" ? undefined : value)) ?? "";
}
