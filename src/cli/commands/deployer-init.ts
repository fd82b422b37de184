import { resolve } from "node:path";
import { findConnector, initTenant } from "../../deployer/index.ts";
import { tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, listOption, textOption } from "../command.ts";

export default defineCommand({
  summary: "Describe a tenant and its connectors in this directory",
  options: [
    { flags: "--tenant <tenant>", summary: "the tenant's name", required: true },
    {
      flags: "--connector <id>",
      summary: "messaging.webchat or messaging.telegram; may be given many times",
      repeat: true,
    },
    { flags: "--dir <dir>", summary: "where to write (default: here)" },
    { flags: "--force", summary: "replace files that are there" },
  ],
  examples: ["greentic-deployer init --tenant acme --connector messaging.telegram"],
  async run(input, io) {
    const connectors = listOption(input, "connector").map(findConnector);
    const dir = resolve(io.cwd, textOption(input, "dir") ?? ".");
    const files = await initTenant(tenantId(String(input.options["tenant"])), {
      dir,
      connectors,
      force: hasFlag(input, "force"),
    });
    for (const file of files) io.stdout.write(`wrote ${file}\n`);
    io.stdout.write("next: greentic-deployer bootstrap --env dev-desktop\n");
  },
});
