import { tenantId } from "../../types/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { openStore, STORE_OPTIONS } from "../open-store.ts";

/** Where something died: on its way in, as a message that no turn could handle, or on its way out. */
const STAGES = ["ingress", "egress"] as const;

export default defineCommand({
  summary: "List what could not be handled or delivered",
  options: [
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
    const filter = {
      ...(tenant !== undefined && { tenant: tenantId(tenant) }),
      limit: Number(input.options["limit"]),
    };
    await using store = await openStore(input, io);
    // What people wrote stays in the store.
    const letters = stages.includes("ingress")
      ? (await store.listDeadLetters(filter)).map(({ order, key, reason, diedAtMs, traceId }) => ({
          stage: "ingress",
          id: String(order),
          key,
          reason,
          at: new Date(diedAtMs).toISOString(),
          traceId,
        }))
      : [];
    const rows = stages.includes("egress")
      ? (await store.listOutbox({ ...filter, status: "failed" })).map(
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
    if (hasFlag(input, "json")) printJson(io, shown);
    else
      for (const { stage, id, key, reason, at } of shown)
        io.stdout.write(`${stage}  ${id}  ${reason}  ${key}  ${at}\n`);
  },
});
