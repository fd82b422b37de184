import { formatSessionKey, GreenticError, parseSessionKey, quote } from "../../types/index.ts";
import { defineCommand, printJson } from "../command.ts";
import { openStore, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "Show one session",
  arguments: [{ name: "key", summary: "the session's key, as session list prints it" }],
  options: STORE_OPTIONS,
  async run(input, io) {
    await using store = await openStore(input, io);
    const key = formatSessionKey(parseSessionKey(input.args[0] ?? ""));
    const found = await store.read(key);
    if (found === undefined)
      throw new GreenticError("CLI_SESSION_MISSING", `Show session: none is named ${quote(key)}`);
    printJson(io, found);
  },
});
