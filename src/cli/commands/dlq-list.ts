import { newestRows } from "../../session/index.ts";
import type { DeadLetter, OutboxRow } from "../../session/index.ts";
import { tenantId } from "../../types/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { ENV_OPTION, envConfig, openStore, STORE_OPTIONS, tellOtherEnv } from "../open-store.ts";

/** Where something died: on its way in, as a message that no turn could handle, or on its way out. */
const STAGES = ["ingress", "egress"] as const;

export default defineCommand({
  summary: "List what could not be handled or delivered",
  options: [
    ENV_OPTION,
    ...STORE_OPTIONS,
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--stage <stage>", summary: STAGES.join(" or ") },
    { flags: "--limit <n>", summary: "at most so many of each stage", default: "100" },
  ],
  examples: ["gtc dlq list", "gtc dlq list --stage egress --json"],
  async run(input, io) {
    const wanted = textOption(input, "stage");
    const stages = STAGES.filter((stage) => wanted === undefined || stage === wanted);
    if (stages.length === 0)
      throw new GreenticError("CLI_USAGE_INVALID", `List dead letters: expected --stage ${STAGES.join(" or ")}`);
    const tenant = textOption(input, "tenant");
    const whose = tenant === undefined ? {} : { tenant: tenantId(tenant) };
    const limit = Number(input.options["limit"]);
    const config = await envConfig(input, io);
    await using store = await openStore(config, io);
    const newest = async <T extends DeadLetter | OutboxRow>(
      list: (limit: number) => Promise<readonly T[]>,
    ): Promise<readonly T[]> => (await newestRows(config.env, list, { limit })).slice(0, limit);
    // What people wrote stays in the store.
    const letters = stages.includes("ingress")
      ? (await newest((asked) => store.listDeadLetters({ ...whose, limit: asked }))).map(
          ({ order, key, reason, diedAtMs, traceId }) => ({
            stage: "ingress",
            id: String(order),
            key,
            reason,
            at: new Date(diedAtMs).toISOString(),
            traceId,
          }),
        )
      : [];
    const rows = stages.includes("egress")
      ? (await newest((asked) => store.listOutbox({ ...whose, status: "failed", limit: asked }))).map(
          ({ id, key, lastError, createdAtMs, traceId }) => ({
            stage: "egress",
            id,
            key,
            reason: lastError ?? "",
            at: new Date(createdAtMs).toISOString(),
            traceId,
          }),
        )
      : [];
    const shown = [...letters, ...rows];
    if (shown.length === 0) await tellOtherEnv(store, config.env, io);
    if (hasFlag(input, "json")) printJson(io, shown);
    else
      for (const { stage, id, key, reason, at } of shown)
        io.stdout.write(`${stage}  ${id}  ${reason}  ${key}  ${at}\n`);
  },
});
