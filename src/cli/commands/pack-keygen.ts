import { resolve } from "node:path";
import { generateKeyFiles } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";

export default defineCommand({
  summary: "Make a signing key pair",
  options: [
    {
      flags: "--output <file>",
      summary: "where the private key goes (PKCS#8 PEM, mode 0600); the public key goes beside it as .pub",
      required: true,
    },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc pack keygen --output my-key.pem"],
  async run(input, io) {
    const keys = await generateKeyFiles(resolve(io.cwd, String(input.options["output"])));
    if (hasFlag(input, "json")) printJson(io, { key_id: keys.id, private: keys.privatePath, public: keys.publicPath });
    else
      io.stdout.write(`private key  ${keys.privatePath}\npublic key   ${keys.publicPath}\nkey id       ${keys.id}\n`);
  },
});
