import type { Bundle, BundleProvider, Config } from "../../config/index.ts";
import { providerOf } from "../../messaging/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { DEFAULT_TEAM } from "../../types/index.ts";
import { readRegistrations, registrationKey } from "./registrations.ts";

/** Where platforms reach this host for a channel with these settings: the channel's own word before the host's. */
export function publicBaseUrl(
  channel: JsonObject,
  { publicBaseUrl: host }: Pick<Config, "publicBaseUrl">,
): string | undefined {
  const own = channel["public_base_url"];
  return typeof own === "string" && own !== "" ? own.replace(/\/+$/, "") : host;
}

/** The address of a channel that its platform posts to; undefined where the host's isn't known. */
export function callbackUrlOf(
  provider: BundleProvider,
  { bundle, config, channel = provider.config }: { bundle: Bundle; config: Config; channel?: JsonObject },
): string | undefined {
  const base = publicBaseUrl(channel, config);
  if (base === undefined) return undefined;
  const { name, type, tenant, team } = provider;
  const entry = type === undefined ? undefined : providerOf(type);
  const own = entry?.channel ?? name;
  // A tenant's requests that name no team are its own team's.
  const usual = bundle.tenant === tenant ? bundle.team : DEFAULT_TEAM;
  return `${base}/v1/${entry?.domain ?? "messaging"}/ingress/${own}/${tenant}${team === usual ? "" : `/${team}`}`;
}

/** Says that a channel isn't where its platform was told: an address that changed, as a tunnel's does. Reads no network. */
export function movedAddress(
  provider: BundleProvider,
  { bundle, config }: { readonly bundle: Bundle; readonly config: Config },
): string | undefined {
  const told = readRegistrations(config).get(registrationKey(config, provider))?.callbackUrl;
  const url = callbackUrlOf(provider, { bundle, config });
  if (told === undefined || url === undefined || told === url) return undefined;
  return `its platform was told ${told}, it is at ${url} now: gtc setup --only ${provider.name}`;
}
