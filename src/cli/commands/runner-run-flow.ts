import { loadConfig } from "../../config/index.ts";
import { openBundle } from "../../deployer/index.ts";
import { receiveConsole } from "../../messaging/index.ts";
import { openPack } from "../../pack/index.ts";
import type { PackApp } from "../../runner/index.ts";
import {
  envId,
  ERROR_CODES,
  exitCodeOf,
  GreenticError,
  isJsonObject,
  parseJson,
  quote,
  randomHex,
  teamId,
  tenantId,
} from "../../types/index.ts";
import type { ErrorCode, JsonValue } from "../../types/index.ts";
import { isBundleHere, withoutPolling } from "../bundle-settings.ts";
import { defineCommand, hasFlag, printJson, textOption, timeoutOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { CONSOLE_CHANNEL, openHost } from "../host.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { readPackAndProvenance } from "../registries.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Run one turn of a flow",
  options: [
    { flags: "--pack <file>", summary: "a pack file (default: what is registered for the tenant)" },
    { flags: "--allow-unsigned", summary: "accept --pack without a trusted signature" },
    POLICY_OPTION,
    { flags: "--flow <id>", summary: "the flow (default: the router's choice)" },
    { flags: "--entry <name>", summary: "the entrypoint or node to start at" },
    { flags: "--tenant <tenant>", summary: "whose turn", required: true },
    { flags: "--env <env>", summary: "environment" },
    { flags: "--team <team>", summary: "team" },
    { flags: "--session <id>", summary: "the conversation; the same one continues a waiting flow", default: "default" },
    { flags: "--input <json>", summary: "a JSON text, an object with `text`, or a Telegram update", required: true },
    { flags: "--locale <tag>", summary: "the person's language" },
    { flags: "--timeout <ms>", summary: "how long the turn may take", default: "30000" },
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--json", summary: "print the whole report" },
  ],
  examples: ['greentic-runner run-flow --tenant acme --input \'{"update":{"message":{"text":"/weather"}}}\''],
  async run(input, io) {
    const tenant = tenantId(String(input.options["tenant"]));
    const config = loadConfig({
      cwd: io.cwd,
      environment: io.environment,
      flags: {
        tenant,
        env: textOption(input, "env"),
        team: textOption(input, "team"),
        data: textOption(input, "data"),
      },
    });
    const value = withText(parseJson(String(input.options["input"])));
    const timeoutMs = timeoutOption(input);
    const packFile = textOption(input, "pack");
    await using host = await openHost({
      config,
      ...(packFile === undefined && isBundleHere(io.cwd) && { bundle: withoutPolling(await openBundle(io.cwd)) }),
      isDevOk: isDevOk(input),
      environment: io.environment,
      warn: (message) => io.stderr.write(`warning: ${message}\n`),
      ...(packFile !== undefined && { apps: [await appOf(packFile, { input, io, config })] }),
    });
    const { runtime, world } = host;
    runtime.start();
    const scope = { env: envId(config.env), tenant, team: teamId(config.team) };
    const provider = runtime.channel(scope, CONSOLE_CHANNEL);
    if (provider === undefined)
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `Run flow: tenant ${quote(tenant)} has nothing to run here; load a pack for it first`,
      );
    const locale = textOption(input, "locale");
    const message = receiveConsole(provider.address, value, {
      session: String(input.options["session"]),
      id: randomHex(world, 16),
      ...(locale !== undefined && { locale }),
    });
    const flow = textOption(input, "flow");
    const entry = textOption(input, "entry");
    const report = await runtime.request(provider, message, {
      timeoutMs,
      choice: { ...(flow !== undefined && { flow }), ...(entry !== undefined && { entry }) },
    });
    if (hasFlag(input, "json")) printJson(io, report);
    else {
      for (const reply of report.reply) if (reply.text !== undefined) io.stdout.write(`${reply.text}\n`);
      io.stderr.write(
        `${report.status}${report.waitingAt === undefined ? "" : ` at ${report.waitingAt}`}${report.error === undefined ? "" : `: ${report.error.code}: ${report.error.message}`}\n`,
      );
    }
    if (report.error === undefined) return report.status === "error" ? 1 : 0;
    return exitCodeOf(
      Object.hasOwn(ERROR_CODES, report.error.code) ? ERROR_CODES[report.error.code as ErrorCode].kind : "internal",
    );
  },
});

interface Named {
  readonly input: CommandInput;
  readonly io: CommandIo;
  readonly config: ReturnType<typeof loadConfig>;
}

async function appOf(file: string, { input, io, config }: Named): Promise<PackApp> {
  const trust = await trustOf(config);
  const isLenient = isDevOk(input);
  const { bytes, provenance } = await readPackAndProvenance(io, file, { config, trust });
  const pack = await openPack(bytes, {
    trust: hasFlag(input, "allowUnsigned") || isLenient ? { ...trust, rejectUnsigned: false } : trust,
    nowMs: io.nowMs(),
    provenance,
    ...(isLenient && { policy: { sbom: "warn" } }),
  });
  return { scope: { env: config.env, tenant: config.tenant }, pack };
}

/** Takes the text out of a Telegram update, the documents' form of input. */
function withText(value: JsonValue): JsonValue {
  if (!isJsonObject(value) || value["text"] !== undefined) return value;
  const update = value["update"];
  const message = isJsonObject(update) ? update["message"] : undefined;
  const text = isJsonObject(message) ? message["text"] : undefined;
  return typeof text === "string" ? { ...value, text } : value;
}
