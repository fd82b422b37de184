import type { Bundle, BundleProvider, Config } from "../../config/index.ts";
import type { HttpOptions } from "../../http/index.ts";
import { parseHttpRewrites, sendHttp } from "../../http/index.ts";
import { providerOf } from "../../messaging/index.ts";
import type { SetupStep } from "../../messaging/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { isGreenticError } from "../../types/index.ts";
import { channelProblems, channelSecret } from "../channels.ts";
import { redactorOf } from "../known-secrets.ts";
import { commandSecrets } from "../command-secrets.ts";
import type { CommandIo } from "../command.ts";
import type { PackChannelReport } from "../pack-channel-report.ts";
import { servePackChannels } from "../pack-channel-report.ts";
import { callbackUrlOf, movedAddress, publicBaseUrl } from "./callback-url.ts";
import { verifyChannel } from "./setup-channel.ts";

/** One thing that doctor looked at. */
export interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const REACH_TIMEOUT_MS = 10_000;

/**
 * Checks the channels of a bundle: settings, secrets and addresses, and online what their platforms say. None where the configuration
 * can't be read, which is told by its own check.
 */
export async function checkChannels(
  bundle: Bundle,
  { config: load, io, isOnline }: { readonly config: () => Config; readonly io: CommandIo; readonly isOnline: boolean },
): Promise<readonly Check[]> {
  let config: Config;
  let http: HttpOptions;
  try {
    config = load();
    const rewrites = parseHttpRewrites(config.network.rewrite ?? "", config.env);
    http = { privateAddresses: config.network.privateAddresses, rewrites, signal: io.signal };
  } catch {
    return [];
  }
  await using kept = commandSecrets(config, io.environment);
  const redactor = redactorOf(config);
  const context = { bundle, config, http, world: createMachineWorld(), secrets: kept.secrets, audit: kept.audit };
  const byPacks = bundle.providers.some(({ prefers }) => prefers === "pack")
    ? servePackChannels(bundle, { ...context, environment: io.environment })
    : undefined;
  const checks = bundle.providers.map(async (provider): Promise<Check> => {
    const served = (await byPacks)?.get(provider);
    const check = `channel ${provider.name}`;
    const tell = (ok: boolean, said: string): Check => {
      const detail = served?.why === undefined ? said : `${said} (${served.why})`;
      // What platforms say in their errors is theirs.
      return { check, ok, detail: redactor.redact(detail) };
    };
    const moved = movedAddress(provider, context);
    const problems = [
      ...(served?.problems ?? (await channelProblems(provider, channelSecret(provider, context)))),
      ...(moved === undefined ? [] : [moved]),
    ];
    if (problems.length > 0) return tell(false, problems.join("; "));
    const has = served?.servedBy ?? `${provider.type ?? ""} has its settings and secrets`;
    if (!isOnline) return tell(true, `${has}${unknownAddress(provider, context)}`);
    const unasked = served?.servedBy === undefined ? undefined : await whyUnasked(provider, served);
    if (unasked !== undefined) return tell(true, `${has}; its platform wasn't asked: ${unasked}`);
    const steps = await verifyChannel(provider, {
      ...context,
      ...(served?.secret !== undefined && { secret: served.secret }),
      // A pack fetches nothing: whatever it is called for was posted.
      ...(served?.config !== undefined && { channel: { mode: "webhook", ...served.config } }),
    });
    const failed = steps.filter(({ state }) => state === "failed");
    const shown = (failed.length > 0 ? failed : steps).map(saidOf);
    const said = [...(served?.servedBy === undefined && shown.length > 0 ? [] : [has]), ...shown];
    return tell(failed.length === 0, said.join("; "));
  });
  return await Promise.all([...checks, ...(isOnline ? checkAddresses(bundle, { config, http }) : [])]);
}

function saidOf({ what, how, state }: SetupStep): string {
  return how === undefined || state === "ok" ? what : `${what}: ${how}`;
}

/**
 * Why a platform isn't asked of a channel that a pack serves: packs can't ask it themselves, so that the built-in channel of the same
 * platform does, with what the pack is set up with.
 */
async function whyUnasked({ type }: BundleProvider, { secret }: PackChannelReport): Promise<string | undefined> {
  const entry = type === undefined ? undefined : providerOf(type);
  if (entry?.setup === undefined || secret === undefined) return "only its pack knows it";
  for (const one of entry.secrets) {
    const isHeld = one.isRequired !== true || (await secret(one.name).catch(() => "")) !== "";
    if (!isHeld) return `its pack keeps no ${one.name}`;
  }
  return undefined;
}

/** A channel that was registered by hand may be live all the same. */
function unknownAddress(
  provider: BundleProvider,
  context: { readonly bundle: Bundle; readonly config: Config },
): string {
  const setup = provider.type === undefined ? undefined : providerOf(provider.type).setup;
  const isUnknown = setup?.isReached(provider.config) === true && callbackUrlOf(provider, context) === undefined;
  return isUnknown ? "; its public address isn't known here (public_base_url), so gtc setup can't register it" : "";
}

/** Whether public addresses lead here, as far as this machine can see: a router may not send its own network's requests back. */
function checkAddresses(
  bundle: Bundle,
  { config, http }: { readonly config: Config; readonly http: HttpOptions },
): readonly Promise<Check>[] {
  const bases = bundle.providers.flatMap(({ type, config: channel }) => {
    const isReached = type !== undefined && providerOf(type).setup?.isReached(channel) === true;
    return (isReached && publicBaseUrl(channel, config)) || [];
  });
  return [...new Set(bases)].map(async (base): Promise<Check> => {
    const check = `public address ${base}`;
    try {
      const request = { method: "GET", url: `${base}/healthz`, headers: [], timeoutMs: REACH_TIMEOUT_MS };
      const { status } = await sendHttp({ ...request, origins: [new URL(base).origin], followRedirects: false }, http);
      if (status === 200) return { check, ok: true, detail: "a host answers there" };
      return {
        check,
        ok: false,
        detail: `expected a host's 200 at /healthz, got ${status}: is the host started, and the tunnel?`,
      };
    } catch (error) {
      const why = isGreenticError(error) ? error.code : "no answer";
      return { check, ok: false, detail: `nobody answers there, seen from this machine (${why})` };
    }
  });
}
