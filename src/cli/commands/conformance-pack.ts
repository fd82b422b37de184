import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { judgePack } from "../../conformance/index.ts";
import { loadPublicKey, trustKey } from "../../pack/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { readPackInput } from "../pack-input.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Judge a pack: integrity, signature, SBOM, flows, components, assets",
  arguments: [{ name: "target", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [
    {
      flags: "--pubkey <file>",
      summary: "the publisher's public key, instead of the trusted publishers of greentic.toml",
    },
    { flags: "--allow-unsigned", summary: "leave the signature out where there is none, or none that is trusted" },
    ...SUITE_OPTIONS,
  ],
  examples: ["greentic-conformance pack weather.gtpack --pubkey acme.pub --junit reports/pack.xml"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const bytes = await readPackInput(io, target);
    const pubkey = textOption(input, "pubkey");
    const trust =
      pubkey === undefined
        ? await trustOf(loadConfig({ cwd: io.cwd, environment: io.environment }))
        : trustKey(await loadPublicKey(resolve(io.cwd, pubkey)));
    const allowUnsigned = hasFlag(input, "allowUnsigned");
    return printVerdict(input, io, await judgePack(bytes, { target, nowMs: io.nowMs(), trust, allowUnsigned }));
  },
});
