import { join } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import { OciCache } from "../../oci/index.ts";
import { GreenticError, quote, tenantId } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { refreshPins } from "../pins.ts";

export default defineCommand({
  summary: "Remove a registered pack",
  arguments: [{ name: "name", summary: "the pack's name" }],
  options: [
    { flags: "--tenant <tenant>", summary: "whose pack (default: the configured tenant)" },
    { flags: "--data <dir>", summary: "the data directory" },
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const tenant = tenantId(textOption(input, "tenant") ?? config.tenant);
    const name = input.args[0] ?? "";
    const shelf = new PackShelf(config.dataDir);
    if (!(await shelf.remove(tenant, name)))
      throw new GreenticError("DEPLOYER_PACK_MISSING", `Unload pack: ${tenant} has none named ${quote(name)}`);
    await refreshPins(new OciCache(join(config.dataDir, "oci")), shelf);
    io.stdout.write(`unloaded ${name} of ${tenant}\n`);
  },
});
