import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InProcessComponentHost } from "../component/index.ts";
import type { ComponentGrants, HostServices } from "../component/index.ts";
import { parseHttpRewrites, sendHttp } from "../http/index.ts";
import { parseToolMap, Tools } from "../mcp/index.ts";
import type { ToolComponent } from "../mcp/index.ts";
import { DEFAULT_TEAM, envId, GreenticError, quote, tenantId } from "../types/index.ts";
import type { TenantCtx } from "../types/index.ts";
import { listOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { readInputFile } from "./files.ts";

/** The options with which the mcp commands name a tool map and what its components may reach. */
export const TOOL_OPTIONS = [
  { flags: "--toolmap <file>", summary: "the tool map", required: true },
  {
    flags: "--allow-http <origin>",
    summary: "an origin that the components may reach; may be given many times",
    repeat: true,
  },
  { flags: "--json", summary: "print as JSON" },
] as const;

/** A tool map's tools, ready to call from the command line. */
export interface OpenTools extends AsyncDisposable {
  readonly tools: Tools;
  readonly ctx: TenantCtx;
  readonly services: HostServices;
}

/** Opens a tool map; its components are files beside it or in a `components` folder near it. @throws CLI_FILE_MISSING, MCP_TOOLMAP_INVALID */
export async function openTools(input: CommandInput, io: CommandIo): Promise<OpenTools> {
  const file = resolve(io.cwd, String(input.options["toolmap"]));
  const map = parseToolMap(new TextDecoder().decode(await readInputFile(io, file)), file);
  const host = new InProcessComponentHost();
  const grants: ComponentGrants = {
    http: listOption(input, "allowHttp"),
    secrets: [],
    secretsWrite: [],
    state: "none",
    tools: [],
    assets: true,
    oauth: [],
  };
  const components = new Map<string, ToolComponent>();
  for (const { component } of map.tools.values()) {
    if (components.has(component)) continue;
    // A tool map is tried with what it is given: without an origin, requests are refused when they are made.
    const { sha256 } = await host.admit(await readFile(componentFile(file, component)), {
      ...grants,
      http: ["https://denied.invalid", ...grants.http],
    });
    components.set(component, { sha256, name: component, grants });
  }
  const ctx: TenantCtx = {
    env: envId("dev"),
    tenant: tenantId("local"),
    team: DEFAULT_TEAM,
    traceId: "0".repeat(32),
    correlationId: "cli",
    attempt: 1,
    locale: "en",
  };
  return {
    tools: new Tools(map, { host, componentOf: (name) => components.get(name) }),
    ctx,
    services: localServices(join(dirname(file), ".."), { io, env: ctx.env }),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function componentFile(toolmap: string, component: string): string {
  const dir = dirname(toolmap);
  const places = component.endsWith(".wasm")
    ? [resolve(dir, component)]
    : [dir, join(dir, "components"), join(dir, "../components")].map((place) => join(place, `${component}.wasm`));
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new GreenticError("CLI_FILE_MISSING", `Open tool map: no file for component ${quote(component)}`);
  return found;
}

function localServices(packDir: string, { io, env }: { readonly io: CommandIo; readonly env: string }): HostServices {
  const rewrites = parseHttpRewrites(io.environment["GREENTIC_HTTP_REWRITE"] ?? "", env);
  const state = new Map<string, Uint8Array>();
  const keep = async (key: string, value: Uint8Array): Promise<void> => void state.set(key, value);
  return {
    http: (_ctx, request) => sendHttp(request, { rewrites }),
    secret: async () => undefined,
    stateRead: async (_ctx, key) => state.get(key),
    stateWrite: (_ctx, key, value) => keep(key, value),
    stateDelete: async (_ctx, key) => void state.delete(key),
    tool: async () => {
      throw new GreenticError("MCP_TOOL_UNKNOWN", "Call tool: tools can't call tools here");
    },
    asset: async (path) => (path.includes("..") ? undefined : readFile(join(packDir, path)).catch(() => undefined)),
    log: (_ctx, level, message) => void io.stderr.write(`${level}: ${message}\n`),
  };
}
