import { tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { openStore, STORE_OPTIONS } from "../open-store.ts";

export default defineCommand({
  summary: "List sessions",
  options: [
    ...STORE_OPTIONS,
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--limit <n>", summary: "at most so many", default: "100" },
  ],
  async run(input, io) {
    await using store = await openStore(input, io);
    const tenant = textOption(input, "tenant");
    const sessions = await store.list({
      ...(tenant !== undefined && { tenant: tenantId(tenant) }),
      limit: Number(input.options["limit"]),
    });
    const rows = sessions.map(({ key, session, unread }) => ({
      key,
      flow: session?.cursor?.flow,
      waitingAt: session?.cursor?.node,
      waitReason: session?.waitReason,
      pack: session?.pack,
      unread,
    }));
    if (hasFlag(input, "json")) printJson(io, rows);
    else
      for (const row of rows)
        io.stdout.write(
          `${row.key}  ${row.flow === undefined ? "idle" : `${row.flow} at ${row.waitingAt ?? ""}`}  unread ${row.unread}\n`,
        );
  },
});
