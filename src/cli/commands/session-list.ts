import { isOfEnv, startOfEnv } from "../../session/index.ts";
import { tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { ENV_OPTION, envConfig, openStore, STORE_OPTIONS, tellOtherEnv } from "../open-store.ts";

export default defineCommand({
  summary: "List sessions",
  options: [
    ENV_OPTION,
    ...STORE_OPTIONS,
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--limit <n>", summary: "at most so many", default: "100" },
  ],
  async run(input, io) {
    const config = await envConfig(input, io);
    await using store = await openStore(config, io);
    const tenant = textOption(input, "tenant");
    // Those of an env stand together in the order of keys.
    const listed = await store.list({
      ...(tenant !== undefined && { tenant: tenantId(tenant) }),
      limit: Number(input.options["limit"]),
      after: startOfEnv(config.env),
    });
    const sessions = listed.filter((session) => isOfEnv(config.env, session));
    if (sessions.length === 0) await tellOtherEnv(store, config.env, io);
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
