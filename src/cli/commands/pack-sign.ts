import { resolve } from "node:path";
import { loadSigningKey, signPackFile } from "../../pack/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { expandHome } from "../expand-home.ts";

export default defineCommand({
  summary: "Sign a pack",
  arguments: [{ name: "pack", summary: "the pack file", optional: true }],
  options: [
    { flags: "-p, --pack <file>", summary: "the pack file, instead of the argument" },
    { flags: "--key <file>", summary: "the private key", required: true },
  ],
  examples: ["gtc pack sign my-feature-1.0.0.gtpack --key my-key.pem"],
  async run(input, io) {
    const file = input.args[0] ?? textOption(input, "pack");
    if (file === undefined) throw new GreenticError("CLI_USAGE_INVALID", "Sign pack: no pack was named");
    const key = await loadSigningKey(resolve(io.cwd, expandHome(io, String(input.options["key"]))));
    const signed = await signPackFile(resolve(io.cwd, file), key);
    io.stdout.write(`signed ${file}\npack hash  ${signed.packHash}\nkey id     ${key.id}\n`);
  },
});
