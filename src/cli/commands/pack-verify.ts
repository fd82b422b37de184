import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { fullChecks, probeComponent } from "../../conformance/index.ts";
import type { Validator } from "../../conformance/index.ts";
import { loadPublicKey, readProvenanceBeside, trustKey, verifyPack } from "../../pack/index.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";
import { isDevOk, POLICY_OPTION, readPackInput } from "../pack-input.ts";
import { printReport } from "../print-report.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Verify a pack's integrity, signatures and, in full, its content",
  arguments: [{ name: "pack", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [
    {
      flags: "--pubkey <file>",
      summary: "the publisher's public key, instead of the trusted publishers of greentic.toml",
    },
    {
      flags: "--provenance <file>",
      summary: "what says how it was built (default: PACK.intoto.json, where it is there); it must hold then",
    },
    { flags: "--full", summary: "check flows and components too, and ask the pack's validators" },
    {
      flags: "--validator <file>",
      summary: "a component that validates packs, for --full; may be repeated",
      repeat: true,
    },
    POLICY_OPTION,
    { flags: "--json", summary: "print the report as JSON" },
  ],
  examples: [
    "gtc pack verify my-feature-1.0.0.gtpack --pubkey my-key.pub",
    "gtc pack verify --full my-feature-1.0.0.gtpack",
  ],
  async run(input, io) {
    const pubkey = textOption(input, "pubkey");
    const trust =
      pubkey === undefined
        ? await trustOf(loadConfig({ cwd: io.cwd, environment: io.environment }))
        : trustKey(await loadPublicKey(resolve(io.cwd, pubkey)));
    const place = input.args[0] ?? "";
    const bytes = await readPackInput(io, place);
    const statement = textOption(input, "provenance");
    const provenance =
      statement === undefined
        ? await readProvenanceBeside(resolve(io.cwd, place))
        : [await readInputFile(io, statement)];
    const asked = statement === undefined ? trust : { ...trust, requireProvenance: true };
    const isLenient = isDevOk(input);
    const report = await verifyPack(bytes, {
      trust: isLenient ? { ...asked, rejectUnsigned: false } : asked,
      provenance,
      nowMs: io.nowMs(),
      ...(isLenient && { sbom: "warn" }),
      probeComponent,
      ...(hasFlag(input, "full") && {
        full: await fullChecks(bytes, { nowMs: io.nowMs(), validators: await readValidators(input, io) }),
      }),
    });
    if (hasFlag(input, "json")) printJson(io, report);
    else printReport(io, report);
    return report.ok ? 0 : 4;
  },
});

async function readValidators(input: CommandInput, io: CommandIo): Promise<readonly Validator[]> {
  const files = listOption(input, "validator");
  return Promise.all(files.map(async (file) => ({ name: file, bytes: await readInputFile(io, file) })));
}
