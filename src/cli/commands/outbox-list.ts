import type { OutboxStatus } from "../../session/index.ts";
import { MAX_SEARCHED, newestRows } from "../../session/index.ts";
import { GreenticError, tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { ENV_OPTION, envConfig, openStore, STORE_OPTIONS, tellOtherEnv } from "../open-store.ts";

const STATUSES: readonly OutboxStatus[] = ["queued", "sending", "sent", "failed", "unknown", "abandoned"];

export default defineCommand({
  summary: "List sends and their states",
  options: [
    ENV_OPTION,
    ...STORE_OPTIONS,
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--status <status>", summary: STATUSES.join(", ") },
    { flags: "--unknown", summary: "only those whose fate is or was unknown" },
    { flags: "--limit <n>", summary: "at most so many", default: "100" },
  ],
  async run(input, io) {
    const wanted = textOption(input, "status");
    const status = STATUSES.find((known) => known === wanted);
    if (wanted !== undefined && status === undefined)
      throw new GreenticError("CLI_USAGE_INVALID", `List sends: expected --status ${STATUSES.join(", ")}`);
    const tenant = textOption(input, "tenant");
    const config = await envConfig(input, io);
    await using store = await openStore(config, io);
    const isDoubtful = hasFlag(input, "unknown");
    const limit = Number(input.options["limit"]);
    const filter = { ...(tenant !== undefined && { tenant: tenantId(tenant) }), ...(status && { status }) };
    const listed = await newestRows(config.env, (asked) => store.listOutbox({ ...filter, limit: asked }), {
      limit: isDoubtful ? MAX_SEARCHED : limit,
    });
    if (listed.length === 0) await tellOtherEnv(store, config.env, io);
    const rows = listed.filter((row) => !isDoubtful || row.wasUnknown).slice(0, limit);
    // Payloads are people's messages: they stay in the store.
    const shown = rows.map(
      ({ id, key, order, provider, sinkClass, status: state, attempts, wasUnknown, lastError }) => ({
        id,
        key,
        order,
        provider,
        sinkClass,
        status: state,
        attempts,
        wasUnknown,
        ...(lastError !== undefined && { lastError }),
      }),
    );
    if (hasFlag(input, "json")) printJson(io, shown);
    else
      for (const row of shown)
        io.stdout.write(
          `${row.id}  ${row.status}${row.wasUnknown ? " (was unknown)" : ""}  ${row.provider}  attempts ${row.attempts}${row.lastError === undefined ? "" : `  ${row.lastError}`}\n`,
        );
  },
});
