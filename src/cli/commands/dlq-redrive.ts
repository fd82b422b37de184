import { newestRows } from "../../session/index.ts";
import type { DeadLetter, SessionStore } from "../../session/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { EnvId } from "../../types/index.ts";
import { defineCommand, hasFlag } from "../command.ts";
import { ENV_OPTION, envConfig, openStore, STORE_OPTIONS } from "../open-store.ts";

const ALL_MAX = 10_000;

export default defineCommand({
  summary: "Try a dead letter again",
  arguments: [{ name: "ids...", summary: "their ids, as dlq list prints them", optional: true }],
  options: [
    ENV_OPTION,
    ...STORE_OPTIONS.filter(({ flags }) => flags !== "--json"),
    { flags: "--all", summary: "every message that died on its way in" },
  ],
  examples: ["gtc dlq redrive 4711", "gtc dlq redrive --all"],
  async run(input, io) {
    const config = await envConfig(input, io);
    await using store = await openStore(config, io);
    const ids = hasFlag(input, "all")
      ? (await lettersOf(store, config.env)).map(({ order }) => String(order)).toReversed()
      : input.args;
    if (ids.length === 0 && !hasFlag(input, "all"))
      throw new GreenticError("CLI_USAGE_INVALID", "Redrive dead letters: expected ids, or --all");
    for (const id of ids) {
      if (!(await redrive(store, id)))
        throw new GreenticError("CLI_DEAD_LETTER_MISSING", `Redrive dead letter: none is named ${quote(id)}`);
      io.stdout.write(`${id} is tried again\n`);
    }
  },
});

async function lettersOf(store: SessionStore, env: EnvId): Promise<readonly DeadLetter[]> {
  const newest = await newestRows(env, (limit) => store.listDeadLetters({ limit }), { limit: ALL_MAX });
  return newest.slice(0, ALL_MAX);
}

/** A message goes back into its inbox as the newest, a send into the queue. */
function redrive(store: SessionStore, id: string): Promise<boolean> {
  return /^\d+$/.test(id) ? store.redrive(Number(id)) : store.retrySend(id);
}
