import { loadConfig } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import { tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";

export default defineCommand({
  summary: "List registered packs",
  options: [
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--json", summary: "print as JSON" },
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const tenant = textOption(input, "tenant");
    const packs = await new PackShelf(config.dataDir).list(tenant === undefined ? undefined : tenantId(tenant));
    if (hasFlag(input, "json")) printJson(io, packs);
    else
      for (const pack of packs)
        io.stdout.write(
          `${pack.tenant}  ${pack.name} ${pack.version}  ${pack.packHash.slice(0, 16)}${pack.allowUnsigned ? "  unsigned" : ""}\n`,
        );
  },
});
