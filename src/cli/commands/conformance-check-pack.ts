import { checkPublicPack } from "../../conformance/index.ts";
import { defineCommand, hasFlag } from "../command.ts";
import { FORMAT_OPTION, printPublic } from "../conformance/print-public.ts";
import { PUBKEY_OPTION, trustFor } from "../conformance/trust-for.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Report on a pack as the public greentic-conformance does",
  arguments: [{ name: "path", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [
    { flags: "--allow-dev-signatures", summary: "take a signature of whomever" },
    { flags: "--allow-unsigned", summary: "take packs without a signature" },
    PUBKEY_OPTION,
    FORMAT_OPTION,
  ],
  examples: ["greentic-conformance check-pack weather.gtpack --allow-dev-signatures"],
  async run(input, io) {
    const path = input.args[0] ?? "";
    const signatures = hasFlag(input, "allowDevSignatures") ? "dev_ok" : "strict";
    const report = await checkPublicPack(await readPackInput(io, path), {
      path,
      nowMs: io.nowMs(),
      trust: await trustFor(input, io),
      policy: hasFlag(input, "allowUnsigned") ? "unsigned_ok" : signatures,
    });
    const { signature_policy: policy, pack_v1_basic, pack_v1_full } = report;
    printPublic(input, io, {
      report,
      heads: { Pack: path, "Signature policy": policy, pack_v1_basic, pack_v1_full },
    });
  },
});
