import { ProcessComponentHost } from "../component/index.ts";
import type { ComponentHost } from "../component/index.ts";
import type { BundleProvider, Config } from "../config/index.ts";
import type { HttpOptions } from "../http/index.ts";
import { createPackOperator, createPackProvider, PLATFORM_RULES, readVerifyRule } from "../messaging/index.ts";
import type { ChannelAddress, HostVerification, PackOperator, Provider } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import type { PolicyGate } from "../policy/index.ts";
import { OPEN_GATE } from "../policy/index.ts";
import { openProviderPack } from "../runner/index.ts";
import type { ProviderPack } from "../runner/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { canonicalSecretName, readAs } from "../secrets/index.ts";
import { channelId, isJsonObject, toGreenticError } from "../types/index.ts";
import type { JsonObject, Policy, TenantCtx, World } from "../types/index.ts";

/** What opening the channels of provider packs needs. */
export interface PackChannelParts {
  readonly config: Config;
  readonly world: World;
  readonly http: HttpOptions;
  readonly secrets: SecretReader;
  /** Reads and verifies the pack that a bundle names for a channel. */
  readonly readPack: (provider: BundleProvider) => Promise<Pack>;
  readonly components: ComponentHost;
  /** What rules of policy let through; default everything. */
  readonly gate?: PolicyGate | undefined;
  readonly log?: ((ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void) | undefined;
}

/** A channel that its provider pack serves. */
export interface PackChannel {
  readonly kind: "pack";
  readonly pack: Pack;
  readonly provider: Provider;
  readonly operator: PackOperator;
  /** `messaging-telegram 0.5.1: ingress and egress by messaging-provider-telegram`. */
  readonly servedBy: string;
  /** Its settings, and its secrets as they stand; empty where there is none. */
  readonly config: JsonObject;
  readonly secret: (of: string) => Promise<string>;
  /** What keeps it from being live; empty where nothing does. */
  problems(): Promise<readonly string[]>;
}

/** Who serves a channel, and why the pack that the bundle names doesn't. */
export type Serving = PackChannel | { readonly kind: "built-in" | "none"; readonly why?: string };

/**
 * Decides who serves a channel: the components of the pack that the bundle names, where it names no type and they are no placeholders;
 * else the built-in channel of its type, or of its pack's name; else nobody.
 */
export async function serveChannel(provider: BundleProvider, parts: PackChannelParts): Promise<Serving> {
  const fallback = provider.type === undefined ? "none" : "built-in";
  if (provider.prefers !== "pack") return { kind: fallback };
  try {
    const pack = await parts.readPack(provider);
    const opened = await openFor(provider, pack, parts);
    if (opened.problem !== undefined)
      return { kind: fallback, why: `its pack ${pack.name} isn't used: ${opened.problem}` };
    return packChannel(provider, { pack, opened }, parts);
  } catch (error) {
    const { code, message } = toGreenticError(error, "CLI_INTERNAL", `Load pack of channel ${provider.name}`);
    return { kind: fallback, why: `its pack isn't used: ${message} [${code}]` };
  }
}

/** Runs something with a component host of its own, for commands that start none. */
export async function withComponents<T>(run: (components: ComponentHost) => Promise<T>): Promise<T> {
  await using components = new ProcessComponentHost({ poolSize: 1 });
  return await run(components);
}

function addressOf({ name, tenant, team }: BundleProvider, { env }: Config): ChannelAddress {
  return { env, tenant, team, channel: channelId(name) };
}

function openFor(provider: BundleProvider, pack: Pack, parts: PackChannelParts): Promise<ProviderPack> {
  const { config, world, components, log, gate = OPEN_GATE } = parts;
  const about = { ...addressOf(provider, config), pack: pack.name, packHash: pack.packHash };
  const http: HttpOptions = {
    ...parts.http,
    judge: ({ url, method }) => gate.check({ ...about, point: "component.http", url: url.href, method }),
  };
  const policy: Policy = {
    network: { egress: { origins: ["*"] }, privateAddresses: config.network.privateAddresses },
    secrets: ["*"],
    oauth: ["*"],
    unknownSends: config.unknownSends,
  };
  return openProviderPack(pack, {
    components,
    policy,
    address: addressOf(provider, config),
    world,
    http,
    granted: { http: provider.http ?? [], secrets: provider.secrets ?? [] },
    secret: packSecret(provider, pack, parts),
    config: configOf(provider, pack),
    log: log ?? (() => undefined),
  });
}

/** The pack's configuration with the channel's over it; the host's own word stays out. */
function configOf({ config }: BundleProvider, pack: Pack): JsonObject {
  const { verify: _verify, ...own } = config;
  return { ...pack.manifest.config, ...own };
}

/** Reads a secret of the channel, else of its pack, its team's own before its tenant's; empty where there is none. */
function packSecret(
  { name, tenant, team }: BundleProvider,
  pack: Pack,
  { config, secrets, gate = OPEN_GATE }: Pick<PackChannelParts, "config" | "secrets" | "gate">,
): (of: string) => Promise<string> {
  const ctx: TenantCtx = {
    env: config.env,
    tenant,
    team,
    traceId: "",
    correlationId: "",
    attempt: 1,
    locale: "en",
  };
  const reader = readAs(secrets, `channel:${name}`);
  return async (of) => {
    const key = canonicalSecretName(of);
    if (gate.judges("secret.read"))
      await gate.check(
        { point: "secret.read", env: ctx.env, tenant, team, channel: name, pack: pack.name, secret: key },
        ctx,
      );
    return (await reader.get(ctx, name, key)) ?? (await reader.get(ctx, pack.name, key)) ?? "";
  };
}

function packChannel(
  provider: BundleProvider,
  { pack, opened }: { readonly pack: Pack; readonly opened: ProviderPack },
  parts: PackChannelParts,
): PackChannel {
  const rule = ruleOf(provider, opened);
  const secret = packSecret(provider, pack, parts);
  const address = addressOf(provider, parts.config);
  return {
    kind: "pack",
    pack,
    servedBy: servedBy(pack, opened),
    config: configOf(provider, pack),
    secret,
    operator: createPackOperator(opened),
    provider: createPackProvider({
      address,
      parts: opened.parts,
      call: opened.call,
      config: configOf(provider, pack),
      verification: typeof rule === "string" ? undefined : rule,
      world: parts.world,
      secrets: async (of) => {
        const values = await Promise.all([secret(of), secret(`${of}_previous`)]);
        return values.filter((value) => value !== "");
      },
    }),
    problems: () => problemsOf(provider, { pack, opened, rule, secret }),
  };
}

/** The rule of a channel, or what is missing for one. The pack's word counts only where it is of the format that can give it. */
function ruleOf(provider: BundleProvider, { parts }: ProviderPack): HostVerification | string {
  const { verify } = provider.config;
  if (verify !== undefined) return readVerifyRule(verify);
  if (parts.traits.verify === "component") return { scheme: "component", handshake: false };
  const known = provider.type === undefined ? undefined : PLATFORM_RULES[provider.type];
  return (
    known ??
    "nothing verifies its requests, so all of them are refused: say how under config.verify (docs/provider-packs.md)"
  );
}

function servedBy(pack: Pack, { components }: ProviderPack): string {
  const by = new Map<string, string[]>();
  for (const [role, name] of Object.entries(components)) by.set(name, [...(by.get(name) ?? []), role]);
  const parts = [...by].map(([name, roles]) => `${roles.join(", ")} by ${name}`);
  return `pack ${pack.name} ${pack.version}: ${parts.join("; ")}`;
}

async function problemsOf(
  provider: BundleProvider,
  {
    pack,
    opened,
    rule,
    secret,
  }: {
    readonly pack: Pack;
    readonly opened: ProviderPack;
    readonly rule: HostVerification | string;
    readonly secret: (of: string) => Promise<string>;
  },
): Promise<readonly string[]> {
  const { ingress, egress } = opened.components;
  const isReceiving = ingress !== undefined;
  const problems: string[] = [];
  if (isReceiving && typeof rule === "string") problems.push(rule);
  if (egress === undefined) problems.push(`nothing of its pack ${pack.name} sends`);
  if (egress !== undefined && egressReachesNothing(provider, pack, egress))
    problems.push(`its pack ${pack.name} may reach no origin: name the platform's under the channel's http`);
  const wanted = new Set([
    ...pack.manifest.secrets.required.map(canonicalSecretName),
    ...(isReceiving && typeof rule !== "string" && rule.scheme !== "component" ? [rule.secret] : []),
  ]);
  for (const of of wanted) {
    const value = await secret(of).catch(() => undefined);
    if (value === undefined) problems.push(`its ${of} can't be read`);
    else if (value === "")
      problems.push(
        `waits for ${of}: greentic-secrets set ${of} --category ${provider.name} --tenant ${provider.tenant}`,
      );
  }
  return problems;
}

/** What public manifests ask for is open: without an origin in its settings a component reaches none. */
function egressReachesNothing({ http = [] }: BundleProvider, pack: Pack, egress: string): boolean {
  const asked = pack.components.get(egress)?.grants.http ?? [];
  return asked.length > 0 && asked.every((origin) => origin === "*") && http.length === 0;
}

/** Whether a channel's settings say how its requests are verified, for checks that open no pack. */
export function verifyProblem({ config }: BundleProvider): string | undefined {
  const { verify } = config;
  if (verify === undefined) return undefined;
  const rule = readVerifyRule(isJsonObject(verify) || typeof verify === "string" ? verify : null);
  return typeof rule === "string" ? rule : undefined;
}
