import type { Bundle, BundleProvider, Config } from "../config/index.ts";
import { hostAddresses, openHttp, sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import { checkSettings, isNeeded, providerOf } from "../messaging/index.ts";
import type { KeepFile, Provider, ProviderTimer } from "../messaging/index.ts";
import { checkSchedule } from "../runner/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { readAs } from "../secrets/index.ts";
import { channelId, GreenticError, toGreenticError } from "../types/index.ts";
import type { PackChannelParts } from "./pack-channels.ts";
import { serveChannel } from "./pack-channels.ts";
import type { TenantCtx, World } from "../types/index.ts";
import { movedAddress } from "./setup/callback-url.ts";

const UNSERVED = 'this version has no built-in channel for its pack; name its "type" where one fits';

export interface ChannelParts {
  readonly config: Config;
  readonly world: World;
  readonly http: HttpOptions;
  readonly secrets: SecretReader;
  readonly keepFile?: KeepFile;
  readonly warn: (message: string) => void;
  /** Says which pack serves a channel. */
  readonly tell?: ((message: string) => void) | undefined;
}

/**
 * Opens the channels of a bundle, by the packs that it names or by their built-in adapters; one that lacks something is told of and
 * runs as far as it can.
 */
export async function openChannels(
  bundle: Bundle | undefined,
  parts: ChannelParts & PackChannelParts,
): Promise<readonly Provider[]> {
  if (bundle === undefined) return [];
  const opened = await Promise.all(
    bundle.providers.map(async (provider) => {
      const moved = movedAddress(provider, { bundle, config: parts.config });
      if (moved !== undefined) parts.warn(`channel ${provider.name}: ${moved}`);
      const serving = await serveChannel(provider, parts);
      if (serving.kind !== "pack") {
        if (serving.why !== undefined) parts.warn(`channel ${provider.name}: ${serving.why}`);
        return openChannel(provider, parts);
      }
      parts.tell?.(`channel ${provider.name} is served by ${serving.servedBy}`);
      void serving
        .problems()
        .then((problems) => problems.forEach((problem) => parts.warn(`channel ${provider.name}: ${problem}`)));
      return [serving.provider];
    }),
  );
  return opened.flat();
}

function openChannel(provider: BundleProvider, parts: ChannelParts): readonly Provider[] {
  const { config, world, http, keepFile, warn } = parts;
  const { name, type, tenant, team } = provider;
  const secret = channelSecret(provider, parts);
  // A bundle brings providers of every domain; what isn't served yet, or lacks something, must not keep the rest from running.
  void channelProblems(provider, secret).then((problems) =>
    problems.forEach((problem) => warn(`channel ${name}: ${problem}`)),
  );
  if (type === undefined) return [];
  const entry = providerOf(type);
  const address = { env: config.env, tenant, team, channel: channelId(entry.channel ?? name) };
  return [
    entry.create(address, {
      world,
      http: (request, { signal } = {}) => sendHttp(request, { ...http, ...(signal && { signal }) }),
      openHttp: (request, options = {}) => openHttp(request, { ...http, ...options }),
      ...(keepFile && { keepFile }),
      findAddresses: (host) => hostAddresses(host, http),
      warn: (problem) => warn(`channel ${name}: ${problem}`),
      config: provider.config,
      secret,
      secrets: async (of) => {
        const values = await Promise.all([secret(of), secret(`${of}_previous`)]);
        return values.filter((value) => value !== "");
      },
    }),
  ];
}

/** Says why a channel isn't live: secrets that are needed and not there or misshapen, settings that are wrong; empty where it is. */
export async function channelProblems(
  { name, type, tenant, config }: BundleProvider,
  secret: (of: string) => Promise<string>,
): Promise<readonly string[]> {
  if (type === undefined) return [`isn't served: ${UNSERVED}`];
  const entry = providerOf(type);
  const problems = [...checkSettings(entry, config)];
  problems.push(...(await timeProblems(entry.timesIn?.(config))));
  for (const one of entry.secrets) {
    const { name: of, form } = one;
    try {
      const value = await secret(of);
      const isMissing = value === "" && isNeeded(one, config);
      const isMisshapen = value !== "" && form !== undefined && !form.pattern.test(value);
      if (!isMissing && !isMisshapen) continue;
      const what = isMissing ? of : `a ${of} of ${form?.words ?? ""}`;
      problems.push(`waits for ${what}: greentic-secrets set ${of} --category ${name} --tenant ${tenant}`);
    } catch (error) {
      const why = error instanceof GreenticError ? error.message : `its ${of} can't be read`;
      problems.push(why);
    }
  }
  return problems;
}

async function timeProblems(times: ProviderTimer["times"] | undefined): Promise<readonly string[]> {
  if (times === undefined) return [];
  try {
    await checkSchedule(times);
    return [];
  } catch (error) {
    return [toGreenticError(error, "RUNNER_CRON_INVALID", "Read times of channel").message];
  }
}

/** Reads a channel's secrets as they stand, its team's own before its tenant's; empty where there is none. */
export function channelSecret(
  provider: BundleProvider,
  { config, secrets }: Pick<ChannelParts, "config" | "secrets">,
): (of: string) => Promise<string> {
  const ctx = ctxOf(provider, config);
  const reader = readAs(secrets, `channel:${provider.name}`);
  return async (of) => (await reader.get(ctx, provider.name, of)) ?? "";
}

/** The context in which a channel's secrets are read and kept. */
export function ctxOf({ tenant, team }: BundleProvider, { env }: Pick<Config, "env">): TenantCtx {
  return { env, tenant, team, traceId: "", correlationId: "", attempt: 1, locale: "en" };
}
