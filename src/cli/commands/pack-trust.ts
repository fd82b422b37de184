import { resolve } from "node:path";
import { loadSigningKey, signTrustFile, writeFileAtomic } from "../../pack/index.ts";
import { defineCommand } from "../command.ts";
import { expandHome } from "../expand-home.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Sign a trust file with the root key",
  arguments: [{ name: "file", summary: "JSON of version, expires, trusted_publishers and revoked" }],
  options: [
    { flags: "--key <file>", summary: "the root's private key", required: true },
    { flags: "-o, --out <file>", summary: "where the signed file goes", required: true },
  ],
  examples: ["gtc pack trust publishers.json --key root.pem --out trust.json"],
  async run(input, io) {
    const key = await loadSigningKey(resolve(io.cwd, expandHome(io, String(input.options["key"]))));
    const signed = await signTrustFile(await readInputFile(io, input.args[0] ?? ""), key);
    const out = resolve(io.cwd, String(input.options["out"]));
    await writeFileAtomic(out, Buffer.from(signed));
    io.stdout.write(`signed ${out}\nkey id  ${key.id}\n`);
  },
});
