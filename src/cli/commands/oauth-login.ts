import { loadConfig } from "../../config/index.ts";
import { grantAddress, loginByBrowser, loginByCode, TENANT_SERVICE } from "../../oauth/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import { listenForAnswer, portOption } from "../browser-answer.ts";
import { openAudit } from "../open-audit.ts";
import { openOAuth } from "../open-oauth.ts";
import { OAUTH_OPTIONS, serviceOwner } from "../oauth-owner.ts";

export default defineCommand({
  summary: "Consent for a tenant at an OAuth provider, and keep its tokens",
  arguments: [{ name: "provider", summary: "a provider of greentic.toml, [oauth.NAME]" }],
  options: [
    ...OAUTH_OPTIONS,
    { flags: "--scope <scopes>", summary: "what to ask for, with commas between them (default: all that is declared)" },
    { flags: "--device", summary: "show a code to enter elsewhere, where there is no browser here" },
    { flags: "--port <number>", summary: "where the browser comes back to on this machine", default: "8766" },
  ],
  examples: ["gtc oauth login google --tenant acme", "gtc oauth login microsoft --device"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), tenant: textOption(input, "tenant") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    const world = createMachineWorld();
    const provider = input.args[0] ?? "";
    await using store = openMemoryStore(world);
    await using audit = await openAudit(config);
    const oauth = openOAuth({ config, environment: io.environment, world, store, audit });
    if (oauth === undefined)
      throw new GreenticError(
        "OAUTH_PROVIDER_UNKNOWN",
        `Log in at ${quote(provider)}: greentic.toml declares no provider`,
      );
    const owner = serviceOwner(input, { config, provider, fallback: TENANT_SERVICE });
    const scopes = textOption(input, "scope")
      ?.split(/[\s,]+/)
      .filter((scope) => scope !== "");
    if (hasFlag(input, "device")) {
      // The world's timers keep no process alive, and between two questions nothing else does.
      const alive = setInterval(() => undefined, 60_000);
      await loginByCode(oauth.broker, {
        owner,
        scopes,
        world,
        signal: io.signal,
        tell: ({ userCode, verificationUri, completeUri }) =>
          void io.stderr.write(`Open ${completeUri ?? verificationUri} and enter ${userCode}\n`),
      }).finally(() => clearInterval(alive));
    } else {
      await using back = await listenForAnswer(portOption(textOption(input, "port")));
      await loginByBrowser(oauth.broker, {
        owner,
        scopes,
        world,
        redirectUri: back.url,
        visit: (page) => {
          io.stderr.write(`Open this page and consent:\n${page}\n`);
          return back.answer;
        },
      });
    }
    io.stdout.write(`connected: ${grantAddress(owner)}\n`);
  },
});
