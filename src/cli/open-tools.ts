import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InProcessComponentHost, NO_GRANTS } from "../component/index.ts";
import type { ComponentGrants, ComponentHost, HostServices } from "../component/index.ts";
import { loadConfig } from "../config/index.ts";
import { openHttp, parseHttpRewrites, sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import { HttpTools, McpServers, parseToolMap, Tools } from "../mcp/index.ts";
import type { ToolComponent, ToolMap } from "../mcp/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { TenantCtx } from "../types/index.ts";
import { listOption, textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { commandSecrets } from "./command-secrets.ts";
import { readInputFile } from "./files.ts";

/** The options with which the mcp commands name a tool map and what its components may reach. */
export const TOOL_OPTIONS = [
  { flags: "--toolmap <file>", summary: "the tool map", required: true },
  {
    flags: "--allow-http <origin>",
    summary: "an origin that the components may reach; may be given many times",
    repeat: true,
  },
  { flags: "--secret <name=value>", summary: "a secret that tools may use; may be given many times", repeat: true },
  { flags: "--category <name>", summary: "the pack whose stored secrets tools use", default: "tools" },
  { flags: "--config <file>", summary: "another greentic.toml; its mcp.servers are the processes that may run" },
  { flags: "--json", summary: "print as JSON" },
] as const;

/** A tool map's tools, ready to call from the command line. */
export interface OpenTools extends AsyncDisposable {
  readonly tools: Tools;
  readonly ctx: TenantCtx;
  readonly services: HostServices;
}

/**
 * Opens a tool map; its components are files beside it or in a `components` folder near it, its servers those that it declares and
 * those of greentic.toml: who runs this is the operator, yet a tool map that somebody sent starts no process.
 * @throws CLI_FILE_MISSING, MCP_TOOLMAP_INVALID and what reading the configuration throws
 */
export async function openTools(input: CommandInput, io: CommandIo): Promise<OpenTools> {
  const file = resolve(io.cwd, String(input.options["toolmap"]));
  const map = parseToolMap(new TextDecoder().decode(await readInputFile(io, file)), file);
  const config = loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: { config: textOption(input, "config") },
  });
  const ctx: TenantCtx = {
    env: config.env,
    tenant: config.tenant,
    team: config.team,
    traceId: "0".repeat(32),
    correlationId: "cli",
    attempt: 1,
    locale: "en",
  };
  const http: HttpOptions = {
    privateAddresses: config.network.privateAddresses,
    rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
  };
  const kept = commandSecrets(config, io.environment);
  const secret = secretsOf(input, kept.secrets);
  const world = createMachineWorld();
  const host = new InProcessComponentHost();
  const components = await admitComponents(map, { file, host, origins: listOption(input, "allowHttp") });
  const servers = new McpServers({
    world,
    secret,
    saveSecret: (of, category, name, value) => kept.writer.put(of, category, name, value),
    open: (_ctx, request, { signal }) => openHttp(request, { ...http, ...(signal && { signal }) }),
    operator: config.mcpServers,
    path: io.environment["PATH"],
    log: (_ctx, level, message) => {
      if (config.log.level === "debug") io.stderr.write(`${level}: ${message}\n`);
    },
  });
  const category = textOption(input, "category") ?? "tools";
  return {
    tools: new Tools(map, {
      host,
      world,
      componentOf: (name) => components.get(name),
      servers: servers.toolsOf({ pack: category, servers: map.servers }),
      endpoints: new HttpTools({
        send: (_ctx, request, signal) => sendHttp(request, { ...http, ...(signal && { signal }) }),
        secret: (of, name) => secret(of, category, name),
      }),
    }),
    ctx,
    services: localServices(join(dirname(file), ".."), { io, http }),
    async [Symbol.asyncDispose]() {
      await servers[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
      await kept[Symbol.asyncDispose]();
    },
  };
}

/** What `--secret` gives goes before what is stored. */
function secretsOf(
  input: CommandInput,
  stored: SecretReader,
): (ctx: TenantCtx, category: string, name: string) => Promise<string | undefined> {
  const given = new Map(
    listOption(input, "secret").map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new GreenticError("CLI_USAGE_INVALID", "Open tool map: expected --secret NAME=VALUE");
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
  return async (ctx, category, name) => given.get(name) ?? stored.get(ctx, category, name);
}

async function admitComponents(
  map: ToolMap,
  from: { readonly file: string; readonly host: ComponentHost; readonly origins: readonly string[] },
): Promise<ReadonlyMap<string, ToolComponent>> {
  const grants: ComponentGrants = { ...NO_GRANTS, http: from.origins, assets: true };
  const components = new Map<string, ToolComponent>();
  for (const { target } of map.tools.values()) {
    if (target.kind !== "component" || components.has(target.component)) continue;
    // A tool map is tried with what it is given: without an origin, requests are refused when they are made.
    const { sha256 } = await from.host.admit(await readFile(componentFile(from.file, target.component)), {
      ...grants,
      http: ["https://denied.invalid", ...grants.http],
    });
    components.set(target.component, { sha256, name: target.component, grants });
  }
  return components;
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

function localServices(
  packDir: string,
  { io, http }: { readonly io: CommandIo; readonly http: HttpOptions },
): HostServices {
  const state = new Map<string, Uint8Array>();
  const keep = async (key: string, value: Uint8Array): Promise<void> => void state.set(key, value);
  return {
    http: (_ctx, request) => sendHttp(request, http),
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
