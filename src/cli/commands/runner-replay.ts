import { openAnyPack } from "../../conformance/index.ts";
import { JOURNAL_TURNS_MAX } from "../../session/index.ts";
import { formatSessionKey, GreenticError, parseSessionKey } from "../../types/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { defineCommand, hasFlag, printJson, textOption, timeoutOption } from "../command.ts";
import { readInputFile } from "../files.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";
import { readPackInput } from "../pack-input.ts";
import type { Recording } from "../replay/read-recording.ts";
import { readRecording, recordingOf } from "../replay/read-recording.ts";
import { replaySession } from "../replay/replay-session.ts";

export default defineCommand({
  summary: "Replay a recorded session against another version of its pack",
  options: [
    { flags: "--pack <file>", summary: "the version to try" },
    { flags: "--session <key>", summary: "the session, as session list prints it" },
    { flags: "--file <file>", summary: "instead: what session show --json --texts printed" },
    { flags: "--timeout <ms>", summary: "how long a turn may take", default: "30000" },
    ...STORE_OPTIONS,
  ],
  examples: [
    "gtc runner replay --pack next.gtpack --session dev:demo:default:webchat:c1:u1",
    "gtc runner replay --pack next.gtpack --file session.json --json",
  ],
  async run(input, io) {
    const file = textOption(input, "pack");
    if (file === undefined) throw new GreenticError("CLI_USAGE_INVALID", "Replay session: expected --pack");
    const timeoutMs = timeoutOption(input);
    const pack = await openAnyPack(await readPackInput(io, file), Date.now());
    const report = await replaySession(await recording(input, io), { pack, timeoutMs });
    const { differences, turns } = report;
    if (hasFlag(input, "json")) printJson(io, { ok: differences.length === 0, ...report });
    else {
      for (const { revision, what, expected, got } of differences)
        io.stdout.write(`turn ${revision}  ${what}\n    was ${expected}\n    is  ${got}\n`);
      io.stdout.write(
        `${turns} turn${turns === 1 ? "" : "s"} replayed against ${report.pack.name} ${report.pack.version}: ${differences.length === 0 ? "every decision is the same" : `${differences.length} differ`}\n`,
      );
    }
    return differences.length === 0 ? 0 : 1;
  },
});

async function recording(input: CommandInput, io: CommandIo): Promise<Recording> {
  const file = textOption(input, "file");
  if (file !== undefined) return readRecording(Buffer.from(await readInputFile(io, file)).toString("utf8"), file);
  const session = textOption(input, "session");
  if (session === undefined)
    throw new GreenticError("CLI_USAGE_INVALID", "Replay session: expected --session, or --file");
  const key = formatSessionKey(parseSessionKey(session));
  await using store = await openStore(storeConfig(input, io), io);
  return recordingOf(key, await store.readJournal(key, { limit: JOURNAL_TURNS_MAX }));
}
