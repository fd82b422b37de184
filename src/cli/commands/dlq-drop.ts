import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { openStore, storeConfig, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "Forget a dead letter",
  arguments: [{ name: "id", summary: "the id of a message that died on its way in, as dlq list prints it" }],
  options: STORE_OPTIONS.filter(({ flags }) => flags !== "--json"),
  examples: ["gtc dlq drop 4711"],
  async run(input, io) {
    const id = input.args[0] ?? "";
    await using store = await openStore(storeConfig(input, io), io);
    if (!/^\d+$/.test(id) || !(await store.dropDeadLetter(Number(id))))
      throw new GreenticError("CLI_DEAD_LETTER_MISSING", `Drop dead letter: none is named ${quote(id)}`);
    io.stdout.write(`dropped ${id}\n`);
  },
});
