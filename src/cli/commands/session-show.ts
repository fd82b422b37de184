import { readTurnJournal } from "../../runner/index.ts";
import type { JournalEntry } from "../../session/index.ts";
import { JOURNAL_TURNS_MAX } from "../../session/index.ts";
import { formatSessionKey, GreenticError, parseSessionKey, quote } from "../../types/index.ts";
import type { CommandIo } from "../command.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "Show one session",
  arguments: [{ name: "key", summary: "the session's key, as session list prints it" }],
  options: [
    ...STORE_OPTIONS,
    { flags: "--texts", summary: "with what people wrote and were told, as far as the journal keeps it" },
  ],
  examples: [
    "gtc session show dev:demo:default:webchat:c1:u1",
    "gtc session show dev:demo:default:webchat:c1:u1 --json",
  ],
  async run(input, io) {
    await using store = await openStore(storeConfig(input, io), io);
    const key = formatSessionKey(parseSessionKey(input.args[0] ?? ""));
    const found = await store.read(key);
    const entries = await store.readJournal(key, { limit: JOURNAL_TURNS_MAX });
    if (found === undefined && entries.length === 0)
      throw new GreenticError("CLI_SESSION_MISSING", `Show session: none is named ${quote(key)}`);
    const { session, unread = 0 } = found ?? {};
    const journal = hasFlag(input, "texts") ? entries : entries.map(withoutTexts);
    if (hasFlag(input, "json")) {
      printJson(io, { key, ...(session && { session }), unread, journal });
      return;
    }
    const { cursor, waitReason, pack, packHash, locale, revision } = session ?? {};
    const lines = [
      key,
      cursor === undefined ? "no flow is running" : `${cursor.flow} waits at ${cursor.node} for ${waitReason ?? ""}`,
      ...(pack === undefined
        ? []
        : [`pack ${pack} ${packHash?.slice(0, 12) ?? ""}, locale ${locale ?? ""}, revision ${revision ?? 0}`]),
      `unread ${unread}`,
      journal.length === 0
        ? 'the journal holds no turn of it; journal = "turns" in greentic.toml keeps them'
        : `its last ${journal.length} turns:`,
    ];
    io.stdout.write(`${lines.join("\n")}\n`);
    for (const entry of journal) printTurn(io, entry);
  },
});

/** People's words stay in the store unless they are asked for. */
function withoutTexts(entry: JournalEntry): JournalEntry {
  const journal = readTurnJournal(entry.turn);
  if (journal === undefined) return entry;
  const { replay: _replay, ...told } = journal;
  return { ...entry, turn: told as unknown as JournalEntry["turn"] };
}

function printTurn(io: CommandIo, { revision, atMs, turn }: JournalEntry): void {
  const journal = readTurnJournal(turn);
  if (journal === undefined) return;
  const { by, status, waitingAt, errorCode, said, steps } = journal;
  const end =
    status === "waiting" ? `waits at ${waitingAt ?? ""}` : `${status}${errorCode === undefined ? "" : ` ${errorCode}`}`;
  io.stdout.write(`  ${revision}  ${new Date(atMs).toISOString()}  by ${by}  ${end}  said ${said}\n`);
  for (const { flow, node, kind, outcome } of steps) io.stdout.write(`       ${flow}/${node}  ${kind}  ${outcome}\n`);
}
