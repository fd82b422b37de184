import { createInterface } from "node:readline/promises";
import { createMachineWorld } from "../../runner/index.ts";
import type { Erasure } from "../../session/index.ts";
import { channelId, conversationId, GreenticError, teamId, tenantId, userId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { erasePeople } from "../erase-people.ts";
import { openAudit } from "../open-audit.ts";
import { ENV_OPTION, envConfig, STORE_OPTIONS } from "../open-store.ts";
import { openConfiguredBlobs, openConfiguredStore } from "../services.ts";

export default defineCommand({
  summary: "Erase what is kept of a tenant's people",
  options: [
    ENV_OPTION,
    ...STORE_OPTIONS,
    { flags: "--tenant <tenant>", summary: "whose", required: true },
    { flags: "--team <team>", summary: "only this team's" },
    { flags: "--channel <channel>", summary: "only this channel's" },
    { flags: "--conversation <conversation>", summary: "only this conversation's" },
    { flags: "--user <user>", summary: "only this person's" },
    { flags: "--yes", summary: "don't ask" },
  ],
  examples: ["gtc session erase --tenant acme --user u-17", "gtc session erase --tenant acme --yes --json"],
  async run(input, io) {
    const config = await envConfig(input, io);
    const text = (name: string): string | undefined => textOption(input, name);
    const [team, channel, conversation, user] = [text("team"), text("channel"), text("conversation"), text("user")];
    const whose: Erasure = {
      env: config.env,
      tenant: tenantId(text("tenant") ?? ""),
      ...(team !== undefined && { team: teamId(team) }),
      ...(channel !== undefined && { channel: channelId(channel) }),
      ...(conversation !== undefined && { conversation: conversationId(conversation) }),
      ...(user !== undefined && { user: userId(user) }),
    };
    if (!hasFlag(input, "yes")) await confirm(whose, io);
    const warn = ({ code, message }: GreenticError): void => void io.stderr.write(`${code}: ${message}\n`);
    await using store = await openConfiguredStore(config, { world: createMachineWorld(), onDamage: warn });
    await using blobs = await openConfiguredBlobs(config);
    await using audit = await openAudit(config);
    const erased = await erasePeople(whose, { actor: "operator:cli", audit, store, blobs });
    if (hasFlag(input, "json")) printJson(io, erased);
    else {
      const { sessions, deadLetters, rows, logs, files } = erased;
      io.stdout.write(
        `erased ${sessions} sessions, ${logs} logs, ${rows} sends, ${deadLetters} dead letters, ${files} files\n`,
      );
    }
  },
});

/** Lets a person at a terminal think again. @throws CLI_USAGE_INVALID where there is none, or they did */
async function confirm(whose: Erasure, io: CommandIo): Promise<void> {
  const names = Object.entries(whose).map(([part, name]) => `${part} ${String(name)}`);
  const what = `everything that is kept of ${names.join(", ")}`;
  if (!("isTTY" in io.stdin) || io.stdin.isTTY !== true)
    throw new GreenticError("CLI_USAGE_INVALID", `Erase ${what}: expected --yes, since there is nobody to ask`);
  const asking = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await asking.question(`Erase ${what}? It can't be brought back. Type the tenant's name: `, {
      signal: io.signal,
    });
    if (answer.trim() !== whose.tenant)
      throw new GreenticError("CLI_USAGE_INVALID", `Erase ${what}: expected the tenant's name, so nothing was erased`);
  } finally {
    asking.close();
  }
}
