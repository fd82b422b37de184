import type { Bundle, BundleProvider, Config, Environment } from "../config/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import { AppReader } from "./app-reader.ts";
import type { PackChannel } from "./pack-channels.ts";
import { serveChannel, withComponents } from "./pack-channels.ts";

/** What is told of a channel whose bundle names a pack for it. */
export interface PackChannelReport extends Partial<Pick<PackChannel, "config" | "secret">> {
  /** What its pack's channel lacks; undefined where the pack doesn't serve it. */
  readonly problems?: readonly string[];
  readonly servedBy?: string;
  /** Why the pack doesn't serve it. */
  readonly why?: string;
}

/** Opens the packs that a bundle names for its channels, and tells which of them serve and what they lack. */
export async function servePackChannels(
  bundle: Bundle,
  parts: {
    readonly config: Config;
    readonly secrets: SecretReader;
    readonly environment: Environment;
    readonly audit: AuditLog;
    readonly isDevOk?: boolean;
  },
): Promise<ReadonlyMap<BundleProvider, PackChannelReport>> {
  const { config, secrets, environment, audit, isDevOk = false } = parts;
  const reader = new AppReader({ config, environment, bundle, audit, isDevOk, warn: () => undefined });
  return await withComponents(async (components) => {
    const reports = new Map<BundleProvider, PackChannelReport>();
    for (const provider of bundle.providers) {
      if (provider.prefers !== "pack") continue;
      const serving = await serveChannel(provider, {
        config,
        secrets,
        components,
        world: createMachineWorld(),
        http: {},
        readPack: (one) => reader.readProvider(one),
      });
      reports.set(
        provider,
        serving.kind === "pack"
          ? {
              problems: await serving.problems(),
              servedBy: serving.servedBy,
              config: serving.config,
              secret: serving.secret,
            }
          : { ...(serving.why !== undefined && { why: serving.why }) },
      );
    }
    return reports;
  });
}
