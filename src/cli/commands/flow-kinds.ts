import { KIND_CATALOG } from "../../runner/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";

export default defineCommand({
  summary: "List node kinds with their inputs",
  options: [{ flags: "--json", summary: "print with input and output schemas" }],
  run(input, io) {
    const kinds = [...KIND_CATALOG.values()];
    if (hasFlag(input, "json"))
      printJson(
        io,
        kinds.map(({ name, summary, effect, statuses, input: takes, output }) => ({
          name,
          summary,
          effect,
          statuses,
          input: takes,
          output,
        })),
      );
    else {
      for (const { name, summary, effect, statuses, input: takes } of kinds) {
        const fields = Object.keys((takes["properties"] as object | undefined) ?? {});
        io.stdout.write(
          `${name}\n  ${summary}\n  takes   ${fields.join(", ") || "anything"}\n  status  ${statuses === "any" ? "any" : statuses.join(", ")}\n  effect  ${effect}\n`,
        );
      }
    }
    return Promise.resolve();
  },
});
