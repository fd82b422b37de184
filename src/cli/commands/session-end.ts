import { formatSessionKey, GreenticError, parseSessionKey, quote } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "End a session",
  arguments: [{ name: "key", summary: "the session's key, as session list prints it" }],
  options: STORE_OPTIONS,
  async run(input, io) {
    await using store = await openStore(storeConfig(input, io), io);
    const key = formatSessionKey(parseSessionKey(input.args[0] ?? ""));
    if (!(await store.end(key)))
      throw new GreenticError("CLI_SESSION_MISSING", `End session: none is named ${quote(key)}`);
    io.stdout.write(`ended ${key}\n`);
  },
});
