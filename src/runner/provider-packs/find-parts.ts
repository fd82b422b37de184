import type { ComponentHost } from "../../component/index.ts";
import { NO_GRANTS } from "../../component/index.ts";
import type { PackParts } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import type { ProviderRole, ProviderTraits, TenantCtx } from "../../types/index.ts";
import { DEFAULT_PROVIDER_TRAITS, PROVIDER_ROLES, readTraits } from "../../types/index.ts";
import type { LoadedComponent } from "../loaded-pack.ts";

/** The operations that a provider's parts may have. */
const ASKED: Readonly<Record<ProviderRole, readonly string[]>> = {
  ingress: ["ingest_http", "handle-webhook", "identify-instance"],
  egress: ["render_plan", "encode", "send_payload", "send", "read_back"],
  operator: ["setup_webhook", "qa-spec", "apply-answers"],
};
/** One of these makes a part more than a placeholder. */
const ESSENTIAL: Readonly<Record<ProviderRole, readonly string[]>> = {
  ingress: ["ingest_http", "handle-webhook"],
  egress: ["send_payload", "send"],
  operator: ["setup_webhook", "qa-spec"],
};
const PROBE_TIMEOUT_MS = 5_000;
/** What published placeholders and `greentic/component-sdk` say of operations that they don't have. */
const UNKNOWN = ["COMPONENT_OPERATION_UNKNOWN", "OPERATION_UNKNOWN", "COMPONENT_ABI_UNSUPPORTED"];
const UNSUPPORTED = /^(?:unsupported|unknown) op(?:eration)?\b/i;

/** Who serves which part of a provider pack. */
export interface FoundParts {
  readonly parts: PackParts;
  /** Component name by part. */
  readonly components: Readonly<Partial<Record<ProviderRole, string>>>;
  /** Why it serves no channel; undefined where it does. */
  readonly problem: string | undefined;
}

/** A platform whose public packs are known: their conversations' ids are of this kind. */
const DESTINATIONS: Readonly<Record<string, ProviderTraits["destination"]>> = {
  telegram: "chat",
  slack: "channel",
  whatsapp: "phone",
  webex: "room",
  teams: "channel",
  email: "email",
};

/** The types that published components accept, by their own names, where the manifests of their packs say another. */
const PUBLISHED_TYPES: Readonly<Record<string, string>> = { "messaging-provider-teams": "messaging.teams.graph" };

/**
 * Finds a provider's parts by asking its components, without grants, what they answer: lists in manifests leave operations out, and
 * placeholders answer none. An operation that says anything but that it doesn't exist is there.
 */
export async function findParts(
  pack: Pack,
  {
    host,
    components,
    ctx,
  }: {
    readonly host: ComponentHost;
    readonly components: ReadonlyMap<string, LoadedComponent>;
    readonly ctx: TenantCtx;
  },
): Promise<FoundParts> {
  const traits = traitsOf(pack);
  const known = new Map<string, Promise<ReadonlySet<string>>>();
  const operationsOf = (name: string): Promise<ReadonlySet<string>> => {
    const asked = known.get(name) ?? askAll(name, { host, component: components.get(name), ctx });
    known.set(name, asked);
    return asked;
  };
  const named: Partial<Record<ProviderRole, string>> = {};
  const operations = { ingress: new Set<string>(), egress: new Set<string>(), operator: new Set<string>() };
  for (const role of PROVIDER_ROLES) {
    for (const name of candidatesFor(role, pack, traits)) {
      if (!components.has(name)) continue;
      const has = await operationsOf(name);
      if (!ESSENTIAL[role].some((operation) => has.has(operation))) continue;
      named[role] = name;
      for (const operation of ASKED[role]) if (has.has(operation)) operations[role].add(operation);
      break;
    }
  }
  const providerType =
    traits.providerType ?? pack.extensions?.providers[0]?.type ?? pack.manifest.capabilities.provides[0] ?? pack.name;
  const { name, version } = pack;
  return {
    parts: {
      name,
      version,
      traits,
      providerType: await spokenType(pack, providerType, named.egress, { host, components }),
      operations,
    },
    components: named,
    problem: named.ingress === undefined && named.egress === undefined ? placeholderOf(pack, components) : undefined,
  };
}

function placeholderOf(pack: Pack, components: ReadonlyMap<string, LoadedComponent>): string {
  if (pack.components.size === 0 || components.size === 0) return "it has no components";
  return "its components are placeholders: they answer neither ingest_http nor send_payload";
}

/** Native packs say; public ones say less, and their deliveries' ids are often constants. */
function traitsOf(pack: Pack): ProviderTraits {
  if (pack.manifest.provider !== undefined) return readTraits(pack.manifest.provider);
  if (pack.generation === "native") return DEFAULT_PROVIDER_TRAITS;
  const platform = pack.name.replace(/^messaging-/, "");
  return {
    ...DEFAULT_PROVIDER_TRAITS,
    dedupe: "delivery",
    dedupeTtlSeconds: 10 * 86_400,
    maxBodyBytes: 3 << 20,
    destination: DESTINATIONS[platform] ?? "chat",
  };
}

/** Components in the order in which they are asked for a part: the named one alone, else those that the manifest and names suggest. */
function candidatesFor(role: ProviderRole, pack: Pack, { components }: ProviderTraits): readonly string[] {
  const named = components[role];
  if (named !== undefined) return [named];
  const { extensions } = pack;
  const all = [...pack.components.keys()];
  return [
    ...new Set([
      ...all.filter((name) => name === role),
      ...(extensions?.providers ?? []).map(({ component }) => component),
      ...all.filter((name) => /(?:^|[-.])provider[-.]/.test(name)),
      ...(role === "ingress" && extensions?.ingress !== undefined ? [extensions.ingress.component] : []),
      ...all.filter((name) => new RegExp(`(?:^|[-.])${role}(?:[-.]|$)`).test(name)),
      ...all,
    ]),
  ];
}

async function askAll(
  name: string,
  {
    host,
    component,
    ctx,
  }: {
    readonly host: ComponentHost;
    readonly component: LoadedComponent | undefined;
    readonly ctx: TenantCtx;
  },
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (component === undefined || component.abi === "none") return found;
  const refuse = (): Promise<never> =>
    Promise.reject(new TypeError("a component that is asked what it is reaches nothing"));
  const services = {
    http: refuse,
    secret: refuse,
    stateRead: refuse,
    stateWrite: refuse,
    stateDelete: refuse,
    tool: refuse,
    asset: refuse,
    log: () => undefined,
  };
  for (const operation of new Set(Object.values(ASKED).flat())) {
    const result = await host.invoke(ctx, {
      sha256: component.sha256,
      component: name,
      operation,
      input: {},
      grants: NO_GRANTS,
      services,
      links: component.links.map((link) => ({ ...link, grants: NO_GRANTS })),
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    const isThere =
      result.kind === "ok" || !(UNKNOWN.includes(result.error.code) || UNSUPPORTED.test(result.error.message));
    if (isThere) found.add(operation);
  }
  return found;
}

/** Published packs write another type into their manifest than their component accepts: the component's own word counts. */
async function spokenType(
  pack: Pack,
  declared: string,
  egress: string | undefined,
  { host, components }: { readonly host: ComponentHost; readonly components: ReadonlyMap<string, LoadedComponent> },
): Promise<string> {
  const component = egress === undefined ? undefined : components.get(egress);
  if (pack.generation === "native" || component === undefined) return declared;
  const description = await host.describe(component.sha256, component.links).catch(() => undefined);
  return PUBLISHED_TYPES[description?.name ?? ""] ?? declared;
}
