import { readTurnJournal } from "../../runner/index.ts";
import type { ReplayRecord, TurnJournal } from "../../runner/index.ts";
import type { JournalEntry } from "../../session/index.ts";
import { formatSessionKey, GreenticError, isJsonObject, parseSessionKey, quote } from "../../types/index.ts";
import type { JsonValue, SessionKeyText } from "../../types/index.ts";

/** A turn with all that it takes to run it again. */
export interface RecordedTurn {
  readonly revision: number;
  readonly atMs: number;
  readonly journal: TurnJournal;
  readonly replay: ReplayRecord;
}

/** Turns of one session that follow each other, from one that no flow was running before. */
export interface Recording {
  readonly key: SessionKeyText;
  readonly turns: readonly RecordedTurn[];
}

/**
 * Takes the longest end of a journal that can be replayed: without gaps, each turn with its record, begun where no flow was running.
 * @throws CLI_REPLAY_INCOMPLETE where there is none
 */
export function recordingOf(key: SessionKeyText, entries: readonly JournalEntry[]): Recording {
  let turns: RecordedTurn[] = [];
  let whole: readonly RecordedTurn[] = [];
  for (const { revision, atMs, turn } of entries.toReversed()) {
    const journal = readTurnJournal(turn);
    const next = turns[0];
    if (journal?.replay === undefined || (next !== undefined && revision !== next.revision - 1)) break;
    turns = [{ revision, atMs, journal, replay: journal.replay }, ...turns];
    if (journal.replay.before !== undefined) whole = turns;
  }
  if (whole.length > 0) return { key, turns: whole };
  throw new GreenticError(
    "CLI_REPLAY_INCOMPLETE",
    `Replay session ${quote(key)}: its journal holds no turn that started a flow together with all that followed`,
  );
}

/** Reads what `gtc session show --json --texts` printed. @throws CLI_REPLAY_INCOMPLETE */
export function readRecording(text: string, file: string): Recording {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new GreenticError("CLI_REPLAY_INCOMPLETE", `Read ${quote(file)}: it isn't JSON`, { cause: error });
  }
  const { key, journal } = isJsonObject(value) ? value : {};
  if (typeof key !== "string" || !Array.isArray(journal))
    throw new GreenticError("CLI_REPLAY_INCOMPLETE", `Read ${quote(file)}: expected "key" and "journal"`);
  return recordingOf(formatSessionKey(parseSessionKey(key)), journal);
}
