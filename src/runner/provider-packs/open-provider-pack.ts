import type { ComponentGrants, ComponentHost, HostHttpRequest, HostServices } from "../../component/index.ts";
import type { HttpOptions } from "../../http/index.ts";
import { sendHttp } from "../../http/index.ts";
import type {
  CallPack,
  ChannelAddress,
  PackCall,
  PackParts,
  PackRequest,
  PackRequestEnd,
} from "../../messaging/index.ts";
import { unansweredOf } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import type { JsonObject, Policy, ProviderRole, TenantCtx, World } from "../../types/index.ts";
import { isJsonObject, parseJson, randomHex } from "../../types/index.ts";
import { admitComponents } from "../admit-components.ts";
import type { LoadedComponent } from "../loaded-pack.ts";
import { findParts } from "./find-parts.ts";

/** What a provider pack's channel is opened with. */
export interface OpenProviderPackOptions {
  readonly components: ComponentHost;
  readonly policy: Policy;
  readonly address: ChannelAddress;
  readonly world: World;
  readonly http: HttpOptions;
  /** Origins and names of secrets that the bundle grants beside what the manifest asks for. */
  readonly granted: { readonly http: readonly string[]; readonly secrets: readonly string[] };
  /** Reads a secret of the channel as it stands; empty where there is none. */
  readonly secret: (name: string) => Promise<string>;
  /** What components read as the channel's configuration. */
  readonly config: JsonObject;
  readonly log: HostServices["log"];
}

/** A provider pack as one channel uses it. */
export interface ProviderPack {
  readonly parts: PackParts;
  readonly call: CallPack;
  /** Component name by part. */
  readonly components: Readonly<Partial<Record<ProviderRole, string>>>;
  /** Why its components serve no channel; undefined where they do. */
  readonly problem: string | undefined;
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Opens a provider pack for one channel: components admitted, their operations found by asking. Each call runs in a fresh instance
 * with what the manifest and the bundle grant, and knows nothing of other channels.
 * @throws as loading a pack does: the component host's errors, COMPONENT_IMPORT_UNGRANTED
 */
export async function openProviderPack(pack: Pack, options: OpenProviderPackOptions): Promise<ProviderPack> {
  const { components: host, address, policy } = options;
  const components = await admitComponents(pack, { components: host, policy });
  const { env, tenant, team, channel } = address;
  const ctx: TenantCtx = {
    env,
    tenant,
    team,
    provider: channel,
    traceId: "",
    correlationId: "",
    attempt: 1,
    locale: "en",
  };
  const found = await findParts(pack, { host, components, ctx });
  const call: CallPack = async (request) => {
    const name = found.components[request.role];
    const component = name === undefined ? undefined : components.get(name);
    if (name === undefined || component === undefined) {
      const error = { code: "COMPONENT_OPERATION_UNKNOWN", message: "The pack has no such part", retryable: false };
      return { kind: "error", error, traffic: [] };
    }
    return callComponent(request, { ...options, pack, name, component, ctx });
  };
  return { parts: found.parts, call, components: found.components, problem: found.problem };
}

interface CallScope extends OpenProviderPackOptions {
  readonly pack: Pack;
  readonly name: string;
  readonly component: LoadedComponent;
  readonly ctx: TenantCtx;
}

async function callComponent(call: PackCall, scope: CallScope): ReturnType<CallPack> {
  const { components, component, name, config, pack, world } = scope;
  const traffic: Traffic[] = [];
  const traceId = randomHex(world, 16);
  const ctx: TenantCtx = {
    ...scope.ctx,
    traceId,
    correlationId: traceId,
    attempt: call.attempt ?? 1,
    deadlineMs: world.nowMs() + call.timeoutMs,
    ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
  };
  const result = await components.invoke(ctx, {
    sha256: component.sha256,
    component: name,
    operation: call.operation,
    input: call.input,
    ...(Object.keys(config).length > 0 && { config }),
    grants: grantsOf(component.grants, scope),
    services: servicesOf(call, scope, traffic),
    links: component.links,
    pack: pack.packHash,
    timeoutMs: call.timeoutMs,
  });
  return result.kind === "ok"
    ? { kind: "ok", output: result.output, traffic }
    : { kind: "error", error: result.error, traffic };
}

/** State, tools and OAuth belong to conversations and flows: a channel has neither. */
function grantsOf(grants: ComponentGrants, { granted }: CallScope): ComponentGrants {
  return {
    ...grants,
    http: [...new Set([...grants.http, ...granted.http])],
    secrets: [...new Set([...grants.secrets, ...granted.secrets])],
    secretsWrite: [],
    state: "none",
    tools: [],
    oauth: [],
  };
}

function servicesOf(call: PackCall, scope: CallScope, traffic: Traffic[]): HostServices {
  const { http, secret, pack, config, log } = scope;
  const refuse = (): Promise<never> => Promise.reject(new TypeError("a channel has no such service"));
  return {
    http: (_ctx, request) => sendTraced(request, { http, signal: call.signal, traffic }),
    secret: async (_ctx, name) => {
      const value = await secret(name);
      return value === "" ? undefined : Buffer.from(value);
    },
    stateRead: refuse,
    stateWrite: refuse,
    stateDelete: refuse,
    tool: refuse,
    asset: async (path) => pack.read(path.startsWith("assets/") ? path : `assets/${path}`),
    assetList: async () => [...pack.assets.values()].map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    config: async (_ctx, key) => (Object.hasOwn(config, key) ? config[key] : undefined),
    log,
  };
}

interface Traffic extends PackRequest {
  end: PackRequestEnd;
}

/** Sends a component's request and keeps how it ended; until it has an end it may have arrived. */
async function sendTraced(
  request: HostHttpRequest,
  {
    http,
    signal,
    traffic,
  }: {
    readonly http: HttpOptions;
    readonly signal: AbortSignal | undefined;
    readonly traffic: Traffic[];
  },
): ReturnType<HostServices["http"]> {
  const entry: Traffic = { isSafe: SAFE.has(request.method.toUpperCase()), end: { kind: "unknown" } };
  traffic.push(entry);
  try {
    const response = await sendHttp(request, { ...http, ...(signal !== undefined && { signal }) });
    const retryAfterMs = retryAfterOf(response.headers);
    entry.end = {
      kind: "answered",
      status: response.status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(saysNotOk(response.body) && { saysNotOk: true }),
    };
    return response;
  } catch (error) {
    const unanswered = unansweredOf(error);
    if (unanswered.kind !== "unknown")
      entry.end = { kind: "unsent", code: unanswered.kind === "denied" ? unanswered.code : "unreachable" };
    throw error;
  }
}

const MAX_VERDICT_BYTES = 64 << 10;

function saysNotOk(body: Uint8Array): boolean {
  if (body[0] !== 0x7b || body.byteLength > MAX_VERDICT_BYTES) return false;
  try {
    const said = parseJson(body);
    return isJsonObject(said) && said["ok"] === false;
  } catch {
    return false;
  }
}

function retryAfterOf(headers: readonly (readonly [string, string])[]): number | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}
