import { resolve } from "node:path";
import { addTenant, findConnector, initTenant } from "../../deployer/index.ts";
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
    {
      flags: "--add",
      summary: "add the tenant to the bundle that is here: channels, apps, access map and policy of its own",
    },
    { flags: "--force", summary: "replace files that are there" },
  ],
  examples: [
    "greentic-deployer init --tenant acme --connector messaging.telegram",
    "greentic-deployer init --tenant globex --add",
  ],
  async run(input, io) {
    const connectors = listOption(input, "connector").map(findConnector);
    const dir = resolve(io.cwd, textOption(input, "dir") ?? ".");
    const tenant = tenantId(String(input.options["tenant"]));
    if (hasFlag(input, "add")) {
      const written = await addTenant(tenant, { dir, connectors });
      for (const file of written) io.stdout.write(`wrote ${file}\n`);
      if (written.length === 0) io.stdout.write(`nothing to do: ${tenant} is here\n`);
      return;
    }
    const files = await initTenant(tenant, {
      dir,
      connectors,
      force: hasFlag(input, "force"),
    });
    for (const file of files) io.stdout.write(`wrote ${file}\n`);
    io.stdout.write("next: greentic-deployer bootstrap --env dev-desktop\n");
  },
});
