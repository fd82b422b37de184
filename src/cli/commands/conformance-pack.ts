import { judgePack } from "../../conformance/index.ts";
import { defineCommand, hasFlag } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { PUBKEY_OPTION, trustFor } from "../conformance/trust-for.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Judge a pack: integrity, signature, SBOM, flows, components, assets",
  arguments: [{ name: "target", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [
    PUBKEY_OPTION,
    { flags: "--allow-unsigned", summary: "leave the signature out where there is none, or none that is trusted" },
    ...SUITE_OPTIONS,
  ],
  examples: ["greentic-conformance pack weather.gtpack --pubkey acme.pub --junit reports/pack.xml"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const bytes = await readPackInput(io, target);
    const trust = await trustFor(input, io);
    const allowUnsigned = hasFlag(input, "allowUnsigned");
    return printVerdict(input, io, await judgePack(bytes, { target, nowMs: io.nowMs(), trust, allowUnsigned }));
  },
});
