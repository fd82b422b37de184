import { loadConfig, withoutLogin } from "../../config/index.ts";
import type { Config } from "../../config/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";

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
    const rows = Object.entries(config.origins).map(([key, origin]) => ({ key, value: valueOf(config, key), origin }));
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

/** Finds the value under a dotted, snake-case key. */
function valueOf(config: Config, key: string): unknown {
  const path = key
    .replace(/^server\./, "")
    .split(".")
    .map((part) => part.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()));
  let value: unknown = config;
  for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
  // It signs tokens.
  if (key === "server.token_key" && value !== undefined) return "***";
  return key.endsWith(".url") && typeof value === "string" ? withoutLogin(value) : value;
}
