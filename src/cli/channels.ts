import type { Bundle, BundleProvider, Config } from "../config/index.ts";
import { sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import { checkSettings, isNeeded, providerOf } from "../messaging/index.ts";
import type { Provider, ProviderEntry } from "../messaging/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { channelId, GreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";

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
  const { config, world, http, secrets, warn } = parts;
  const { name, type, tenant, team } = provider;
  if (type === undefined) {
    // A bundle brings providers of every domain; what isn't served yet must not keep the rest from running.
    warn(
      `channel ${name} isn't served: this version has no built-in channel for its pack; name its "type" where one fits`,
    );
    return [];
  }
  const entry = providerOf(type);
  for (const problem of checkSettings(entry, provider.config)) warn(`channel ${name}: ${problem}`);
  const address = { env: config.env, tenant, team, channel: channelId(entry.channel ?? name) };
  const ctx = { ...address, traceId: "", correlationId: "", attempt: 1, locale: "en" };
  const secret = async (of: string): Promise<string> => (await secrets.get(ctx, name, of)) ?? "";
  warnOfSecrets(provider, { entry, secret, warn });
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

/** Says of each secret that is needed and isn't there, or hasn't the platform's form, how to set it. */
function warnOfSecrets(
  { name, tenant, config }: BundleProvider,
  {
    entry,
    secret,
    warn,
  }: Pick<ChannelParts, "warn"> & {
    readonly entry: ProviderEntry;
    readonly secret: (of: string) => Promise<string>;
  },
): void {
  for (const one of entry.secrets) {
    const { name: of, form } = one;
    secret(of).then(
      (value) => {
        const isMissing = value === "" && isNeeded(one, config);
        const isMisshapen = value !== "" && form !== undefined && !form.pattern.test(value);
        if (!isMissing && !isMisshapen) return;
        const what = isMissing ? of : `a ${of} of ${form?.words ?? ""}`;
        warn(`channel ${name} waits for ${what}: greentic-secrets set ${of} --category ${name} --tenant ${tenant}`);
      },
      (error: unknown) =>
        warn(`channel ${name}: ${error instanceof GreenticError ? error.message : `its ${of} can't be read`}`),
    );
  }
}
