import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "Queue a failed or unknown send again",
  arguments: [{ name: "id", summary: "the send's id, as outbox list prints it" }],
  options: STORE_OPTIONS,
  async run(input, io) {
    await using store = await openStore(storeConfig(input, io), io);
    const id = input.args[0] ?? "";
    if (!(await store.retrySend(id)))
      throw new GreenticError("CLI_SEND_MISSING", `Retry send: none that failed is named ${quote(id)}`);
    io.stdout.write(`queued ${id} again\n`);
  },
});
