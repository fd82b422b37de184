import { isLiving } from "../../admin/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { recordTokenChange, TOKEN_OPTIONS, openTokens } from "../admin/token-settings.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  summary: "Revoke a token of the admin API",
  arguments: [{ name: "id", summary: "the token's id, as admin token list prints it" }],
  options: TOKEN_OPTIONS.filter(({ flags }) => flags !== "--json"),
  examples: ["gtc admin token revoke 3f0c9a1be27d4c58"],
  async run(input, io) {
    const id = input.args[0] ?? "";
    await using opened = await openTokens(input, io);
    const { config, tokens } = opened;
    const found = (await tokens.list()).find((one) => one.id === id);
    if (found === undefined || !isLiving(found, io.nowMs()))
      throw new GreenticError("ADMIN_NOT_FOUND", `Revoke token: none that lives is ${quote(id)}`);
    await recordTokenChange(config, { action: "token.revoke", target: found.name, tenant: found.tenant });
    await tokens.revoke(id);
    io.stdout.write(`revoked ${id}\n`);
  },
});
