import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openShell } from "../e2e/shell.ts";
import { startOAuthStandIn } from "../stand-ins/oauth-server.ts";
import { startMcpStandIn } from "../stand-ins/mcp-http-server.ts";
import { EVERYTHING } from "../stand-ins/mcp-tools.ts";

test("gtc mcp lists and calls the tools of the operator's servers, and of no other process", async () => {
  const shell = openShell();
  const { dir } = shell;
  const tools = ["echo", "trigger-elicitation-request"].map((entry) => ({ name: `e.${entry}`, server: "e", entry }));
  writeFileSync(join(dir, "toolmap.json"), JSON.stringify({ tools }));
  const unknown = await shell.run("gtc mcp list-tools --toolmap toolmap.json");
  expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('no MCP server "e"') as string]);

  writeFileSync(
    join(dir, "greentic.toml"),
    `[mcp.servers.e]\ncommand = ${JSON.stringify(process.execPath)}\nargs = ${JSON.stringify([EVERYTHING, "stdio"])}\n`,
  );
  const listed = await shell.run("gtc mcp list-tools --toolmap toolmap.json --json");
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { name: "e.echo", server: "e", inputSchema: { required: ["message"] } },
    { name: "e.trigger-elicitation-request" },
  ]);
  const echoed = await shell.run(`gtc mcp call e.echo --toolmap toolmap.json --input '{"message":"hi"}'`);
  expect([echoed.code, echoed.stdout]).toEqual([0, '"Echo: hi"\n']);
  const wrong = await shell.run(`gtc mcp call e.echo --toolmap toolmap.json --input '{}'`);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('"/message" is missing') as string]);

  const ask = "gtc mcp call e.trigger-elicitation-request --toolmap toolmap.json --input '{}'";
  const asked = await shell.run(ask);
  expect([asked.code, JSON.parse(asked.stdout)]).toMatchObject([1, { asks: { mode: "form" } }]);
  expect((await shell.run(`${ask} --answer '{"name":"Ada"}'`)).stdout).toContain("Name: Ada");
});

test("gtc mcp reaches servers that a tool map declares, within the configured network, with the secrets that it is given", async () => {
  await using server = await startMcpStandIn({
    t: async () => ({ result: { content: [{ type: "text", text: "hello" }] } }),
  });
  server.admit = ({ headers }) => (headers.authorization === "Bearer s3cr3t" ? undefined : 401);
  const shell = openShell();
  const { dir } = shell;
  mkdirSync(join(dir, "maps"));
  const map = { tools: [{ name: "t", server: "s" }], servers: { s: { url: server.url, auth: { bearer: "key" } } } };
  writeFileSync(join(dir, "maps/toolmap.json"), JSON.stringify(map));
  const call = "gtc mcp call t --toolmap maps/toolmap.json --input '{}'";
  const missing = await shell.run(call);
  expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining("MCP_SECRET_MISSING") as string]);
  const denied = await shell.run(`${call} --secret key=s3cr3t`);
  expect([denied.code, denied.stderr]).toEqual([4, expect.stringContaining("HTTP_ADDRESS_DENIED") as string]);
  const config = join(mkdtempSync(join(tmpdir(), "greentic-cli-")), "greentic.toml");
  writeFileSync(config, '[network]\nprivate_addresses = ["127.0.0.0/8"]\n');
  const said = await shell.run(`${call} --secret key=s3cr3t --config ${config}`);
  expect([said.code, said.stdout]).toEqual([0, '"hello"\n']);
  const refused = await shell.run(`${call} --secret key=other --config ${config}`);
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("MCP_SERVER_UNAUTHORIZED") as string]);
  expect(refused.stderr).not.toContain("other");
});

test("gtc mcp login keeps what a person consented to, and calls renew it", async () => {
  await using authorization = await startOAuthStandIn();
  await using server = await startMcpStandIn({
    t: async () => ({ result: { content: [{ type: "text", text: "hello" }] } }),
  });
  server.authorizationServer = authorization.issuer;
  server.admit = ({ headers }) => (authorization.tokens.has(headers.authorization?.slice(7) ?? "") ? undefined : 401);
  const shell = openShell();
  const consent = { secret: "s_tokens", origins: [authorization.issuer] };
  const map = { tools: [{ name: "t", server: "s" }], servers: { s: { url: server.url, auth: { consent } } } };
  writeFileSync(join(shell.dir, "toolmap.json"), JSON.stringify(map));
  writeFileSync(join(shell.dir, "greentic.toml"), '[network]\nprivate_addresses = ["127.0.0.0/8"]\n');
  const call = "gtc mcp call t --toolmap toolmap.json --input '{}'";
  const before = await shell.run(call);
  expect([before.code, before.stderr]).toEqual([4, expect.stringContaining("gtc mcp login") as string]);

  // The browser of a person who consents: it follows where it is sent.
  writeFileSync(join(shell.dir, "browse.mjs"), BROWSE);
  const login = await shell.run("gtc mcp login s --toolmap toolmap.json --port 0 2> >(node browse.mjs)");
  expect([login.code, login.stdout]).toEqual([0, "consented: s has 1 tools\n"]);
  expect((await shell.run(call)).stdout).toBe('"hello"\n');
  // The token's time is over: it is renewed, and the new one is kept.
  authorization.tokens.clear();
  expect((await shell.run(call)).stdout).toBe('"hello"\n');
  expect((await shell.run(call)).stdout).toBe('"hello"\n');
  expect(authorization.grants).toEqual(["authorization_code", "refresh_token"]);
});

/** The browser of a person who consents: it follows where it is sent. */
const BROWSE = `
let said = "";
process.stdin.on("data", async (chunk) => {
  said += chunk;
  const page = /http\\S+\\n/.exec(said);
  if (page === null) return process.stderr.write(chunk);
  said = "";
  process.stderr.write(await (await fetch(page[0].trim())).text());
});
`;
