import { loadConfig } from "../../config/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { configRows } from "../config-rows.ts";

export default defineCommand({
  summary: "Show the configuration and where each value came from",
  options: [
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--origin", summary: "say where each value came from" },
    { flags: "--json", summary: "print as JSON" },
  ],
  run(input, io) {
    const config = loadConfig({
      cwd: io.cwd,
      environment: io.environment,
      flags: { config: textOption(input, "config") },
    });
    const rows = configRows(config);
    if (hasFlag(input, "json"))
      printJson(io, hasFlag(input, "origin") ? rows : Object.fromEntries(rows.map(({ key, value }) => [key, value])));
    else
      for (const { key, value, origin } of rows)
        io.stdout.write(
          `${key} = ${JSON.stringify(value ?? null)}${hasFlag(input, "origin") ? `  # ${origin}` : ""}\n`,
        );
    return Promise.resolve();
  },
});
