import type { ComponentHost } from "../component/index.ts";
import { isOriginAllowed } from "../http/index.ts";
import { HttpTools, parseToolMap, resolveTool, TOOL_MAP_FILES, Tools } from "../mcp/index.ts";
import type { ToolMapEntry } from "../mcp/index.ts";
import type { Pack } from "../pack/index.ts";
import type { PolicyGate } from "../policy/index.ts";
import type { Policy } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { EffectCall } from "./effect-call.ts";
import type { LoadedComponent, PackTools, StubTool, ToolOutcome } from "./loaded-pack.ts";
import { questionOf } from "./policy-questions.ts";
import type { ToolReach } from "./tool-reach.ts";

/** The tool's own end comes before its node's, so that the flow hears what the tool's time being over means. */
const MAX_MARGIN_MS = 250;

/** What a pack's tools stand on. */
export interface PackToolsParts {
  readonly host: ComponentHost;
  readonly components: ReadonlyMap<string, LoadedComponent>;
  readonly reach: ToolReach;
  readonly policy: Policy;
  readonly gate: PolicyGate;
  readonly stubTool?: StubTool | undefined;
}

/** Opens the tool map of a pack; undefined where it has none. @throws MCP_TOOLMAP_INVALID with the position */
export function openPackTools(pack: Pack, from: PackToolsParts): PackTools | undefined {
  const file = TOOL_MAP_FILES.find((path) => pack.assets.has(path));
  const source = file === undefined ? undefined : pack.readText(file);
  if (file === undefined || source === undefined) return undefined;
  const map = parseToolMap(source, file);
  const { host, components, reach, policy, gate } = from;
  const allowsOrigin = (origin: string): boolean => {
    const { origins } = policy.network.egress;
    return origins.includes("*") || isOriginAllowed(new URL(origin), origins);
  };
  const { oauth } = reach;
  const allowsSecret = (name: string): boolean => policy.secrets.includes("*") || policy.secrets.includes(name);
  const tools = new Tools(map, {
    host,
    world: reach.world,
    componentOf: (name) => {
      const own = components.has(name) ? name : (nameAt(pack, name) ?? "");
      const component = components.get(own);
      return component === undefined ? undefined : { ...component, name: own };
    },
    servers: reach.servers.toolsOf({
      pack: pack.name,
      servers: map.servers,
      isOriginAllowed: allowsOrigin,
      isSecretAllowed: allowsSecret,
    }),
    endpoints: new HttpTools({
      send: reach.sendFor(pack.name),
      secret: async (ctx, name) => (allowsSecret(name) ? reach.readSecret(ctx, pack.name, name) : undefined),
      ...(oauth === undefined
        ? {}
        : {
            grant: async (ctx, { provider, scopes, of }, url) => {
              if (!policy.oauth.includes("*") && !policy.oauth.includes(provider))
                throw new GreenticError(
                  "OAUTH_PROVIDER_UNKNOWN",
                  `Call ${quote(url.origin)}: policy keeps provider ${quote(provider)}`,
                );
              return oauth.tokenFor(ctx, { provider, scopes, of, url });
            },
          }),
      isOriginAllowed: allowsOrigin,
    }),
  });
  return {
    names: [...map.tools.keys()],
    describe: async (effect, name) => {
      const { target } = resolveTool(map, name);
      return tools.describe(
        effect.ctx,
        name,
        effect.servicesFor(target.kind === "component" ? target.component : name),
      );
    },
    call: async (effect, { tool, input, retries, answers }): Promise<ToolOutcome> => {
      const entry = resolveTool(map, tool);
      if (gate.judges("tool"))
        await gate.check(
          { ...questionOf(effect.ctx, "tool"), pack: pack.name, packHash: pack.packHash, tool },
          effect.ctx,
        );
      const stubbed = from.stubTool?.(tool, input);
      if (stubbed !== undefined) return stubbed;
      const times = timesOf(entry, effect);
      const { deadlineMs } = effect.ctx;
      const ctx = deadlineMs === undefined ? effect.ctx : { ...effect.ctx, deadlineMs: deadlineMs - times.marginMs };
      const result = await tools.call(ctx, {
        tool,
        input,
        services: effect.servicesFor(entry.target.kind === "component" ? entry.target.component : tool),
        timeoutMs: times.timeoutMs,
        maxTimeoutMs: times.maxTimeoutMs,
        signal: effect.signal,
        ...(retries === undefined ? {} : { maxRetries: retries }),
        ...(answers === undefined ? {} : { answers }),
        onProgress: (progress) => effect.noteProgress(tool, progress),
      });
      switch (result.kind) {
        case "ok":
          return { result: result.result, content: result.content };
        case "elicit":
          return { elicitation: result.elicitation };
        default:
          return { error: result.error };
      }
    },
  };
}

/** The tool map's times within the attempt's. */
function timesOf(
  { timeoutMs, maxTimeoutMs }: ToolMapEntry,
  effect: EffectCall,
): { readonly timeoutMs: number; readonly maxTimeoutMs: number; readonly marginMs: number } {
  const marginMs = Math.floor(Math.min(MAX_MARGIN_MS, effect.timeoutMs / 10));
  const limitMs = effect.timeoutMs - marginMs;
  const silenceMs = Math.min(timeoutMs ?? limitMs, limitMs);
  const longestMs = Math.min(Math.max(maxTimeoutMs ?? silenceMs, silenceMs), limitMs);
  return { timeoutMs: silenceMs, maxTimeoutMs: longestMs, marginMs };
}

/** The component whose file a tool map names by path. */
function nameAt(pack: Pack, path: string): string | undefined {
  for (const [name, entry] of pack.components)
    if (entry.path === path || entry.path === `components/${path}`) return name;
  return undefined;
}
