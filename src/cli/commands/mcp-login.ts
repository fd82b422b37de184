import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { openHttp, parseHttpRewrites } from "../../http/index.ts";
import { McpServers, parseToolMap } from "../../mcp/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { DEFAULT_TEAM, GreenticError, quote, tenantId } from "../../types/index.ts";
import { listenForAnswer, portOption } from "../browser-answer.ts";
import { defineCommand, textOption } from "../command.ts";
import { commandSecrets } from "../command-secrets.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Consent to what an MCP server asks for, and keep its tokens",
  arguments: [{ name: "server", summary: "a server of greentic.toml, or of the tool map" }],
  options: [
    { flags: "--toolmap <file>", summary: "the tool map that declares the server" },
    {
      flags: "--category <name>",
      summary: "the pack whose tool map it is: where its tokens are kept",
      default: "tools",
    },
    { flags: "--tenant <tenant>", summary: "for whom (default: the configured tenant)" },
    { flags: "--port <number>", summary: "where the browser comes back to on this machine", default: "8765" },
    { flags: "--config <file>", summary: "another greentic.toml" },
  ],
  examples: ["gtc mcp login notion", "gtc mcp login search --toolmap assets/toolmap.json --category weather-demo"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), tenant: textOption(input, "tenant") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    const file = textOption(input, "toolmap");
    const servers =
      file === undefined
        ? new Map()
        : parseToolMap(new TextDecoder().decode(await readInputFile(io, file)), resolve(io.cwd, file)).servers;
    const name = input.args[0] ?? "";
    const ctx = {
      env: config.env,
      tenant: tenantId(config.tenant),
      team: DEFAULT_TEAM,
      traceId: "0".repeat(32),
      correlationId: "cli",
      attempt: 1,
      locale: "en",
    };
    const declared = servers.get(name) ?? config.mcpServers.find((one) => one.name === name)?.server;
    if (declared !== undefined && (declared.kind !== "http" || declared.auth?.kind !== "consent")) {
      throw new GreenticError("CLI_USAGE_INVALID", `Log in to ${quote(name)}: its auth asks for no consent`);
    }
    await using back = await listenForAnswer(portOption(textOption(input, "port")));
    await using kept = commandSecrets(config, io.environment);
    const network = {
      privateAddresses: config.network.privateAddresses,
      rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
    };
    await using reach = new McpServers({
      world: createMachineWorld(),
      secret: (of, category, secret) => kept.secrets.get(of, category, secret),
      saveSecret: (of, category, secret, value) => kept.writer.put(of, category, secret, value),
      open: (_ctx, request, { signal }) => openHttp(request, { ...network, ...(signal && { signal }) }),
      operator: config.mcpServers,
      consent: {
        redirectUrl: back.url,
        visit: (page) => {
          io.stderr.write(`Open this page and consent:\n${page.href}\n`);
          return back.answer;
        },
      },
    });
    const category = textOption(input, "category") ?? "tools";
    const tools = await reach.toolsOf({ pack: category, servers }).connect(ctx, name);
    io.stdout.write(`consented: ${name} has ${tools.length} tools\n`);
  },
});
