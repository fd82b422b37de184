import type { Bundle, BundleProvider, Config } from "../config/index.ts";
import { sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import { checkSettings, isNeeded, providerOf } from "../messaging/index.ts";
import type { Provider } from "../messaging/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { channelId, GreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";

const UNSERVED = 'this version has no built-in channel for its pack; name its "type" where one fits';

export interface ChannelParts {
  readonly config: Config;
  readonly world: World;
  readonly http: HttpOptions;
  readonly secrets: SecretReader;
  readonly warn: (message: string) => void;
}

/** Opens the channels of a bundle with their built-in adapters; one that lacks something is told of and runs as far as it can. */
export function openChannels(bundle: Bundle | undefined, parts: ChannelParts): readonly Provider[] {
  return (bundle?.providers ?? []).flatMap((provider) => openChannel(provider, parts));
}

function openChannel(provider: BundleProvider, parts: ChannelParts): readonly Provider[] {
  const { config, world, http, warn } = parts;
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

/** Reads a channel's secrets as they stand, its team's own before its tenant's; empty where there is none. */
export function channelSecret(
  { name, tenant, team }: BundleProvider,
  { config, secrets }: Pick<ChannelParts, "config" | "secrets">,
): (of: string) => Promise<string> {
  const ctx = { env: config.env, tenant, team, traceId: "", correlationId: "", attempt: 1, locale: "en" };
  return async (of) => (await secrets.get(ctx, name, of)) ?? "";
}
