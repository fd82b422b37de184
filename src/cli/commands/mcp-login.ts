import { once } from "node:events";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { openHttp, parseHttpRewrites } from "../../http/index.ts";
import { McpServers, parseToolMap } from "../../mcp/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { DEFAULT_TEAM, GreenticError, quote, tenantId } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { readInputFile } from "../files.ts";
import { secretReader, secretWriter } from "../secret-stores.ts";

const PATH = "/callback";
const BACK = "You can close this page and go back to the command line.\n";

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
    await using back = await listen(portOf(textOption(input, "port")));
    const reader = secretReader(config, io.environment);
    const writer = secretWriter(config);
    const network = {
      privateAddresses: config.network.privateAddresses,
      rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
    };
    await using reach = new McpServers({
      world: createMachineWorld(),
      secret: (of, category, secret) => reader.get(of, category, secret),
      saveSecret: (of, category, secret, value) => writer.put(of, category, secret, value),
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

interface Back extends AsyncDisposable {
  readonly url: string;
  /** The query with which the browser came back. */
  readonly answer: Promise<URLSearchParams>;
}

/** Waits on this machine for the browser that an authorization server sends back. */
async function listen(port: number): Promise<Back> {
  const { promise, resolve: answered } = Promise.withResolvers<URLSearchParams>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const isBack = url.pathname === PATH;
    response.writeHead(isBack ? 200 : 404, { "content-type": "text/plain; charset=utf-8", connection: "close" });
    response.end(isBack ? BACK : "");
    if (isBack) answered(url.searchParams);
  });
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new GreenticError("CLI_USAGE_INVALID", `Listen on port ${port}: it is in use; choose another with --port`, {
      cause,
    });
  }
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}${PATH}`,
    answer: promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function portOf(text: string | undefined): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new GreenticError("CLI_USAGE_INVALID", `Log in: expected --port from 0 to 65535, got ${quote(text ?? "")}`);
}
