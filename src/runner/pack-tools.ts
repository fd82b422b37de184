import type { ComponentHost } from "../component/index.ts";
import { parseToolMap, resolveTool, Tools } from "../mcp/index.ts";
import type { Pack } from "../pack/index.ts";
import type { LoadedComponent, PackTools, ToolOutcome } from "./loaded-pack.ts";

const TOOL_MAPS = ["assets/toolmap.json", "toolmap.json", "assets/toolmap.toml", "toolmap.toml"];

/** Opens the tool map of a pack; undefined where it has none. @throws MCP_TOOLMAP_INVALID with the position */
export function openPackTools(
  pack: Pack,
  from: { readonly host: ComponentHost; readonly components: ReadonlyMap<string, LoadedComponent> },
): PackTools | undefined {
  const file = TOOL_MAPS.find((path) => pack.assets.has(path));
  const source = file === undefined ? undefined : pack.readText(file);
  if (file === undefined || source === undefined) return undefined;
  const map = parseToolMap(source, file);
  const { host, components } = from;
  const tools = new Tools(map, {
    host,
    componentOf: (name) => {
      const component = components.get(name) ?? components.get(nameAt(pack, name) ?? "");
      return component === undefined ? undefined : { sha256: component.sha256, name, grants: component.grants };
    },
  });
  return {
    names: [...map.tools.keys()],
    call: async (effect, { tool, input, retries }): Promise<ToolOutcome> => {
      const result = await tools.call(effect.ctx, {
        tool,
        input,
        services: effect.servicesFor(resolveTool(map, tool).component),
        timeoutMs: Math.min(map.tools.get(tool)?.timeoutMs ?? effect.timeoutMs, effect.timeoutMs),
        ...(retries === undefined ? {} : { maxRetries: retries }),
      });
      return result.kind === "error" ? { error: result.error } : { result: result.result, content: result.content };
    },
  };
}

/** The component whose file a tool map names by path. */
function nameAt(pack: Pack, path: string): string | undefined {
  for (const [name, entry] of pack.components)
    if (entry.path === path || entry.path === `components/${path}`) return name;
  return undefined;
}
