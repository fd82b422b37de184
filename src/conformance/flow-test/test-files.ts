import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pack } from "../../pack/index.ts";
import { isGreenticError } from "../../types/index.ts";
import { readConversation } from "./read-conversation.ts";
import type { ConversationFailure } from "./run-conversation.ts";
import { runConversation } from "./run-conversation.ts";

/** What one file's conversation came to, as `gtc flow test --json` prints it. */
export interface ConversationResult {
  readonly file: string;
  readonly name?: string;
  readonly ok: boolean;
  readonly steps: number;
  readonly failures: readonly ConversationFailure[];
}

/** Runs the conversation of a file, shown as `file`; what is wrong with the file or its pack is a failure, too. */
export async function runConversationFile(
  file: string,
  from: { readonly path: string; readonly pack: () => Promise<Pack>; readonly timeoutMs: number },
): Promise<ConversationResult> {
  try {
    const test = readConversation(await readFile(from.path, "utf8"), file);
    const { steps, failures } = await runConversation(test, { pack: await from.pack(), timeoutMs: from.timeoutMs });
    return { file, ...(test.name !== undefined && { name: test.name }), ok: failures.length === 0, steps, failures };
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    const at = error.at ?? { file, line: 1, column: 1 };
    return { file, ok: false, steps: 0, failures: [{ message: `${error.code}: ${error.message}`, at }] };
  }
}

/** Lists the `*.test.yaml` below a directory, in order. */
export async function testFilesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter(
      (entry) =>
        entry.isFile() &&
        /\.test\.ya?ml$/.test(entry.name) &&
        !/(?:^|[/\\])node_modules(?:[/\\]|$)/.test(entry.parentPath),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
