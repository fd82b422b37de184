import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "Give up a send that waits or is unknown",
  arguments: [{ name: "id", summary: "the send's id, as outbox list prints it" }],
  options: STORE_OPTIONS,
  async run(input, io) {
    await using store = await openStore(storeConfig(input, io), io);
    const id = input.args[0] ?? "";
    if (!(await store.abandonSend(id)))
      throw new GreenticError(
        "CLI_SEND_MISSING",
        `Abandon send: none that waits is named ${quote(id)}, or it is under way just now`,
      );
    io.stdout.write(`abandoned ${id}\n`);
  },
});
