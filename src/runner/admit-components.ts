import type { ComponentGrants, ComponentHost, ComponentInfo, ComponentLink } from "../component/index.ts";
import { checkImports, findLinks } from "../component/index.ts";
import { isOriginAllowed } from "../http/index.ts";
import type { ComponentEntry, Pack } from "../pack/index.ts";
import type { Policy } from "../types/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { LoadedComponent } from "./loaded-pack.ts";

/** What admitting components goes by. */
export interface AdmitOptions {
  readonly components: ComponentHost;
  readonly policy: Policy;
}

/**
 * Admits every component of a pack with what its manifest asks for and the policy leaves.
 * @throws the component host's errors; COMPONENT_IMPORT_UNGRANTED in native packs, COMPONENT_LINK_INVALID
 */
export async function admitComponents(
  pack: Pack,
  options: AdmitOptions,
): Promise<ReadonlyMap<string, LoadedComponent>> {
  const found = new Map<string, { readonly info: ComponentInfo; readonly grants: ComponentGrants }>();
  for (const [name, entry] of pack.components) {
    const bytes = pack.read(entry.path);
    if (bytes === undefined) continue;
    found.set(name, { info: await options.components.examine(bytes), grants: grantsOf(entry, options.policy) });
  }
  const components = new Map<string, LoadedComponent>();
  for (const [name, { info, grants }] of found) {
    const links = findLinks(name, found);
    // Public manifests declare less than their components import: what isn't granted is denied when it is called.
    if (pack.generation === "native") checkImports(info.imports, grants, new Set(links.map((link) => link.interface)));
    if (links.length > 0) await checkLinks(options.components, info.sha256, links);
    const { reuse = "none" } = pack.components.get(name) ?? {};
    components.set(name, { sha256: info.sha256, abi: info.abi, grants, links, reuse, pack: pack.packHash });
  }
  return components;
}

/**
 * Finds a link whose ends don't fit before a message does: an instance is made to be asked what it is, and what it says isn't
 * needed.
 */
async function checkLinks(host: ComponentHost, sha256: string, links: readonly ComponentLink[]): Promise<void> {
  try {
    await host.describe(sha256, links);
  } catch (error) {
    if (isGreenticError(error, "COMPONENT_LINK_INVALID")) throw error;
  }
}

/**
 * What the manifest asks for and the operator's policy leaves; `*` in the policy leaves all. An origin pattern stays only where
 * policy names the same pattern. In public packs `*` stands for the origins that policy names, never for all.
 */
function grantsOf({ grants }: ComponentEntry, policy: Policy): ComponentGrants {
  const { origins } = policy.network.egress;
  const isAllowed = (origin: string): boolean => {
    if (origins.includes("*") || origins.includes(origin)) return true;
    const url = origin.includes("*") ? null : URL.parse(origin);
    return url !== null && isOriginAllowed(url, origins);
  };
  const within =
    (allowed: readonly string[]) =>
    (name: string): boolean =>
      allowed.includes("*") || allowed.includes(name);
  const named = grants.http.includes("*") ? origins.filter((origin) => origin !== "*") : [];
  return {
    ...grants,
    http: [...new Set([...grants.http.filter((origin) => origin !== "*" && isAllowed(origin)), ...named])],
    secrets: grants.secrets.filter(within(policy.secrets)),
    secretsWrite: grants.secretsWrite.filter(within(policy.secrets)),
    oauth: grants.oauth.filter(within(policy.oauth)),
    ...(grants.secretHeaders !== undefined && {
      secretHeaders: grants.secretHeaders
        .filter(({ secret }) => within(policy.secrets)(secret))
        .map((each) => ({ ...each, hosts: each.hosts.filter(isAllowed) })),
    }),
  };
}
