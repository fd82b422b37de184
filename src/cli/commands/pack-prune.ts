import { join } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import { OciCache } from "../../oci/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import type { CommandInput } from "../command.ts";
import { refreshPins } from "../pins.ts";

export default defineCommand({
  summary: "Remove what was fetched from registries and isn't used",
  options: [
    { flags: "--older-than <days>", summary: "what wasn't used for so many days", default: "30" },
    { flags: "--keep <mib>", summary: "and the least recently used until so many MiB are left" },
    { flags: "--data <dir>", summary: "the data directory, whose oci/ is the cache" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc pack prune --older-than 7", "gtc pack prune --keep 500"],
  async run(input, io) {
    const { dataDir } = loadConfig({
      cwd: io.cwd,
      environment: io.environment,
      flags: { data: textOption(input, "data") },
    });
    const keep = countOption(input, "keep");
    const cache = new OciCache(join(dataDir, "oci"));
    await refreshPins(cache, new PackShelf(dataDir));
    const collected = await cache.collect({
      nowMs: io.nowMs(),
      maxAgeMs: (countOption(input, "olderThan") ?? 30) * 24 * 3_600_000,
      ...(keep !== undefined && { maxBytes: keep * (1 << 20) }),
    });
    if (hasFlag(input, "json")) printJson(io, collected);
    else
      io.stdout.write(
        `removed ${collected.removed} (${collected.removedBytes} bytes), kept ${collected.kept} (${collected.keptBytes} bytes)\n`,
      );
  },
});

function countOption(input: CommandInput, name: string): number | undefined {
  const text = textOption(input, name);
  if (text === undefined) return undefined;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new GreenticError("CLI_USAGE_INVALID", `Read the options: expected a whole number, got ${quote(text)}`);
}
